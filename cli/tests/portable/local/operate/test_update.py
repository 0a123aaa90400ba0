"""Updates of the weights and what takes them back."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from portable.errors import PortableError
from portable.local.operate.update import Update
from portable.weights import Weights

HALF = Weights(50, 50)
MOST = Weights(10, 90)


class Run:
    """What the update acts on."""

    def __init__(self) -> None:
        self.applied: list[Weights] = []
        self.alarms: list[str] = []
        self.now = 0.0
        self.update = Update(HALF, self.applied.append, self.firing, lambda: self.now)

    def firing(self, names: object) -> list[str]:
        return [name for name in self.alarms if name in list(names)]  # type: ignore[call-overload]

    async def until(self, status: str) -> None:
        async with asyncio.timeout(10):
            while self.update.status != status:
                await asyncio.sleep(0.01)


def scenario(test: Callable[[Run], Awaitable[None]]) -> None:
    async def main() -> None:
        run = Run()
        try:
            await test(run)
        finally:
            await run.update.aclose()

    asyncio.run(main())


def test_is_complete_after_the_bake():
    async def test(run: Run) -> None:
        run.update.begin(MOST, ["a"], 60)
        assert (run.update.status, run.update.remaining) == ("baking", 60)
        await asyncio.sleep(0.3)
        assert run.update.status == "baking"
        run.now = 60
        await run.until("complete")
        assert run.applied == [MOST] and run.update.weights == MOST
        assert run.update.remaining == 0

    scenario(test)


def test_an_alarm_takes_it_back():
    async def test(run: Run) -> None:
        run.update.begin(MOST, ["a", "b"], 60)
        run.alarms = ["b", "other"]
        await run.until("rolled back")
        assert run.update.alarms == ["b"]
        assert run.applied == [MOST, HALF] and run.update.weights == HALF

    scenario(test)


def test_an_alarm_that_is_no_trigger_does_not():
    async def test(run: Run) -> None:
        run.alarms = ["other"]
        run.update.begin(MOST, [], 0)
        await run.until("complete")
        assert run.update.weights == MOST

    scenario(test)


def test_a_cancelled_one_is_taken_back_without_an_alarm():
    async def test(run: Run) -> None:
        run.update.begin(MOST, ["a"], 60)
        run.update.cancel()
        assert (run.update.status, run.update.alarms) == ("rolled back", [])
        assert run.applied == [MOST, HALF]

    scenario(test)


def test_cancelling_comes_too_late_for_a_complete_one():
    async def test(run: Run) -> None:
        run.update.begin(MOST, [], 0)
        await run.until("complete")
        run.update.cancel()
        assert run.update.status == "complete" and run.update.weights == MOST

    scenario(test)


def test_one_at_a_time():
    async def test(run: Run) -> None:
        run.update.begin(MOST, [], 60)
        with pytest.raises(PortableError, match="is being updated"):
            run.update.begin(HALF, [], 0)
        assert run.applied == [MOST]

    scenario(test)


@pytest.mark.parametrize("weights", [Weights(0, 0), Weights(-1, 5), Weights(1000, 0)])
def test_refuses_weights_that_a_listener_refuses(weights: Weights):
    async def test(run: Run) -> None:
        with pytest.raises(PortableError, match="weight"):
            run.update.begin(weights, [], 0)
        assert run.applied == []

    scenario(test)
