"""A target group whose answers can be made to fail, to see what happens then."""

import random

from portable.local.listener.listener import TargetGroup
from portable.local.listener.messages import Request, Response, whole_body

BODY = b'"A fault was injected."'


class FaultyTargetGroup:
    """Forwards to `group`, but for `percent` of the requests, which it answers with a 500.

    It stands for a release that fails: to the listener these are its targets' own answers.
    """

    def __init__(self, group: TargetGroup, source: random.Random | None = None) -> None:
        self.group = group
        self.percent = 0.0
        self.random = source or random.Random()

    @property
    def name(self) -> str:
        """Name of the target group."""
        return self.group.name

    async def send(self, request: Request) -> Response:
        """Return a target's response, or an injected 500; raise `LoadBalancerError`."""
        if self.random.random() * 100 >= self.percent:
            return await self.group.send(request)
        async for _ in request.body:
            pass
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(BODY)).encode()),
        ]
        return Response(500, headers, whole_body(BODY), "fault")

    async def aclose(self) -> None:
        """End every target."""
        await self.group.aclose()
