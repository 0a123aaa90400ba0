"""Memory: what one sandbox takes after it has answered."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks.lambda_forms import CONSTANT, EVENT, OURS, PROJECT, TUTORIAL, Form
from benchmarks.measure import Goal, Measure, Sampler
from benchmarks.sandboxes import bare


def resident(pid: int) -> float:
    """Return the memory that process `pid` holds, in MiB."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1]) / 1024
    raise OSError(f"the kernel does not say what process {pid} holds.")


def after(form: Form, requests: int) -> float:
    """Return what a sandbox holds after `requests` events, in MiB."""
    with bare(form) as sandbox:
        for _ in range(requests):
            sandbox.invoke(EVENT)
        return resident(sandbox.process.pid)


@contextmanager
def start(quick: bool) -> Iterator[dict[str, Sampler]]:
    """Sample a new sandbox of each form."""
    requests = 2 if quick else 200
    yield {
        form.name: partial(after, form, requests) for form in (CONSTANT, TUTORIAL, OURS, PROJECT)
    }


MEASURES = [
    Measure(
        name="memory",
        title="Memory of one sandbox after 200 requests",
        unit="MiB",
        floor=CONSTANT.name,
        how="The resident set (RSS) of the runtime client's process, after 200 events.",
        start=start,
        goals=(Goal(OURS.name, TUTORIAL.name, 1.0),),
        rounds=7,
    )
]
