"""The function as a target, with sandboxes that do what the test says."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from portable.errors import PortableError
from portable.local.failure import Failure
from portable.local.lambda_side.events import MAX_BODY, Event
from portable.local.lambda_side.lambda_target_group import LambdaTargetGroup
from portable.local.lambda_side.sandboxes import SandboxError
from portable.local.listener.messages import LoadBalancerError, Request, Response, whole_body
from portable.manifests.health_check import HealthCheck

OFF = HealthCheck(False, "/healthz", 35, 30, 5, 2, "200")
OK = json.dumps({"statusCode": 200, "body": "ok"}).encode()
Invoke = Callable[["FakeSandbox", Event], Awaitable[bytes]]


class FakeProcess:
    running = True

    def failure(self) -> Failure:
        return Failure("ValueError: no")


class FakeSandbox:
    """Answers with what `behave` returns; `busy` is the number of invocations under way."""

    def __init__(self, name: str, behave: Invoke, broken: bool = False) -> None:
        self.name = name
        self.behave = behave
        self.broken = broken
        self.process = FakeProcess()
        self.busy = 0
        self.events: list[Event] = []

    async def ready(self) -> None:
        if self.broken:
            self.process.running = False
            raise SandboxError("it does not start")

    async def invoke(self, event: Event) -> bytes:
        assert not self.busy, "a sandbox serves one invocation at a time"
        assert self.process.running
        self.events.append(event)
        self.busy += 1
        payload = await self.behave(self, event)
        self.busy -= 1  # an invocation that is cancelled goes on in the sandbox
        return payload

    async def kill(self) -> None:
        self.process.running = False


async def answer_ok(sandbox: FakeSandbox, event: Event) -> bytes:
    return OK


class Lab:
    """A target group, its sandboxes and what it told."""

    def __init__(
        self, behave: Invoke = answer_ok, limit: int = 2, check: HealthCheck = OFF, broken: int = 0
    ) -> None:
        self.sandboxes: list[FakeSandbox] = []
        self.told: list[str] = []

        async def start() -> FakeSandbox:
            number = len(self.sandboxes) + 1
            sandbox = FakeSandbox(f"sandbox-{number}", behave, number <= broken)
            self.sandboxes.append(sandbox)
            await asyncio.sleep(0)
            return sandbox

        self.group = LambdaTargetGroup("lambda", True, check, limit, start, self.told.append)

    async def send(self, body: AsyncIterator[bytes] | None = None, **more: object) -> Response:
        asked = Request(b"POST", b"/", [(b"Host", b"x")], ("::1", 1), **more)
        if body is not None:
            asked.body, asked.has_body = body, True
        return await self.group.send(asked)

    async def status(self, **more: object) -> tuple[int, str]:
        """The status, and why if the load balancer answered."""
        try:
            response = await self.send(**more)
        except LoadBalancerError as error:
            return error.status, error.text
        return response.status, ""


class Gate:
    """Lets invocations go on when it is opened."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.waiting = 0

    async def __call__(self, sandbox: FakeSandbox, event: Event) -> bytes:
        self.waiting += 1
        await self.open.wait()
        return OK

    async def until(self, count: int) -> None:
        while self.waiting < count:
            await asyncio.sleep(0)


def run(main: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(20):
            await main()

    asyncio.run(limited())


def test_one_request_becomes_one_event():
    async def main() -> None:
        lab = Lab()
        response = await lab.send(whole_body(b"abc"))
        assert (response.status, response.target) == (200, "sandbox-1")
        assert [chunk async for chunk in response.body] == [b"ok"]
        (event,) = lab.sandboxes[0].events
        assert (event["httpMethod"], event["multiValueHeaders"]) == ("POST", {"host": ["x"]})
        assert event["requestContext"]["elb"]["targetGroupArn"] == lab.group.arn

    run(main)


def test_an_idle_sandbox_is_used_again():
    async def main() -> None:
        lab = Lab()
        for _ in range(5):
            await lab.send()
        assert len(lab.sandboxes) == 1

    run(main)


@pytest.mark.parametrize("warm", [0, 1])
def test_scales_out_to_the_limit_and_throttles_beyond(warm):
    """However many come at the same moment."""

    async def main() -> None:
        gate = Gate()
        lab = Lab(gate, limit=2)
        for _ in range(warm):
            gate.open.set()
            await lab.send()
            gate.open.clear()
        waiting = [asyncio.create_task(lab.status()) for _ in range(5)]
        await gate.until(warm + 2)
        for _ in range(20):
            await asyncio.sleep(0)
        gate.open.set()
        results = await asyncio.gather(*waiting)
        assert len(lab.sandboxes) == 2
        assert [status for status, _ in results].count(200) == 2
        refused = {result for result in results if result[0] != 200}
        assert {status for status, _ in refused} == {502}
        assert all(reason.startswith("LambdaThrottling") for _, reason in refused)
        assert await lab.status() == (200, "")

    run(main)


def test_a_body_over_one_megabyte_is_413():
    async def main() -> None:
        lab = Lab()
        assert await lab.status(body=whole_body(b"a" * MAX_BODY)) == (200, "")
        status, reason = await lab.status(body=whole_body(b"a" * (MAX_BODY + 1)))
        assert (status, reason) == (413, "LambdaRequestTooLarge")
        assert len(lab.sandboxes[0].events) == 1

    run(main)


def test_a_websocket_is_400():
    async def main() -> None:
        lab = Lab()
        upgrade = Request(
            b"GET", b"/", [(b"Upgrade", b"websocket"), (b"Connection", b"Upgrade")], ("::1", 1)
        )
        with pytest.raises(LoadBalancerError) as error:
            await lab.group.send(upgrade)
        assert (error.value.status, error.value.text) == (400, "LambdaWebsocketNotSupported")

    run(main)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b'{"errorType": "ValueError", "errorMessage": "no"}', "LambdaUnhandled: ValueError: no"),
        (b'{"statusCode": "200"}', "LambdaInvalidResponse: statusCode is '200'"),
    ],
)
def test_a_result_that_is_no_response_is_502_and_the_sandbox_lives(payload, reason):
    async def main() -> None:
        async def behave(sandbox: FakeSandbox, event: Event) -> bytes:
            return payload

        lab = Lab(behave)
        for _ in range(2):
            with pytest.raises(LoadBalancerError) as error:
                await lab.send()
            assert (error.value.status, error.value.text) == (502, reason)
            assert error.value.target == "sandbox-1"
        assert len(lab.sandboxes) == 1

    run(main)


def test_a_sandbox_that_dies_or_times_out_is_replaced():
    async def main() -> None:
        async def behave(sandbox: FakeSandbox, event: Event) -> bytes:
            if sandbox.name == "sandbox-1":
                await sandbox.kill()
                raise SandboxError("Task timed out after 3.00 seconds")
            return OK

        lab = Lab(behave, limit=1)
        reason = "LambdaUnhandled: Task timed out after 3.00 seconds"
        assert await lab.status() == (502, reason)
        assert await lab.status() == (200, "")
        assert [sandbox.name for sandbox in lab.group.sandboxes] == ["sandbox-2"]
        assert any("sandbox-1" in text for text in lab.told)

    run(main)


def test_a_sandbox_that_died_while_idle_is_replaced_unseen():
    async def main() -> None:
        lab = Lab(limit=1)
        await lab.send()
        lab.sandboxes[0].process.running = False
        assert await lab.status() == (200, "")
        assert [sandbox.name for sandbox in lab.group.sandboxes] == ["sandbox-2"]

    run(main)


def test_a_sandbox_that_does_not_start_takes_no_place():
    async def main() -> None:
        lab = Lab(limit=1, broken=2)
        for _ in range(2):
            assert await lab.status() == (502, "LambdaUnhandled: it does not start")
        assert await lab.status() == (200, "")

    run(main)


def test_a_client_that_goes_away_does_not_end_the_invocation():
    async def main() -> None:
        gate = Gate()
        lab = Lab(gate, limit=1)
        sending = asyncio.create_task(lab.send())
        await gate.until(1)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        status, reason = await lab.status()
        assert (status, reason.partition(":")[0]) == (502, "LambdaThrottling")
        gate.open.set()
        while lab.sandboxes[0].busy:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert await lab.status() == (200, "")
        assert len(lab.sandboxes) == 1

    run(main)


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        (SandboxError("ModuleNotFoundError: x"), "does not start on the Lambda side: ModuleNot"),
        (b'{"errorType": "E", "errorMessage": "m"}', "on the Lambda side: LambdaUnhandled: E: m"),
        (b"[]", "on the Lambda side: LambdaInvalidResponse"),
    ],
)
def test_start_tells_why_the_function_does_not_answer(behaviour, message):
    async def main() -> None:
        async def behave(sandbox: FakeSandbox, event: Event) -> bytes:
            if isinstance(behaviour, Exception):
                raise behaviour
            return behaviour

        with pytest.raises(PortableError, match=message):
            await Lab(behave).group.start()

    run(main)


def test_start_sends_the_health_check_and_closing_ends_the_sandboxes():
    async def main() -> None:
        lab = Lab()
        await lab.group.start()
        (event,) = lab.sandboxes[0].events
        assert event["path"] == "/healthz"
        assert event["multiValueHeaders"] == {"user-agent": ["ELB-HealthChecker/2.0"]}
        await lab.group.aclose()
        assert not lab.sandboxes[0].process.running

    run(main)


def test_health_checks_tell_of_a_function_that_fails_and_requests_go_on():
    async def main() -> None:
        status = 200

        async def behave(sandbox: FakeSandbox, event: Event) -> bytes:
            return json.dumps({"statusCode": status}).encode()

        lab = Lab(behave, check=HealthCheck(True, "/healthz", 0.001, 5, 2, 2, "200"))
        await lab.group.start()
        for status, state in ((500, "unhealthy"), (200, "healthy")):
            while lab.group.health.state != state:
                await asyncio.sleep(0.001)
            assert f"lambda is {state}: GET /healthz answers {status}." in lab.told
            assert lab.group.targets == ("1 of 1" if state == "healthy" else "0 of 1")
            assert (await lab.status())[0] == status  # no failover, it still gets its share
        await lab.group.aclose()

    run(main)


def test_a_health_check_that_times_out_does_not_free_the_busy_sandbox():
    async def main() -> None:
        stuck = asyncio.Event()

        async def behave(sandbox: FakeSandbox, event: Event) -> bytes:
            if event["path"] == "/healthz" and len(sandbox.events) > 1:
                stuck.set()
                await asyncio.get_running_loop().create_future()
            return OK

        check = HealthCheck(True, "/healthz", 0.001, 0.01, 5, 1, "200")
        lab = Lab(behave, check=check)
        await lab.group.start()
        await stuck.wait()
        while lab.group.health.state != "unhealthy":
            await asyncio.sleep(0.001)
        lab.group.checks.cancel()
        assert await lab.status() == (200, "")  # the fake refuses a second invocation
        await lab.group.aclose()

    run(main)


def test_closing_ends_invocations_that_are_under_way():
    async def main() -> None:
        gate = Gate()
        lab = Lab(gate)
        sending = asyncio.create_task(lab.send())
        await gate.until(1)
        await lab.group.aclose()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert not lab.sandboxes[0].process.running

    run(main)


def test_taken_down_it_throttles_everything_until_it_is_brought_up():
    gate = Gate()

    async def main() -> None:
        lab = Lab(gate, limit=2)
        busy = asyncio.create_task(lab.status())
        await gate.until(1)
        lab.sandboxes[0].behave = answer_ok
        await lab.group.take_down()
        assert not any(sandbox.process.running for sandbox in lab.sandboxes)
        assert await lab.status() == (502, "LambdaThrottling: the function may not run")
        gate.open.set()
        await busy
        await lab.group.bring_up()
        assert [await lab.status() for _ in range(3)] == [(200, "")] * 3
        assert len(lab.group.sandboxes) == 1, "dead sandboxes take no place"
        await lab.group.aclose()

    run(main)


def test_a_restart_replaces_the_idle_sandboxes_and_lets_the_busy_ones_end():
    async def main() -> None:
        gate = Gate()

        async def behave(sandbox: FakeSandbox, event: Event) -> bytes:
            return await gate(sandbox, event) if event["httpMethod"] == "POST" else OK

        lab = Lab(behave, limit=3)
        waiting = asyncio.create_task(lab.status())
        await gate.until(1)
        gate.open.set()
        assert await lab.status() == (200, "")
        gate.open.clear()
        await waiting
        busy = asyncio.create_task(lab.status())
        await gate.until(3)
        await lab.group.restart()
        running = [sandbox.process.running for sandbox in lab.sandboxes]
        assert running.count(True) == 2, "the busy one and the new one"
        gate.open.set()
        assert await busy == (200, "")
        assert [sandbox.process.running for sandbox in lab.sandboxes] == [False, False, True]
        assert (await lab.send()).target == "sandbox-3"

    run(main)


def test_a_sandbox_that_starts_during_a_restart_serves_one_invocation():
    async def main() -> None:
        lab = Lab()
        first = asyncio.create_task(lab.status())
        while not lab.sandboxes:  # it starts with the old code
            await asyncio.sleep(0)
        lab.group.version += 1
        assert await first == (200, "")
        assert not lab.sandboxes[0].process.running and not lab.group.idle

    run(main)


def test_where_new_code_does_not_run_the_old_sandboxes_go_on():
    async def main() -> None:
        lab = Lab()
        await lab.send()

        async def fail(sandbox: FakeSandbox, event: Event) -> bytes:
            return b'{"errorType": "ValueError", "errorMessage": "no"}'

        lab.group.start_sandbox = lambda: started(FakeSandbox("sandbox-2", fail))
        with pytest.raises(PortableError, match="go on as they are: LambdaUnhandled: ValueError"):
            await lab.group.restart()
        assert (await lab.send()).target == "sandbox-1"
        await lab.group.take_down()
        with pytest.raises(PortableError, match="the function is down"):
            await lab.group.restart()

    async def started(sandbox: FakeSandbox) -> FakeSandbox:
        return sandbox

    run(main)
