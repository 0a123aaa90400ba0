"""The group of tasks: who gets a request, and what happens to a task that fails."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from portable.errors import PortableError
from portable.local.health import HealthCheck
from portable.local.ip_target_group import IPTargetGroup, Task
from portable.local.ip_targets import IPTarget
from portable.local.messages import LoadBalancerError, Request, Response


class FakeProcess:
    """A process that ends when the test says so."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.grace: float | None = None

    @property
    def running(self) -> bool:
        return not self.status.done()

    async def wait(self) -> int:
        return await asyncio.shield(self.status)

    async def terminate(self, grace: float) -> None:
        self.grace = grace
        if self.running:
            self.status.set_result(0)

    async def kill(self) -> None:
        await self.terminate(0)

    def error(self) -> str:
        return "ImportError: no app"


class FakeTask:
    """An HTTP server that answers with its number and, to checks, with `status`."""

    def __init__(self, number: int, status: int | None) -> None:
        self.process = FakeProcess(f"task-{number}")
        self.status = status
        self.checks = 0
        self.server: asyncio.Server | None = None

    async def listen(self) -> int:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self.server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if b"/healthz" not in head:
                body = self.process.name.encode()
                writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body)
                return
            self.checks += 1
            if self.status is not None:
                writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % self.status)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the group was closed in the middle of a check
        finally:
            writer.close()


class Lab:
    def __init__(self, count: int, statuses: list[int | None]) -> None:
        self.fakes: list[FakeTask] = []
        self.told: list[str] = []
        check = HealthCheck(True, "/healthz", 0.002, 5, 3, 2, "200")

        async def start(number: int) -> Task:
            fake = FakeTask(number, statuses[min(len(self.fakes), len(statuses) - 1)])
            self.fakes.append(fake)
            target = IPTarget("127.0.0.1", await fake.listen(), 5, None)
            return Task(fake.process, target, check)

        self.group = IPTargetGroup("fargate", 1, check, count, 7.5, start, self.told.append)
        self.group.FIRST_CHECKS = 0.001

    async def send(self) -> str:
        response: Response = await self.group.send(
            Request(b"GET", b"/", [(b"Host", b"x")], ("127.0.0.1", 1))
        )
        return b"".join([chunk async for chunk in response.body]).decode()

    async def until(self, told: str) -> None:
        while told not in self.told:
            await asyncio.sleep(0.001)


def run(
    use: Callable[[Lab], Awaitable[None]], count: int = 2, statuses: list[int | None] | None = None
) -> None:
    async def main() -> None:
        lab = Lab(count, statuses or [200])
        try:
            async with asyncio.timeout(20):
                await use(lab)
        finally:
            await lab.group.aclose()
            for fake in lab.fakes:
                fake.server.close()
            await asyncio.sleep(0.001)  # for sockets to close: one left open is an error

    asyncio.run(main())


def test_healthy_tasks_take_turns():
    async def use(lab: Lab) -> None:
        await lab.group.start()
        answers = [await lab.send() for _ in range(9)]
        assert sorted(answers[:3]) == ["task-1", "task-2", "task-3"]
        assert answers == answers[:3] * 3
        assert lab.group.targets == "3 of 3"

    run(use, 3)


def test_no_registered_target_is_503():
    async def use(lab: Lab) -> None:
        with pytest.raises(LoadBalancerError) as error:
            await lab.send()
        assert error.value.status == 503

    run(use)


def test_an_unhealthy_task_gets_nothing_until_it_passes_again():
    async def use(lab: Lab) -> None:
        await lab.group.start()
        first = lab.fakes[0]
        first.status = 500
        await lab.until("task-1 is unhealthy: GET /healthz answers 500.")
        assert {await lab.send() for _ in range(6)} == {"task-2"}
        assert lab.group.targets == "1 of 2"
        lab.told.clear()
        checks, first.status = first.checks, 200
        await lab.until("task-1 is healthy: GET /healthz answers 200.")
        assert first.checks - checks >= 3  # the healthy threshold
        assert {await lab.send() for _ in range(6)} == {"task-1", "task-2"}

    run(use)


def test_no_answer_is_a_failed_check():
    async def use(lab: Lab) -> None:
        await lab.group.start()
        lab.fakes[0].status = None
        await lab.until("task-1 is unhealthy: no answer.")

    run(use)


def test_with_none_healthy_all_get_requests():
    async def use(lab: Lab) -> None:
        await lab.group.start()
        for fake in lab.fakes:
            fake.status = 500
        for name in ("task-1", "task-2"):
            await lab.until(f"{name} is unhealthy: GET /healthz answers 500.")
        assert {await lab.send() for _ in range(4)} == {"task-1", "task-2"}

    run(use)


def test_a_task_that_ends_is_replaced_once_it_is_ready():
    async def use(lab: Lab) -> None:
        await lab.group.start()
        lab.fakes[0].process.status.set_result(9)
        await lab.until("task-1 ended with status 9; starting another.")
        while lab.group.targets != "2 of 2":
            assert await lab.send() == "task-2"  # nobody notices
        assert len(lab.fakes) == 3
        assert lab.told.count("task-1 is healthy: GET /healthz answers 200.") == 2

    run(use)


def test_a_replacement_that_is_not_ready_yet_gets_nothing():
    async def use(lab: Lab) -> None:
        await lab.group.start()
        lab.fakes[0].process.status.set_result(9)
        while len(lab.fakes) < 3 or lab.fakes[2].checks < 2:
            assert await lab.send() == "task-2"
        lab.fakes[2].status = 200
        await lab.until("task-1 is healthy: GET /healthz answers 200.")

    run(use, 2, [200, 200, None])


def test_start_fails_with_the_processs_own_words():
    async def use(lab: Lab) -> None:
        start = asyncio.create_task(lab.group.start())
        while not lab.fakes or not lab.fakes[0].checks:
            await asyncio.sleep(0)
        lab.fakes[0].process.status.set_result(1)
        with pytest.raises(PortableError, match="Fargate side: ImportError: no app"):
            await start

    run(use, 1, [None])


def test_start_gives_up_on_a_task_that_never_answers():
    async def use(lab: Lab) -> None:
        lab.group.START_TIMEOUT = 0.05
        with pytest.raises(PortableError, match="does not answer on the Fargate side"):
            await lab.group.start()

    run(use, 1, [None])


def test_a_task_that_answers_with_an_error_is_started_but_not_healthy():
    async def use(lab: Lab) -> None:
        await lab.group.start()
        await lab.until("task-1 is unhealthy: GET /healthz answers 404.")
        assert await lab.send() == "task-1"  # the only one: fail open

    run(use, 1, [404])


def test_closing_terminates_every_task_with_the_stop_timeout():
    async def use(lab: Lab) -> None:
        await lab.group.start()
        await lab.group.aclose()
        assert [fake.process.grace for fake in lab.fakes] == [7.5, 7.5]
        with pytest.raises(LoadBalancerError):
            await lab.send()

    run(use)
