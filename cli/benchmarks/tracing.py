"""Tracing: what TRACING adds to a cold start and to a request of the Lambda side."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks.lambda_forms import EVENT, Form, ours
from benchmarks.measure import Measure, Sampler
from benchmarks.sandboxes import Bare, bare

OFF = ours("off", "logged:app")
ON = ours("on", "logged:app", TRACING="true")
REQUEST_ONLY = ours("on, one span a request", "traced:app", TRACING="true")
# With the packages of the benchmarks, which have the SDK.
WITH_SDK = tuple(replace(form, python=sys.executable) for form in (OFF, ON, REQUEST_ONLY))
HOW = """\
The request log's app answers in a sandbox whose runtime API is the benchmark's own. Spans go to the
port of the X-Ray daemon, where nobody listens: that is not waited for in either case. `off` has
OpenTelemetry's SDK in its environment and does not import it. The figure is CPU time, """


def cpu(sandbox: Bare) -> int:
    """Return the nanoseconds of CPU time of the thread that answers: it makes the spans, too."""
    return int(Path(f"/proc/{sandbox.process.pid}/schedstat").read_text().split()[0])


def first(form: Form) -> float:
    """Return the milliseconds that a new process takes for its first event."""
    with bare(form) as sandbox:
        sandbox.invoke(EVENT)
        return cpu(sandbox) / 1e6


def each(sandbox: Bare, events: int) -> float:
    """Return the microseconds that one event takes."""
    before = cpu(sandbox)
    for _ in range(events):
        sandbox.invoke(EVENT)
    return (cpu(sandbox) - before) / events / 1e3


def requests(forms: tuple[Form, ...]):
    """Return the `start` of a measure whose samples are many requests of one sandbox."""

    @contextmanager
    def start(quick: bool) -> Iterator[dict[str, Sampler]]:
        with ExitStack() as stack:
            sandboxes = {form.name: stack.enter_context(bare(form)) for form in forms}
            count = 3 if quick else 300
            yield {name: partial(each, sandbox, count) for name, sandbox in sandboxes.items()}

    return start


@contextmanager
def cold_starts(quick: bool) -> Iterator[dict[str, Sampler]]:
    """Sample one cold start of each form."""
    yield {form.name: partial(first, form) for form in WITH_SDK}


MEASURES = [
    Measure(
        name="tracing-cold-start",
        title="Tracing: process start to first answer",
        unit="ms",
        floor=OFF.name,
        how=f"{HOW}from the start of the process on.",
        start=cold_starts,
        rounds=20,
    ),
    Measure(
        name="tracing-request",
        title="Tracing: one request",
        unit="µs",
        floor=OFF.name,
        how=f"{HOW}with that of the runtime client.",
        start=requests(WITH_SDK),
        rounds=30,
    ),
]
