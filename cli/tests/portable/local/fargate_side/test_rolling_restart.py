"""A rolling restart under load: real tasks behind the real listener."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import httpx
import pytest

from portable.local.fargate_side.ip_target_group import IPTargetGroup
from portable.local.launch.host import HostLauncher
from portable.local.launch.launcher import stop
from portable.local.listener.listener import Listener
from portable.manifests.system import load
from portable.weights import Weights
from tests.portable.local_run import ROOT

PATHS = {"/pid": 3, "/sleep/1": 4, "/stream": 1}  # how many clients ask for each, all the time


class Load:
    """Clients that each send one request after the other on their own connection."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: Counter[tuple[str, str]] = Counter()  # by path and outcome
        self.last: dict[int, int] = {}  # how many answers each client has had
        self.ended = asyncio.Event()

    @property
    def sent(self) -> int:
        return self.answers.total()

    def lost(self, path: str) -> int:
        return sum(
            number
            for (asked, outcome), number in self.answers.items()
            if asked == path and outcome != "200"
        )

    async def ask(self, client: int, path: str) -> None:
        self.last[client] = 0
        async with httpx.AsyncClient(base_url=self.url, timeout=60, trust_env=False) as session:
            while not self.ended.is_set():
                try:
                    response = await session.get(path)
                    outcome = str(response.status_code)
                    if path == "/stream" and response.text != "firstlast":
                        outcome = "incomplete"
                except httpx.HTTPError as error:
                    outcome = repr(error)
                self.answers[path, outcome] += 1
                self.last[client] += 1
                await asyncio.sleep(0.01)  # an error page comes at once: leave the others time

    async def everyone_is_answered(self, times: int) -> None:
        before = dict(self.last)
        while any(self.last[client] < before[client] + times for client in before):
            await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def in_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)  # the sample app is found from here


def under_load(
    use: Callable[[IPTargetGroup, Load], Awaitable[None]], delay: float | None = None
) -> tuple[Load, list[str]]:
    """Run `use` while clients ask, with the manifests' deregistration delay or with `delay`."""
    told: list[str] = []

    async def main() -> Load:
        system = load(ROOT, "test", {})
        fargate = system.load_balancer.group("ip")
        app = "cli.tests.portable.sample_app:app"
        launcher = HostLauncher(system, ROOT, app, {}, lambda name, line: None, print)
        group = IPTargetGroup(
            "fargate",
            fargate.check,
            system.service.count,
            system.service.stop_timeout,
            fargate.deregistration_delay if delay is None else delay,
            launcher.task,
            told.append,
        )
        weights, idle_timeout = Weights(0, 1), system.load_balancer.idle_timeout
        listener = Listener([group], weights, idle_timeout, True, lambda access: None)
        try:
            async with asyncio.timeout(120):
                await listener.bind(0)
                await group.start()
                await listener.start()
                clients = Load(f"http://127.0.0.1:{listener.port}")
                paths = [path for path, number in PATHS.items() for _ in range(number)]
                async with asyncio.TaskGroup() as tasks:
                    for client, path in enumerate(paths):
                        tasks.create_task(clients.ask(client, path))
                    try:
                        await clients.everyone_is_answered(1)
                        await use(group, clients)
                    finally:
                        clients.ended.set()
                return clients
        finally:
            await listener.aclose(0)
            await group.aclose()
            await stop(launcher.processes)

    return asyncio.run(main()), told


def deregistered_under_load(told: list[str]) -> int:
    return sum(" is deregistered with " in line and " with no " not in line for line in told)


def test_rolling_restarts_under_load_lose_no_request():
    pids: list[set[int]] = []

    async def use(group: IPTargetGroup, clients: Load) -> None:
        for _ in range(3):
            pids.append({task.process.child.pid for task in group.tasks.values()})
            await group.restart()
            await clients.everyone_is_answered(1)
        pids.append({task.process.child.pid for task in group.tasks.values()})

    clients, told = under_load(use)
    assert {outcome for _, outcome in clients.answers} == {"200"}, clients.answers
    assert clients.sent >= 3 * sum(PATHS.values())
    assert deregistered_under_load(told) >= 3, told
    assert len(set.union(*pids)) == 8, "each restart has replaced both tasks"


def test_without_a_deregistration_delay_slow_requests_are_lost():
    async def use(group: IPTargetGroup, clients: Load) -> None:
        for _ in range(3):  # by chance the old tasks could have none of them just then
            await group.restart()
            await clients.everyone_is_answered(1)
            if clients.lost("/sleep/1"):
                return

    clients, _ = under_load(use, delay=0)
    assert clients.lost("/sleep/1") > 0, clients.answers


def test_tasks_that_are_taken_down_answer_again_once_they_are_brought_up():
    statuses: list[set[int]] = []

    async def use(group: IPTargetGroup, clients: Load) -> None:
        async with httpx.AsyncClient(base_url=clients.url, trust_env=False) as session:
            await group.take_down()
            assert group.targets == "0 of 2"
            statuses.append({(await session.get("/pid")).status_code for _ in range(4)})
            await group.bring_up()
            assert group.targets == "2 of 2"
            statuses.append({(await session.get("/pid")).status_code for _ in range(4)})

    clients, _ = under_load(use)
    assert statuses == [{503}, {200}]
    assert clients.lost("/sleep/1") > 0, "what was in flight is lost"
    plain = {outcome for path, outcome in clients.answers if path != "/stream"}
    assert plain <= {"200", "502", "503"}, "the load balancer answers where a task does not"
