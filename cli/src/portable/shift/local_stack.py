"""The local run as a stack whose weights can be moved."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from portable.local.operate.control import Answer, NoLocalRun, ask
from portable.shift.stack import Alarm, Gone, Progress, Status
from portable.weights import Weights


class LocalStack:
    """The local run whose listener has `port`; see `Stack` for what the methods do."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.name = f"the local run on port {port}"
        self.owner = "the local run"
        self.look = f"portable split http://127.0.0.1:{port}"
        self.poll = 0.5
        self.keeps_triggers = False
        self.late = 0.0
        self._before: dict[str, int] = {}  # requests when the last update began

    def _ask(self, command: str, **arguments: Any) -> Answer:
        try:
            return ask(self.port, command, **arguments)
        except NoLocalRun as error:
            raise Gone(error.message) from None

    def weights(self) -> Weights:
        """Return the weights of the last update, or of the start."""
        return _weights(self._ask("state")["stack"])

    def listener_weights(self) -> Weights:
        """Return the weights in force."""
        return _weights(self._ask("state")["weights"])

    def alarms(self) -> list[Alarm]:
        """Return the composite alarm of each side."""
        return _composites(self._ask("state")["alarms"])

    def kept_triggers(self) -> Sequence[Alarm]:
        """Return nothing: each update has its own."""
        return ()

    def begin(self, weights: Weights, triggers: Sequence[Alarm], bake: float) -> None:
        """Start an update; the local run itself watches `triggers` and takes it back."""
        self._before = self._ask("state")["requests"]
        self._ask(
            "update",
            weights={"lambda": weights.lambda_, "fargate": weights.fargate},
            triggers=[alarm.name for alarm in triggers],
            bake=bake,
        )

    def requests(self, seconds: float) -> dict[str, int]:
        """Return the requests of each side since the last update began, or since the start."""
        now: dict[str, int] = self._ask("state")["requests"]
        return {side: number - self._before.get(side, 0) for side, number in now.items()}

    def progress(self) -> Progress:
        """Return how far the update is."""
        state = self._ask("state")
        update = state["update"]
        causes = [alarm for alarm in _composites(state["alarms"]) if alarm.name in update["alarms"]]
        return Progress(Status(update["status"]), update["remaining"], alarms=tuple(causes))

    def cancel(self) -> None:
        """Take the update back that is under way, if there is one."""
        self._ask("cancel")


def _weights(found: dict[str, int]) -> Weights:
    return Weights(found["lambda"], found["fargate"])


def _composites(found: list[dict[str, Any]]) -> list[Alarm]:
    alarms = {alarm["name"]: _alarm(alarm) for alarm in found}
    return [
        _alarm(alarm, tuple(alarms[name] for name in alarm["parts"]))
        for alarm in found
        if alarm["parts"]
    ]


def _alarm(found: dict[str, Any], parts: tuple[Alarm, ...] = ()) -> Alarm:
    since = datetime.fromtimestamp(found["since"], UTC) if found["since"] else None
    return Alarm(found["name"], found["side"], found["state"], since, found["reason"], parts)
