"""The target group of type `ip`: tasks of the Fargate service, health-checked and restarted."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from portable.errors import PortableError
from portable.local.health import Health, HealthCheck, probe
from portable.local.ip_targets import IPTarget
from portable.local.messages import LoadBalancerError, Request, Response
from portable.local.processes import Process, all_or_first_error


class Task:
    """One running task: its process, its address as a target, its health."""

    def __init__(self, process: Process, target: IPTarget, check: HealthCheck) -> None:
        self.process = process
        self.target = target
        self.health = Health(check)


StartTask = Callable[[int], Awaitable[Task]]  # the number of the task, from 1


class IPTargetGroup:
    """Forwards to `count` tasks in turn, and keeps that many running.

    `stop_timeout` is the seconds from SIGTERM to SIGKILL.
    """

    START_TIMEOUT = 60.0  # seconds until a task answers for the first time
    FIRST_CHECKS = 0.05  # seconds between them: a new target is checked often, to start at once

    def __init__(
        self,
        name: str,
        weight: int,
        check: HealthCheck,
        count: int,
        stop_timeout: float,
        start_task: StartTask,
        notify: Callable[[str], None],
    ) -> None:
        self.name = name
        self.weight = weight
        self.check = check
        self.count = count
        self.stop_timeout = stop_timeout
        self.start_task = start_task
        self.notify = notify
        self.tasks: list[Task] = []
        self.turn = 0
        self.supervisors: list[asyncio.Task[None]] = []

    @property
    def targets(self) -> str:
        """How many targets are healthy, as in "2 of 2"."""
        healthy = sum(task.health.state == "healthy" for task in self.tasks)
        return f"{healthy} of {self.count}"

    async def start(self) -> None:
        """Start every task and wait for its first answer; raise `PortableError`."""
        await all_or_first_error(self._start(number) for number in range(1, self.count + 1))

    async def send(self, request: Request) -> Response:
        """Forward to the next healthy task; raise `LoadBalancerError`."""
        if not self.tasks:
            raise LoadBalancerError(503, "the target group has no registered targets")
        healthy = [task for task in self.tasks if task.health.state == "healthy"]
        tasks = healthy or self.tasks  # fail open: with none healthy, all of them get requests
        self.turn += 1
        return await tasks[self.turn % len(tasks)].target.send(request)

    async def aclose(self) -> None:
        """Deregister and stop every task."""
        for supervisor in self.supervisors:
            supervisor.cancel()
        await asyncio.gather(*self.supervisors, return_exceptions=True)
        tasks, self.tasks = self.tasks, []
        await asyncio.gather(*(self._stop(task) for task in tasks))

    async def _start(self, number: int) -> None:
        task = await self.start_task(number)
        self.tasks.append(task)
        try:
            async with asyncio.timeout(self.START_TIMEOUT):
                status = await self._first_answer(task)
        except TimeoutError:
            message = f"the app does not answer on the Fargate side: {task.process.error()}."
            raise PortableError(message) from None
        if status is None:
            message = f"the app does not start on the Fargate side: {task.process.error()}."
            raise PortableError(message)
        self._record(task, status)
        self.supervisors.append(asyncio.create_task(self._supervise(number, task)))

    async def _first_answer(self, task: Task) -> int | None:
        while task.process.running:
            status = await self._probe(task)
            if status is not None:
                return status
            await asyncio.sleep(self.FIRST_CHECKS)
        await task.process.wait()
        return None

    async def _supervise(self, number: int, task: Task) -> None:
        """Replace the task whenever its process ends, ever slower if it keeps ending."""
        pause = 0.0
        while True:
            checks = asyncio.create_task(self._check_forever(task))
            try:
                status = await task.process.wait()
            finally:
                checks.cancel()
            self.tasks.remove(task)
            await task.target.aclose()
            self.notify(f"{task.process.name} ended with status {status}; starting another.")
            await asyncio.sleep(pause)
            pause = min(pause + 1.0, 10.0)
            task = await self.start_task(number)
            self.tasks.append(task)

    async def _check_forever(self, task: Task) -> None:
        while True:
            status = await self._probe(task)
            if task.health.state != "initial" or status is not None:
                self._record(task, status)
            initial = task.health.state == "initial"
            await asyncio.sleep(self.FIRST_CHECKS if initial else self.check.interval)

    async def _probe(self, task: Task) -> int | None:
        pool = task.target.pool
        source = pool.source[0] if pool.source else None
        return await probe(self.check.path, self.check.timeout, pool.host, pool.port, source)

    def _record(self, task: Task, status: int | None) -> None:
        passed = status is not None and self.check.accepts(status)
        if task.health.record(passed):
            answer = "no answer" if status is None else f"GET {self.check.path} answers {status}"
            self.notify(f"{task.process.name} is {task.health.state}: {answer}.")

    async def _stop(self, task: Task) -> None:
        with contextlib.suppress(OSError):
            await task.target.aclose()
        await task.process.terminate(self.stop_timeout)
