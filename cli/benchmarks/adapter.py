"""Adapter: from one ALB event to its result, in one process."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from benchmarks.adapter_process import CANDIDATES, FLOOR, OURS
from benchmarks.lambda_forms import FOLDERS, IMAGE_ENVIRONMENT, PYTHON, ROOT
from benchmarks.measure import Goal, Measure, Sampler

HOW = """\
One ALB event goes through the adapter in one process, without a runtime client; the figure is CPU
time, as nothing is waited for. The floor is the app called as ASGI with a scope that is made
already: it enters the event loop once per event, as a handler has to, being a function; what that
takes shows the row of the app in a running loop. Each candidate has a process of its own and the
same app; ours has the environment of its image, too"""


def ask(process: subprocess.Popen[str], events: int) -> float:
    """Return the microseconds that one of `events` events takes `process`."""
    assert process.stdin and process.stdout
    process.stdin.write(f"{events}\n")
    process.stdin.flush()
    return float(process.stdout.readline()) / events * 1e6


@contextmanager
def worker(candidate: str, app: str, path: str = "/") -> Iterator[subprocess.Popen[str]]:
    """Start the process of a candidate; end it when the context is left."""
    command = [PYTHON, "-m", "benchmarks.adapter_process", candidate, app, path]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(map(str, FOLDERS))}
    if candidate == OURS:
        environment |= IMAGE_ENVIRONMENT
    with subprocess.Popen(
        command,
        cwd=ROOT / "cli",
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def events(number: int, app: str, path: str = "/"):
    """Return the `start` of a measure whose samples are `number` events each."""

    @contextmanager
    def start(quick: bool) -> Iterator[dict[str, Sampler]]:
        count = 5 if quick else number
        with ExitStack() as stack:
            processes = {name: stack.enter_context(worker(name, app, path)) for name in CANDIDATES}
            yield {name: partial(ask, process, count) for name, process in processes.items()}

    return start


GOALS = (
    Goal(OURS, FLOOR, 1.4),
    Goal(OURS, "Mangum(app)", 1.0),
    Goal(OURS, "Mangum(app, lifespan='off')", 1.0),
)
MEASURES = [
    Measure(
        name="adapter",
        title="Adapter: one ALB event, the tutorial's app",
        unit="µs",
        floor=FLOOR,
        how=f"{HOW}: the tutorial's, which has one route.",
        start=events(500, "main:app"),
        goals=GOALS,
        rounds=30,
    ),
    Measure(
        name="adapter-project",
        title="Adapter: one ALB event, the project's app",
        unit="µs",
        floor=FLOOR,
        how=f"{HOW}: the project's, which writes a line per request.",
        start=events(500, "app.main:app"),
        goals=GOALS,
        rounds=30,
    ),
]
