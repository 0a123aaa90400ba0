"""A local run under load while its weights move, its targets die and its tasks are replaced."""

import asyncio
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from portable.errors import PortableError
from portable.local.fargate_side.ip_target_group import IPTargetGroup
from portable.local.fargate_side.tasks import Task
from portable.local.listener.access import Access
from portable.local.listener.listener import Listener
from portable.local.operate.control import ask
from portable.local.operate.metrics import Metrics
from portable.manifests.health_check import HealthCheck
from portable.weights import Weights
from tests.portable.load import load, wait_until
from tests.portable.local_run import PORTABLE, LocalRun, local_run

FAST = ("--quiet", "--alarm-period", "0.6")


@pytest.fixture(scope="module")
def run() -> Iterator[LocalRun]:
    """One run for the tests that leave it as it was."""
    with local_run(*FAST) as running:
        yield running


def port(run: LocalRun) -> int:
    return int(run.url.rpartition(":")[2])


def state(run: LocalRun) -> dict[str, Any]:
    return ask(port(run), "state")


def alarm(run: LocalRun, name: str) -> str:
    (found,) = [
        item for item in state(run)["alarms"] if item["name"] == f"portable-api-test-{name}"
    ]
    return str(found["state"])


def portable(run: LocalRun, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [PORTABLE, *arguments, "--port", str(port(run))]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def update(run: LocalRun, fargate: int, bake: float, *triggers: str) -> None:
    weights = {"lambda": 100 - fargate, "fargate": fargate}
    names = [f"portable-api-test-{name}" for name in triggers]
    ask(port(run), "update", weights=weights, triggers=names, bake=bake)


def test_tells_its_state(run: LocalRun):
    found = state(run)
    assert found["url"] == run.url
    assert found["weights"] == found["stack"] == {"lambda": 50, "fargate": 50}
    assert found["targets"] == {"lambda": "1 of 1", "fargate": "2 of 2"}
    assert {item["name"] for item in found["alarms"]} >= {
        f"portable-api-test-{name}" for name in ("lambda", "fargate", "fargate-errors")
    }


def test_weights_move_under_load_and_no_request_is_lost(run: LocalRun):
    with load(run) as requests:
        wait_until(lambda: requests.sent > 50)
        for share in (10, 100, 0, 50):
            update(run, share, 0.2)
            wait_until(lambda: state(run)["update"]["status"] == "complete")
            before = requests.bodies.copy()
            wait_until(lambda: requests.sent > before.total() + 60)  # noqa: B023
            answered = requests.bodies - before
            if share in (0, 100):
                other = "Hello from lambda" if share else "Hello from ecs"
                in_flight = len(requests.threads)
                assert answered[other] <= in_flight
    assert requests.lost == 0, requests.complaint()
    assert state(run)["stack"] == {"lambda": 50, "fargate": 50}


def test_an_alarm_takes_an_update_back(run: LocalRun):
    try:
        with load(run) as requests:
            update(run, 90, 60, "fargate")
            assert state(run)["weights"] == {"lambda": 10, "fargate": 90}
            done = portable(run, "fault", "fargate", "--errors", "50")
            assert done.stdout == "fargate fails 50 % of its requests; healthy targets: 2 of 2.\n"
            wait_until(lambda: state(run)["update"]["status"] == "rolled back")
            assert state(run)["weights"] == {"lambda": 50, "fargate": 50}
            assert state(run)["update"]["alarms"] == ["portable-api-test-fargate"]
            assert alarm(run, "fargate-errors") == "ALARM"
    finally:
        assert portable(run, "fault", "fargate", "--clear").returncode == 0
    assert requests.statuses[500] > 0
    assert requests.statuses.keys() == {200, 500}
    wait_until(lambda: alarm(run, "fargate") == "OK")


def test_a_cancelled_update_is_taken_back(run: LocalRun):
    update(run, 90, 60, "fargate")
    ask(port(run), "cancel")
    assert state(run)["weights"] == {"lambda": 50, "fargate": 50}
    assert state(run)["update"]["status"] == "rolled back"


def test_an_unknown_trigger_is_refused_and_nothing_changes(run: LocalRun):
    with pytest.raises(PortableError, match="there is no alarm 'portable-api-test-moon'"):
        update(run, 90, 0, "moon")
    assert state(run)["weights"] == {"lambda": 50, "fargate": 50}


def test_tasks_are_replaced_under_load_and_no_request_is_lost(run: LocalRun):
    before = run.descendants()
    with load(run, threads=6) as requests:
        wait_until(lambda: requests.sent > 50)
        done = portable(run, "restart")
        after = requests.sent
        wait_until(lambda: requests.sent > after + 50)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "Both sides run the new code; healthy targets: lambda 1 of 1, fargate 2 of 2.\n"
    )
    assert requests.lost == 0, requests.complaint()
    assert len(before - run.descendants()) >= 2


@pytest.mark.parametrize("side", ["lambda", "fargate"])
def test_a_side_that_is_down_keeps_its_share_without_the_failover(run: LocalRun, side: str):
    try:
        assert portable(run, "fault", side).stdout == (
            f"{side} is down; healthy targets: {'1 of 1' if side == 'lambda' else '0 of 2'}.\n"
        )
        with load(run) as requests:
            wait_until(lambda: alarm(run, side) == "ALARM")
            wait_until(lambda: requests.sent > 200)
    finally:
        assert portable(run, "fault", side, "--clear").returncode == 0
    assert state(run)["weights"] == {"lambda": 50, "fargate": 50}
    share = requests.lost / requests.sent
    assert 0.3 < share < 0.7, requests.complaint()
    with load(run) as again:
        wait_until(lambda: again.sent > 100)
    assert again.lost == 0, again.complaint()
    wait_until(lambda: alarm(run, side) == "OK")


@pytest.mark.parametrize(("side", "answer"), [("lambda", "ecs"), ("fargate", "lambda")])
def test_the_failover_moves_the_weight_of_a_side_that_is_down(side: str, answer: str):
    with local_run(*FAST, "--failover") as running, load(running) as requests:
        wait_until(lambda: requests.sent > 50)
        assert requests.lost == 0, requests.complaint()
        assert portable(running, "fault", side).returncode == 0
        wait_until(lambda: state(running)["weights"][side] == 0)
        lost, sent = requests.lost, requests.sent
        wait_until(lambda: requests.sent > sent + 200)
        in_flight = len(requests.threads)
        assert requests.lost <= lost + in_flight
        assert requests.bodies[f"Hello from {answer}"] > 100
        assert state(running)["stack"] == {"lambda": 50, "fargate": 50}, "it does not know"
        assert portable(running, "fault", side, "--clear").returncode == 0
        wait_until(lambda: alarm(running, side) == "OK")
        assert state(running)["weights"][side] == 0, "only a person moves it back"
    told = "\n".join(running.err)
    assert re.search(rf"Failover of {side} moved all weight: ", told)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fault", "fargate", "--port", "1"), "no local run listens on port 1: start one with"),
        (("restart", "--port", "1"), "no local run listens on port 1: start one with"),
        (("fault", "fargate", "--errors", "5", "--clear"), "exclude each other"),
        (("fault", "moon"), "'moon' is not one of 'lambda', 'fargate'"),
        (("fault", "fargate", "--errors", "101"), "101.0 is not in the range 0<=x<=100"),
    ],
)
def test_a_mistake_is_one_sentence(arguments: tuple[str, ...], message: str):
    done = subprocess.run([PORTABLE, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert message in done.stderr and "Traceback" not in done.stderr


def test_a_request_that_no_task_could_take_is_in_no_metric_of_its_side():
    async def main() -> None:
        recorded: list[Access] = []

        async def never(number: int) -> Task:
            raise AssertionError("it is not started")

        check = HealthCheck(True, "/healthz", 30, 5, 5, 2, "200")
        group = IPTargetGroup("fargate", check, 2, 30, 60, never, lambda text: None)
        listener = Listener([group], Weights(0, 1), 60, False, recorded.append)
        await listener.bind(0)
        await listener.start()
        try:
            async with httpx.AsyncClient(trust_env=False) as client:
                response = await client.get(f"http://127.0.0.1:{listener.port}/")
        finally:
            await listener.aclose(5)
        assert response.status_code == 503
        metrics = Metrics({}, lambda: 0.0)
        metrics.record(recorded[0])
        assert metrics.statistic("fargate", "RequestCount", "Sum", 0, 1) is None

    asyncio.run(main())
