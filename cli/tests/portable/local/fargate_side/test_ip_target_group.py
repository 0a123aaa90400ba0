"""The group of tasks: who gets a request, and what happens to a task that fails."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from portable.errors import PortableError
from portable.local.failure import Failure
from portable.local.fargate_side.ip_target import IPTarget
from portable.local.fargate_side.ip_target_group import IPTargetGroup
from portable.local.fargate_side.tasks import Task
from portable.local.listener.messages import LoadBalancerError, Request, Response
from portable.local.listener.reasons import Reason
from portable.manifests.health_check import HealthCheck


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

    def failure(self) -> Failure:
        return Failure("ImportError: no app")

    def ports(self) -> list[int]:
        return [8000]


class FakeTask:
    """An HTTP server that answers with its name and, to checks, with `status`.

    Its answer to /slow comes once `release` is set, and of /stream only the first byte before.
    """

    def __init__(self, number: int, status: int | None) -> None:
        self.process = FakeProcess(f"task-{number}")
        self.status = status
        self.checks = 0
        self.asked: list[str] = []
        self.release = asyncio.Event()
        self.server: asyncio.Server | None = None

    async def listen(self) -> int:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self.server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if b"/healthz" not in head:
                path = head.split()[1].decode()
                self.asked.append(path)
                if path == "/slow":
                    await self.release.wait()
                writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
                if path == "/stream":
                    writer.write(b">")
                    await self.release.wait()
                writer.write(self.process.name.encode())
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

        self.faults: list[str] = []  # what starting a task fails of, once each

        async def start(number: int) -> Task:
            if self.faults:
                raise PortableError(self.faults.pop())
            fake = FakeTask(number, statuses[min(len(self.fakes), len(statuses) - 1)])
            self.fakes.append(fake)
            try:
                target = IPTarget("127.0.0.1", await fake.listen(), 5, None)
            except asyncio.CancelledError:
                await fake.process.kill()  # as asyncio does with a child
                raise
            return Task(fake.process, target, check)

        self.group = IPTargetGroup("fargate", check, count, 7.5, 5, start, self.told.append)
        self.group.FIRST_CHECKS = 0.001

    async def send(self, path: bytes = b"/") -> str:
        response: Response = await self.group.send(
            Request(b"GET", path, [(b"Host", b"x")], ("127.0.0.1", 1))
        )
        return b"".join([chunk async for chunk in response.body]).decode()

    async def in_flight(self, path: str) -> tuple[FakeTask, "asyncio.Task[str]"]:
        """Send a request that waits for `release`; return who has it, and its answer to be."""
        answer = asyncio.create_task(self.send(path.encode()))
        while True:
            for fake in self.fakes:
                if path in fake.asked:
                    return fake, answer
            await asyncio.sleep(0.001)

    async def refusal(self) -> LoadBalancerError:
        with pytest.raises(LoadBalancerError) as error:
            await self.send()
        return error.value

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
                fake.release.set()
                if fake.server is not None:
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
        assert (await lab.refusal()).status == 503

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

    run(use, 2, [200, 200, 500])  # no other one can take over


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

    run(use, 2, [200, 200, 500])  # no other one can take over


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

    run(use, 2, [200, 200, None])  # no other one can take over


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
        told = r"does not answer GET /healthz on port \d+, .* it listens on 8000 instead"
        with pytest.raises(PortableError, match=told):
            await lab.group.start()

    run(use, 1, [None])


def test_a_task_that_answers_with_an_error_is_started_but_not_healthy():
    async def use(lab: Lab) -> None:
        await lab.group.start()
        await lab.until("task-1 is unhealthy: GET /healthz answers 404.")
        assert await lab.send() == "task-1"  # the only one: fail open

    run(use, 1, [404])


def test_a_task_that_hangs_is_replaced_and_stopped():
    async def use(lab: Lab) -> None:
        await lab.group.start()
        lab.fakes[0].status = None  # it does not answer any more
        await lab.until("task-1 is replaced, as it does not pass its health check any more.")
        await lab.until("task-1 is stopped.")
        assert lab.fakes[0].process.grace == 7.5
        assert {await lab.send() for _ in range(4)} == {"task-2", "task-3"}
        assert lab.group.targets == "2 of 2"

    run(use, 2, [200])


def test_a_task_that_hangs_stays_where_its_replacement_does_not_start():
    async def use(lab: Lab) -> None:
        await lab.group.start()
        lab.faults.append("cannot start 'python': too many processes.")
        lab.fakes[0].status = 500
        await lab.until("task-2 cannot take over: cannot start 'python': too many processes.")
        await lab.until("task-1 is stopped.")
        assert await lab.send() == "task-3"

    run(use, 1, [200])


def test_closing_terminates_every_task_with_the_stop_timeout():
    async def use(lab: Lab) -> None:
        await lab.group.start()
        await lab.group.aclose()
        assert [fake.process.grace for fake in lab.fakes] == [7.5, 7.5]
        with pytest.raises(LoadBalancerError):
            await lab.send()

    run(use)


def test_a_target_without_its_first_check_gets_nothing_even_where_none_is_healthy():
    async def use(lab: Lab) -> None:
        await lab.group.start()
        lab.fakes[0].process.status.set_result(9)
        while len(lab.fakes) < 2 or not lab.fakes[1].checks:
            await asyncio.sleep(0.001)
        refused = await lab.refusal()
        assert (refused.status, lab.fakes[1].asked) == (503, [])
        assert (lab.group.healthy, lab.group.unhealthy) == (0, 0)

    run(use, 1, [200, None])


def test_a_replacement_that_cannot_be_started_is_tried_again():
    async def use(lab: Lab) -> None:
        await lab.group.start()
        lab.faults.append("cannot start 'python': too many processes.")
        lab.fakes[0].process.status.set_result(9)
        await lab.until(
            "task-1 is tried again, as it did not start: cannot start 'python': too many processes."
        )
        while lab.group.targets != "1 of 1":
            await asyncio.sleep(0.001)
        assert await lab.send() == "task-1"

    run(use, 1)


def test_a_restart_replaces_every_task():
    async def use(lab: Lab) -> None:
        await lab.group.start()
        lab.told.clear()
        await lab.group.restart()
        assert {await lab.send() for _ in range(4)} == {"task-3", "task-4"}
        assert lab.group.targets == "2 of 2"
        assert [fake.process.grace for fake in lab.fakes] == [7.5, 7.5, None, None]
        assert lab.told[0] == "task-3 and task-4 start in the place of task-1 and task-2."
        assert sorted(lab.told[1:3]) == [
            f"task-{number} is healthy: GET /healthz answers 200." for number in (3, 4)
        ]
        assert sorted(lab.told[3:-1]) == [
            "task-1 is deregistered with no request in flight.",
            "task-1 is stopped.",
            "task-2 is deregistered with no request in flight.",
            "task-2 is stopped.",
        ]
        assert lab.told[-1] == "task-3 and task-4 have replaced task-1 and task-2."

    run(use)


def test_the_new_tasks_of_a_restart_are_supervised_and_the_old_ones_no_longer():
    async def use(lab: Lab) -> None:
        await lab.group.start()
        await lab.group.restart()
        assert not any("ended" in sentence for sentence in lab.told)
        assert set(lab.group.supervisors) == {3, 4}
        lab.fakes[2].process.status.set_result(9)
        await lab.until(f"{lab.fakes[2].process.name} ended with status 9; starting another.")
        while lab.group.targets != "2 of 2":
            await asyncio.sleep(0.001)
        assert {await lab.send() for _ in range(4)} == {"task-3", "task-4"}

    run(use)


@pytest.mark.parametrize(("path", "begin"), [("/slow", ""), ("/stream", ">")])
def test_a_draining_task_finishes_what_it_has_and_gets_nothing_new(path: str, begin: str):
    async def use(lab: Lab) -> None:
        await lab.group.start()
        old, answer = await lab.in_flight(path)
        restart = asyncio.create_task(lab.group.restart())
        await lab.until(f"{old.process.name} is deregistered with 1 request in flight.")
        assert {await lab.send() for _ in range(8)} == {"task-3", "task-4"}
        assert old.process.grace is None, "SIGTERM comes after draining"
        old.release.set()
        assert await answer == begin + old.process.name
        await restart
        assert (old.process.grace, old.asked) == (7.5, [path])

    run(use)


def test_what_is_still_in_flight_after_the_delay_is_cut_off():
    async def use(lab: Lab) -> None:
        lab.group.deregistration_delay = 0.01
        await lab.group.start()
        old, answer = await lab.in_flight("/slow")
        await lab.group.restart()
        with pytest.raises(LoadBalancerError) as error:
            await answer
        assert error.value.status == 502
        assert error.value.reason is Reason.DEREGISTERED
        after = "still in flight after the deregistration delay, 0.01 s"
        assert f"{old.process.name} lost 1 request, {after}." in lab.told
        assert old.process.grace == 7.5

    run(use)


def test_a_response_that_is_cut_off_after_its_begin_ends_in_the_middle():
    async def use(lab: Lab) -> None:
        lab.group.deregistration_delay = 0.01
        await lab.group.start()
        _, answer = await lab.in_flight("/stream")
        await lab.group.restart()
        assert await answer == ">"  # without a length, the end of the connection is the end

    run(use)


def test_a_task_that_dies_while_it_drains_ends_the_restart():
    async def use(lab: Lab) -> None:
        await lab.group.start()
        old, answer = await lab.in_flight("/slow")
        restart = asyncio.create_task(lab.group.restart())
        await lab.until(f"{old.process.name} is deregistered with 1 request in flight.")
        old.process.status.set_result(9)
        old.release.set()
        await answer
        await restart
        assert len(lab.fakes) == 4, "nobody takes the place of a task that is leaving"

    run(use)


def test_where_a_new_task_is_not_healthy_the_old_ones_go_on():
    async def use(lab: Lab) -> None:
        await lab.group.start()
        lab.group.START_TIMEOUT = 1
        message = "task-1 and task-2 go on: the app fails its health check: "
        with pytest.raises(PortableError, match=f"{message}GET /healthz answers 500"):
            await lab.group.restart()
        assert {await lab.send() for _ in range(4)} == {"task-1", "task-2"}
        assert [fake.process.running for fake in lab.fakes] == [True, True, False, False]
        assert f"{message}GET /healthz answers 500." in lab.told
        assert lab.group.targets == "2 of 2"

    run(use, 2, [200, 200, 200, 500])


def test_where_a_new_task_does_not_start_the_old_ones_go_on():
    async def use(lab: Lab) -> None:
        await lab.group.start()
        restart = asyncio.create_task(lab.group.restart())
        while len(lab.fakes) < 4:
            await asyncio.sleep(0)
        lab.fakes[3].process.status.set_result(1)
        with pytest.raises(PortableError, match="task-1 and task-2 go on: the app does not start"):
            await restart
        lab.faults.append("cannot start 'python': too many processes.")
        with pytest.raises(PortableError, match="go on: cannot start 'python': too many"):
            await lab.group.restart()
        assert {await lab.send() for _ in range(4)} == {"task-1", "task-2"}

    run(use, 2, [200, 200, None])


def test_one_restart_at_a_time_which_does_not_need_its_caller():
    async def use(lab: Lab) -> None:
        await lab.group.start()
        old, answer = await lab.in_flight("/slow")
        first = asyncio.create_task(lab.group.restart())
        await lab.until(f"{old.process.name} is deregistered with 1 request in flight.")
        with pytest.raises(PortableError, match="are being replaced already"):
            await lab.group.restart()
        first.cancel()
        old.release.set()
        await answer
        await lab.until("task-3 and task-4 have replaced task-1 and task-2.")
        await lab.group.restart()
        assert {await lab.send() for _ in range(4)} == {"task-5", "task-6"}

    run(use)


def test_closing_does_not_wait_for_a_restart():
    async def use(lab: Lab) -> None:
        await lab.group.start()
        old, answer = await lab.in_flight("/slow")
        restart = asyncio.create_task(lab.group.restart())
        await lab.until(f"{old.process.name} is deregistered with 1 request in flight.")
        await lab.group.aclose()
        with pytest.raises(PortableError, match="ended in the middle"):
            await restart
        assert not any(fake.process.running for fake in lab.fakes)
        old.release.set()
        await answer

    run(use)


def test_a_group_that_is_taken_down_stays_down_until_it_is_brought_up():
    async def use(lab: Lab) -> None:
        await lab.group.start()
        await lab.group.take_down()
        await lab.group.take_down()  # once more is the same
        assert (lab.group.targets, lab.group.healthy) == ("0 of 2", 0)
        assert [fake.process.grace for fake in lab.fakes] == [0, 0]
        assert (await lab.refusal()).status == 503
        with pytest.raises(PortableError, match="are down"):
            await lab.group.restart()
        assert len(lab.fakes) == 2, "nobody takes the place of what was taken down"
        await lab.group.bring_up()
        await lab.group.bring_up()
        assert (lab.group.targets, lab.group.healthy) == ("2 of 2", 2)
        assert {await lab.send() for _ in range(4)} == {"task-3", "task-4"}
        lab.fakes[2].process.status.set_result(9)  # supervised again
        await lab.until(f"{lab.fakes[2].process.name} ended with status 9; starting another.")

    run(use)


def test_taking_down_ends_a_restart():
    async def use(lab: Lab) -> None:
        await lab.group.start()
        restart = asyncio.create_task(lab.group.restart())
        while len(lab.fakes) < 4:
            await asyncio.sleep(0)
        await lab.group.take_down()
        with pytest.raises(PortableError, match="ended in the middle"):
            await restart
        assert not any(fake.process.running for fake in lab.fakes)

    run(use, 2, [200, 200, None])


def test_tasks_that_cannot_be_brought_up_stay_down():
    async def use(lab: Lab) -> None:
        await lab.group.start()
        await lab.group.take_down()
        lab.faults.append("cannot start 'python': too many processes.")
        with pytest.raises(PortableError, match="too many processes"):
            await lab.group.bring_up()
        assert lab.group.targets == "0 of 2"
        assert not any(fake.process.running for fake in lab.fakes)
        await lab.group.bring_up()
        assert lab.group.targets == "2 of 2"

    run(use)
