"""Memory of a task: what one server process holds after a load."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from benchmarks.measure import Goal, Measure, Sampler
from benchmarks.memory import resident
from benchmarks.server import BARE, OURS, TUTORIAL
from benchmarks.servers import Server, ours, serving
from benchmarks.wrk import load, missing

CONNECTIONS = 32
PROJECT = ours("ours, the project's app", "app.main:app")


def after(server: Server, seconds: int) -> float:
    """Return what a new process of `server` holds after a load, in MiB."""
    with serving([server]) as started:
        each = started[server.name]
        load(each.url("/"), CONNECTIONS, seconds)
        return resident(each.process.pid)


@contextmanager
def start(quick: bool) -> Iterator[dict[str, Sampler]]:
    """Sample a new process of each server."""
    seconds = 1 if quick else 3
    yield {
        server.name: partial(after, server, seconds) for server in (BARE, TUTORIAL, OURS, PROJECT)
    }


MEASURES = [
    Measure(
        name="memory-server",
        title=f"Memory of one task after a load of {CONNECTIONS} connections",
        unit="MiB",
        floor=BARE.name,
        how=(
            "The resident set (RSS) of the server's process after three seconds of wrk. The floor "
            "serves an app without FastAPI."
        ),
        start=start,
        goals=(Goal(OURS.name, TUTORIAL.name, 1.0), Goal(PROJECT.name, TUTORIAL.name, 1.0)),
        rounds=5,
        missing=missing,
    )
]
