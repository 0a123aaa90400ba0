"""The target group of type `lambda`: a function that scales out by starting sandboxes."""

import asyncio
import contextlib
from collections.abc import Callable

from portable.errors import PortableError
from portable.local.failure import Failure, StartError
from portable.local.lambda_side.events import MAX_BODY, Event, health_event, request_event, response
from portable.local.lambda_side.sandboxes import Sandbox, SandboxError, StartSandbox
from portable.local.listener.health import Health, broken_contract
from portable.local.listener.messages import LoadBalancerError, Request, Response
from portable.local.listener.reasons import Reason
from portable.manifests.health_check import HealthCheck


class LambdaTargetGroup:
    """Invokes a function for each request, one request per sandbox.

    A request that finds no idle sandbox starts one (a cold start), up to `limit`; beyond that
    the function is throttled. `notify` gets one sentence when something happens to a target.
    """

    def __init__(
        self,
        name: str,
        multi_value: bool,
        check: HealthCheck,
        limit: int,
        start_sandbox: StartSandbox,
        notify: Callable[[str], None],
    ) -> None:
        self.name = name
        self.multi_value = multi_value
        self.limit = limit
        self.down = False
        self.start_sandbox = start_sandbox
        self.notify = notify
        self.health = Health(check)
        self.arn = f"arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/{name}/0"
        self.sandboxes: list[Sandbox] = []
        self.idle: list[Sandbox] = []
        self.version = 1  # of the code; sandboxes of an older one end with their invocation
        self.starting = 0  # sandboxes that are not in the list yet
        self.invocations: set[asyncio.Task[tuple[bytes, str]]] = set()
        self.checks: asyncio.Task[None] | None = None

    @property
    def healthy(self) -> int:
        """How many targets are healthy: one function, however many sandboxes it runs in."""
        return int(self.health.state == "healthy")

    @property
    def unhealthy(self) -> int:
        """How many targets are unhealthy."""
        return int(self.health.state == "unhealthy")

    @property
    def targets(self) -> str:
        """How many targets are healthy, as in "1 of 1"."""
        return f"{self.healthy} of 1"

    @property
    def waiting(self) -> str:
        """What the start waits for, "" once it waits for nothing."""
        return "" if self.health.state != "initial" else "the first sandbox"

    async def start(self) -> None:
        """Start one sandbox and let it answer the health check; raise `PortableError`."""
        try:
            payload, name = await self._invoke(self._health_event(), self._reserve())
        except SandboxError as error:
            message = f"the app does not start on the Lambda side: {error}."
            raise StartError(message, error.failure) from None
        try:
            status = response(payload, self.multi_value).status
        except LoadBalancerError as error:
            failure = self.sandboxes[-1].process.failure() if self.sandboxes else Failure("")
            where = f" ({failure.place})" if failure.place else ""
            message = f"the function does not answer on the Lambda side: {error.text}{where}."
            raise StartError(message, failure) from None
        self._record(status)
        if not self.health.check.accepts(status):
            advice = "The load balancer sends to a side without healthy targets all the same."
            self.notify(broken_contract(self.name, self.health.check, status, advice))
        self.notify(f"{name} started.")
        if self.health.check.enabled:
            self.checks = asyncio.create_task(self._check_forever())

    async def send(self, request: Request) -> Response:
        """Return the function's answer; raise `LoadBalancerError`."""
        if request.is_upgrade:
            raise LoadBalancerError(400, Reason.WEBSOCKET)
        body = bytearray()
        async for chunk in request.body:
            body += chunk
            if len(body) > MAX_BODY:
                raise LoadBalancerError(413, Reason.REQUEST_TOO_LARGE)
        event = request_event(request, bytes(body), self.arn, self.multi_value)
        # A client that goes away does not end the invocation.
        invocation = asyncio.create_task(self._invoke(event, self._reserve()))
        self.invocations.add(invocation)
        invocation.add_done_callback(self._forget)
        try:
            payload, name = await asyncio.shield(invocation)
        except SandboxError as error:
            raise LoadBalancerError(502, Reason.UNHANDLED, str(error)) from None
        try:
            answer = response(payload, self.multi_value)
        except LoadBalancerError as error:
            error.target = name
            raise
        answer.target = name
        return answer

    async def restart(self) -> None:
        """Run new code from the next invocation on, as behind an alias that moves to a new version.

        A new sandbox has to answer the health check first; where it does not, the old ones stay:
        `PortableError` says why. It is raised too while the function may not run.
        """
        if self.down:
            raise PortableError("the function is down: a restart needs one that may run.")
        sandbox = await self.start_sandbox()
        try:
            await sandbox.ready()
            response(await sandbox.invoke(self._health_event()), self.multi_value)
        except (SandboxError, LoadBalancerError) as error:
            failure = sandbox.process.failure()
            await sandbox.kill()
            reason = error.text if isinstance(error, LoadBalancerError) else str(error)
            where = f" ({failure.place})" if failure.place and failure.place not in reason else ""
            message = f"the sandboxes go on as they are: {reason}{where}"
            self.notify(f"{message}.")
            raise PortableError(f"{message}.") from None
        except asyncio.CancelledError:
            await sandbox.kill()
            raise
        self.version += 1
        sandbox.version = self.version
        old, self.idle = self.idle, [sandbox]
        self.sandboxes = [other for other in self.sandboxes if other not in old] + [sandbox]
        await asyncio.gather(*(other.kill() for other in old))
        self.notify(f"{sandbox.name} has replaced the sandboxes; those that are busy end then.")

    async def take_down(self) -> None:
        """End the sandboxes and throttle every invocation, as a reserved concurrency of 0 does."""
        self.down = True
        sandboxes = list(self.sandboxes)
        while self.idle:
            self.sandboxes.remove(self.idle.pop())
        await asyncio.gather(*(sandbox.kill() for sandbox in sandboxes))
        self.notify(f"{self.name} is down: the function may not run.")

    async def bring_up(self) -> None:
        """Let the function run again."""
        self.down = False
        self.notify(f"{self.name} is up again.")

    async def aclose(self) -> None:
        """End the sandboxes."""
        if self.checks is not None:
            self.checks.cancel()
        for invocation in self.invocations:
            invocation.cancel()
        await asyncio.gather(*self.invocations, return_exceptions=True)
        await asyncio.gather(*(sandbox.kill() for sandbox in self.sandboxes))

    def _reserve(self) -> Sandbox | None:
        """Return an idle sandbox, or None for one to be started; raise `LoadBalancerError`."""
        if self.down:
            raise LoadBalancerError(502, Reason.THROTTLED, "the function may not run")
        while self.idle:
            sandbox = self.idle.pop()  # the most recent one, as Lambda keeps few of them warm
            if sandbox.process.running:
                return sandbox
            self.sandboxes.remove(sandbox)
            self.notify(f"{sandbox.name} is gone.")
        if len(self.sandboxes) + self.starting >= self.limit:
            busy = f"all {self.limit} sandboxes are busy"
            raise LoadBalancerError(502, Reason.THROTTLED, busy)
        self.starting += 1
        return None

    async def _invoke(self, event: Event, sandbox: Sandbox | None) -> tuple[bytes, str]:
        if sandbox is None:
            version = self.version
            try:
                sandbox = await self.start_sandbox()
                sandbox.version = version
                self.sandboxes.append(sandbox)
            except PortableError as error:
                raise SandboxError(str(error)) from None
            finally:
                self.starting -= 1
        try:
            await sandbox.ready()
            payload = await sandbox.invoke(event)
        except asyncio.CancelledError:
            await sandbox.kill()  # it is still busy, and nobody waits for it any more
            raise
        except SandboxError as error:
            self.notify(f"{sandbox.name} ended: {error}.")
            raise
        finally:
            if sandbox.version != self.version:
                await sandbox.kill()
            if sandbox.process.running:
                self.idle.append(sandbox)
            elif sandbox in self.sandboxes:
                self.sandboxes.remove(sandbox)
        return payload, sandbox.name

    async def _check_forever(self) -> None:
        while True:
            await asyncio.sleep(self.health.check.interval)
            status = None
            with contextlib.suppress(SandboxError, LoadBalancerError, TimeoutError):
                async with asyncio.timeout(self.health.check.timeout):
                    payload, _ = await self._invoke(self._health_event(), self._reserve())
                    status = response(payload, self.multi_value).status
            self._record(status)

    def _health_event(self) -> Event:
        return health_event(self.health.check.path, self.arn, self.multi_value)

    def _record(self, status: int | None) -> None:
        check = self.health.check
        if self.health.record(status is not None and check.accepts(status)):
            answer = "no answer" if status is None else f"GET {check.path} answers {status}"
            self.notify(f"{self.name} is {self.health.state}: {answer}.")

    def _forget(self, invocation: "asyncio.Task[tuple[bytes, str]]") -> None:
        self.invocations.discard(invocation)
        if not invocation.cancelled():
            invocation.exception()  # the client that would have seen it may be gone
