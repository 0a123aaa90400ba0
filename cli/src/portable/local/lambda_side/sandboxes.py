"""A Lambda sandbox (execution environment): the runtime emulator and what it runs."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import h11

from portable.local.failure import Failure
from portable.local.lambda_side.events import Event
from portable.local.listener.health import probe
from portable.local.listener.http1 import Pool
from portable.local.processes import Process

INVOKE_PATH = "/2015-03-31/functions/function/invocations"


class SandboxError(Exception):
    """The sandbox died or was ended; what it was doing is lost."""

    def __init__(self, message: str, failure: Failure | None = None) -> None:
        super().__init__(message)
        self.failure = failure


class Sandbox:
    """One sandbox, which serves one invocation at a time and lives until it fails.

    `timeout` is the function's, in seconds. The emulator enforces it; it answers 200 with a
    line of text then, and 200 with a description of the error when the function fails:
    https://github.com/aws/aws-lambda-runtime-interface-emulator
    """

    START_TIMEOUT = 30.0  # seconds until the emulator listens
    MARGIN = 10.0  # seconds beyond the function's timeout before the emulator counts as hung

    def __init__(self, process: Process, host: str, port: int, timeout: float) -> None:
        self.process = process
        self.name = process.name
        self.timeout = timeout
        self.pool = Pool(host, port, idle_timeout=float("inf"), source=None)
        self.listens = False
        self.version = 1  # of the code that it runs

    async def ready(self) -> None:
        """Wait until the emulator listens; raise `SandboxError` if it does not."""
        if self.listens:
            return
        try:
            async with asyncio.timeout(self.START_TIMEOUT):
                # Any answer will do; a connection alone may be Docker's, not the emulator's.
                while await probe("/", 1.0, self.pool.host, self.pool.port) is None:
                    if not self.process.running:
                        await self.process.wait()
                        failure = self.process.failure()
                        raise SandboxError(str(failure), failure)
                    await asyncio.sleep(0.02)
            self.listens = True
        except TimeoutError:
            raise SandboxError("the emulator did not start to listen") from None

    async def invoke(self, event: Event) -> bytes:
        """Return the function's result as JSON; raise `SandboxError`, after which it is dead."""
        try:
            async with asyncio.timeout(self.timeout + self.MARGIN):
                payload = await self._post(json.dumps(event).encode())
        except (OSError, h11.ProtocolError, TimeoutError):
            await self.kill()
            raise SandboxError("the sandbox ended during the invocation") from None
        failure = _fatal(payload)
        if failure:
            await self.kill()
            raise SandboxError(failure)
        return payload

    async def kill(self) -> None:
        """End the sandbox. Lambda gives it no signal either."""
        await self.pool.aclose()
        await self.process.kill()

    async def _post(self, body: bytes) -> bytes:
        channel = await self.pool.acquire()
        try:
            headers = [("Host", "sandbox"), ("Content-Length", str(len(body)))]
            request = h11.Request(method="POST", target=INVOKE_PATH, headers=headers)
            await channel.send(request, h11.Data(data=body), h11.EndOfMessage())
            await channel.receive(None)
            return b"".join([chunk async for chunk in channel.body(None)])
        finally:
            self.pool.release(channel)


StartSandbox = Callable[[], Awaitable[Sandbox]]


def _fatal(payload: bytes) -> str | None:
    """Return what ended the sandbox, by the emulator's answer; None if it lives."""
    if payload.startswith(b"Task timed out after"):
        return payload.decode()
    if b'"errorType"' not in payload[:8192] and b'"errorType"' not in payload[-8192:]:
        return None
    try:
        result = json.loads(payload)
    except ValueError:
        return None
    kind = str(result.get("errorType", "")) if isinstance(result, dict) else ""
    if not kind.startswith(("Runtime.", "Sandbox.", "Extension.")):
        return None  # an exception of the handler: the sandbox lives on
    return f"{kind}: {result.get('errorMessage')}"
