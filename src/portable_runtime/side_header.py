"""A response header that names the side, for whoever wants to see a split. Off by default."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from portable_runtime.target_settings import TargetSettings

NAME = b"x-portable-side"
SIDES = {"lambda": b"lambda", "ecs": b"fargate"}


class SideHeader:
    """ASGI middleware that adds the header to every response of `app`."""

    def __init__(self, app: Any, side: bytes) -> None:
        self.app = app
        self.header = (NAME, side)

    async def __call__(
        self, scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]
    ) -> None:
        async def named(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), self.header]}
            await send(message)

        await self.app(scope, receive, named if scope["type"] == "http" else send)


def with_side_header(app: Any, settings: TargetSettings) -> Any:
    """Return `app`, with the header if the settings want it."""
    if not settings.side_header:
        return app
    return SideHeader(app, SIDES[settings.execution_environment])
