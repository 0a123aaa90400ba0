"""The target group of type `ip`: tasks of the Fargate service, health-checked and restarted."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine
from typing import Any

from portable.errors import PortableError
from portable.local.failure import StartError
from portable.local.fargate_side.tasks import Task, names
from portable.local.listener.health import broken_contract
from portable.local.listener.messages import LoadBalancerError, Request, Response
from portable.local.listener.reasons import Reason
from portable.local.processes import all_or_first_error
from portable.manifests.health_check import HealthCheck

StartTask = Callable[[int], Awaitable[Task]]  # the number of the task, from 1


class IPTargetGroup:
    """Forwards to `count` tasks in turn, and keeps that many running.

    `stop_timeout` is the seconds from SIGTERM to SIGKILL, `deregistration_delay` those that the
    requests in flight have before SIGTERM. `notify` gets one sentence per event.
    """

    START_TIMEOUT = 60.0  # seconds until a task answers for the first time
    FIRST_CHECKS = 0.05  # seconds between them: a new target is checked often, to start at once

    def __init__(
        self,
        name: str,
        check: HealthCheck,
        count: int,
        stop_timeout: float,
        deregistration_delay: float,
        start_task: StartTask,
        notify: Callable[[str], None],
    ) -> None:
        self.name = name
        self.check = check
        self.count = count
        self.stop_timeout = stop_timeout
        self.deregistration_delay = deregistration_delay
        self.start_task = start_task
        self.notify = notify
        self.numbers = 0  # of tasks, so far
        self.turn = 0
        self.down = False  # taken down, and not to be replaced
        # By number. A task runs before it is registered, and after it is deregistered.
        self.running: dict[int, Task] = {}
        self.tasks: dict[int, Task] = {}  # those that are registered
        self.supervisors: dict[int, asyncio.Task[None]] = {}
        self.deployment: asyncio.Task[None] | None = None
        self.replacements: set[asyncio.Task[None]] = set()

    @property
    def healthy(self) -> int:
        """How many registered targets are healthy, as the metric HealthyHostCount."""
        return len(self._in_state("healthy"))

    @property
    def unhealthy(self) -> int:
        """How many registered targets are unhealthy, as the metric UnHealthyHostCount."""
        return len(self._in_state("unhealthy"))

    @property
    def targets(self) -> str:
        """How many targets are healthy, as in "2 of 2"; there are more during a restart."""
        return f"{self.healthy} of {max(self.count, len(self.tasks))}"

    @property
    def waiting(self) -> str:
        """What the start waits for, "" once it waits for nothing."""
        silent = {
            number: str(task.target.pool.port)
            for number, task in self.running.items()
            if number not in self.tasks
        }
        if not silent:
            return ""
        ports = ", ".join(silent.values())
        return f"{names(list(silent))} to answer GET {self.check.path} on port {ports}"

    async def start(self) -> None:
        """Start every task and wait for its first checks; raise `PortableError`."""
        await self._launch(self._next_numbers(), ("healthy", "unhealthy"))
        if self.unhealthy:
            task = self._in_state("unhealthy")[0]
            advice = "ECS replaces such tasks for ever."
            self.notify(broken_contract(self.name, self.check, task.status, advice))

    async def send(self, request: Request) -> Response:
        """Forward to the next healthy task; raise `LoadBalancerError`."""
        # Fail open: with none healthy, all that are unhealthy get requests. A target whose first
        # check is still to pass gets none in any case.
        # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
        tasks = self._in_state("healthy") or self._in_state("unhealthy")
        if not tasks:
            reason = Reason.ONLY_NEW_TARGETS if self.tasks else Reason.NO_TARGETS
            raise LoadBalancerError(503, reason)
        self.turn += 1
        return await tasks[self.turn % len(tasks)].target.send(request)

    async def restart(self) -> None:
        """Replace every task without losing a request, as a deployment does.

        With 100 and 200 percent as limits ECS starts as many new tasks as there are. Once they
        are healthy, the old ones are deregistered, drained and stopped. Where a new one fails,
        the old ones stay: `PortableError` says why. It is raised too while tasks are down or are
        being started. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html
        """
        if self.down:
            raise PortableError("the Fargate tasks are down: a restart needs tasks that run.")
        await self._deploy(self._replace_all)

    async def take_down(self) -> None:
        """Kill every task at once, and start none in their place until `bring_up`.

        Requests get a 502 while the dead tasks are registered, then a 503.
        """
        if self.down:
            return
        self.down = True
        self.notify(f"{self.name} is down: its tasks are killed and not replaced.")
        await _cancel(self.deployment, *self.replacements)
        await self._kill_all()

    async def bring_up(self) -> None:
        """Start new tasks after `take_down` and wait until they are healthy.

        Raises `PortableError` where one does not start: then all are down again.
        """
        if self.down:
            await self._deploy(self._start_all)

    async def aclose(self) -> None:
        """Deregister and stop every task. It drains none: a closed listener sends no requests."""
        await _cancel(self.deployment, *self.replacements)
        await _cancel(*self.supervisors.values())
        self.tasks.clear()
        running, self.running = self.running, {}
        await asyncio.gather(*(task.stop(self.stop_timeout) for task in running.values()))

    def _in_state(self, state: str) -> list[Task]:
        return [task for task in self.tasks.values() if task.health.state == state]

    def _next_numbers(self) -> list[int]:
        first, self.numbers = self.numbers + 1, self.numbers + self.count
        return list(range(first, self.numbers + 1))

    async def _deploy(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do `work`, one at a time; it goes on where the caller no longer waits for it."""
        if self.deployment is not None and not self.deployment.done():
            raise PortableError("the Fargate tasks are being replaced already: wait for the end.")
        self.deployment = deployment = asyncio.create_task(work())
        deployment.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.wait([deployment])
        if deployment.cancelled():
            raise PortableError("the Fargate tasks were ended in the middle of their replacement.")
        deployment.result()

    async def _replace_all(self) -> None:
        await _cancel(*self.replacements)
        old, new = sorted(self.supervisors), self._next_numbers()
        self.notify(f"{names(new)} start in the place of {names(old)}.")
        try:
            await self._launch(new, ("healthy",))
        except PortableError as error:
            await asyncio.gather(*map(self._retire, new))
            message = f"{names(old)} go on: {error.message}"
            self.notify(message)
            raise PortableError(message) from None
        await asyncio.gather(*map(self._retire, old))
        self.notify(f"{names(new)} have replaced {names(old)}.")

    async def _start_all(self) -> None:
        self.down = False
        try:
            await self._launch(self._next_numbers(), ("healthy",))
        except PortableError as error:
            self.notify(error.message)
            self.down = True
            await self._kill_all()
            raise

    async def _launch(self, numbers: list[int], states: Collection[str]) -> None:
        await all_or_first_error(self._start(number, states) for number in numbers)

    async def _start(self, number: int, states: Collection[str]) -> None:
        """Start a task, and register and supervise it once its health is one of `states`."""
        self.running[number] = task = await self.start_task(number)
        status = None
        try:
            async with asyncio.timeout(self.START_TIMEOUT):
                while task.health.state not in states:
                    if not task.process.running:
                        await task.process.wait()
                        failure = task.process.failure()
                        message = f"the app does not start on the Fargate side: {failure}."
                        raise StartError(message, failure)
                    status = await self._check(task)
                    if task.health.state not in states:
                        await asyncio.sleep(self.FIRST_CHECKS)
        except TimeoutError:
            if status is not None:
                fault = f"fails its health check: GET {self.check.path} answers {status}"
                raise StartError(f"the app {fault}.") from None
            raise StartError(task.silence(self.START_TIMEOUT), task.process.failure()) from None
        self.tasks[number] = task
        self.supervisors[number] = asyncio.create_task(self._supervise(number, task))

    async def _supervise(self, number: int, task: Task) -> None:
        """Replace the task whenever its process ends, ever slower if it keeps ending."""
        pause = 0.0
        while True:
            checks = asyncio.create_task(self._check_forever(number, task))
            try:
                status = await task.process.wait()
            finally:
                checks.cancel()
            del self.tasks[number], self.running[number]
            await task.target.aclose()
            self.notify(f"{task.name} ended with status {status}; starting another.")
            while number not in self.tasks:
                await asyncio.sleep(pause)
                pause = min(pause + 1.0, 10.0)
                try:
                    task = await self.start_task(number)
                except PortableError as error:
                    self.notify(f"task-{number} is tried again, as it did not start: {error}")
                else:
                    self.tasks[number] = self.running[number] = task

    async def _replace_unhealthy(self, number: int) -> None:
        """Start another task in the place of one that was healthy and is no more, as ECS does.

        https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-load-balancing.html
        """
        task = self.running[number]
        self.notify(f"{task.name} is replaced, as it does not pass its health check any more.")
        while number in self.tasks:
            self.numbers += 1
            new = self.numbers
            try:
                await self._start(new, ("healthy",))
            except PortableError as error:
                self.notify(f"task-{new} cannot take over: {error.message}")
                if broken := self.running.pop(new, None):
                    await broken.kill()
                await asyncio.sleep(self.check.interval)
            else:
                await self._retire(number)

    async def _check_forever(self, number: int, task: Task) -> None:
        while True:
            before = task.health.state
            await self._check(task)
            if (before, task.health.state) == ("healthy", "unhealthy"):
                replacing = asyncio.create_task(self._replace_unhealthy(number))
                self.replacements.add(replacing)
                replacing.add_done_callback(self.replacements.discard)
            initial = task.health.state == "initial"
            await asyncio.sleep(self.FIRST_CHECKS if initial else self.check.interval)

    async def _check(self, task: Task) -> int | None:
        status, changed = await task.check_health()
        if changed:
            answer = "no answer" if status is None else f"GET {self.check.path} answers {status}"
            self.notify(f"{task.name} is {task.health.state}: {answer}.")
        return status

    async def _retire(self, number: int) -> None:
        """Deregister a task, drain it, stop it; as ECS does, in this order."""
        registered = self.tasks.pop(number, None)  # from here on it gets no new request
        await _cancel(self.supervisors.pop(number, None))
        task = self.running.get(number)
        if task is None:
            return  # it had ended, and its replacement had not started
        if registered:
            in_flight = _requests(task.target.in_flight)
            self.notify(f"{task.name} is deregistered with {in_flight} in flight.")
        cut = await task.target.drain(self.deregistration_delay)
        if cut:
            delay = f"the deregistration delay, {self.deregistration_delay:g} s"
            self.notify(f"{task.name} lost {_requests(cut)}, still in flight after {delay}.")
        await task.stop(self.stop_timeout)
        self.running.pop(number, None)
        self.notify(f"{task.name} is stopped.")

    async def _kill(self, number: int) -> None:
        task = self.running[number]
        await task.kill()
        self.tasks.pop(number, None)
        self.running.pop(number, None)
        self.notify(f"{task.name} is killed.")

    async def _kill_all(self) -> None:
        await _cancel(*self.supervisors.values())
        self.supervisors.clear()
        await asyncio.gather(*map(self._kill, list(self.running)))


async def _cancel(*tasks: "asyncio.Task[None] | None") -> None:
    running = [task for task in tasks if task is not None]
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


def _requests(number: int) -> str:
    return f"{number or 'no'} request{'' if number <= 1 else 's'}"
