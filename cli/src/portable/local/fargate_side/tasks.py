"""One task of the Fargate service."""

from collections.abc import Sequence

from portable.local.fargate_side.ip_target import IPTarget
from portable.local.listener.health import Health, probe
from portable.local.processes import Process
from portable.manifests.health_check import HealthCheck


class Task:
    """A running task: its process, its address as a target, its health."""

    def __init__(self, process: Process, target: IPTarget, check: HealthCheck) -> None:
        self.process = process
        self.target = target
        self.check = check
        self.health = Health(check)
        self.status: int | None = None  # of the latest check

    @property
    def name(self) -> str:
        """The name that the access log has, as in "task-1"."""
        return self.process.name

    async def check_health(self) -> tuple[int | None, bool]:
        """Check once; return the status (None: no answer), and whether the state changed."""
        pool = self.target.pool
        source = pool.source[0] if pool.source else None
        status = await probe(self.check.path, self.check.timeout, pool.host, pool.port, source)
        self.status = status
        if status is None and self.health.state == "initial":
            return None, False  # it still starts
        return status, self.health.record(status is not None and self.check.accepts(status))

    async def stop(self, timeout: float) -> None:
        """Close its idle connections and end it: SIGTERM, after `timeout` seconds SIGKILL."""
        await self.target.aclose()
        await self.process.terminate(timeout)

    async def kill(self) -> None:
        """End it at once with SIGKILL, whatever is in flight."""
        await self.process.kill()
        await self.target.aclose()

    def silence(self, seconds: float) -> str:
        """Return the sentence on a task that runs and did not answer for `seconds`."""
        port = self.target.pool.port
        asked = f"GET {self.check.path} on port {port}, which it has in the variable PORT"
        sentence = f"the app does not answer {asked}, on the Fargate side in {seconds:g} s"
        others = [str(number) for number in self.process.ports() if number != port]
        if others:
            return f"{sentence}: it listens on {', '.join(others)} instead."
        return f"{sentence}: nothing listens there; it last said {self.process.failure()}."


def names(numbers: Sequence[int]) -> str:
    """Return the names of tasks as a list in words."""
    *most, last = (f"task-{number}" for number in numbers)
    return f"{', '.join(most)} and {last}" if most else last
