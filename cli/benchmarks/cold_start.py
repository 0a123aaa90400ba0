"""Cold start: from the start of the process to its first answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from benchmarks.lambda_forms import CONSTANT, EVENT, ONLY_FASTAPI, OURS, PROJECT, TUTORIAL, Form
from benchmarks.measure import Goal, Measure, Sampler
from benchmarks.sandboxes import bare


def first_answer(form: Form) -> float:
    """Return the milliseconds until a new process has answered its first event."""
    with bare(form) as sandbox:
        return (sandbox.invoke(EVENT) - sandbox.started) * 1000


@contextmanager
def start(quick: bool) -> Iterator[dict[str, Sampler]]:
    """Sample one cold start of each form."""
    forms = (CONSTANT, ONLY_FASTAPI, TUTORIAL, OURS, PROJECT)
    yield {form.name: partial(first_answer, form) for form in forms}


MEASURES = [
    Measure(
        name="cold-start",
        title="Cold start: process start to first answer",
        unit="ms",
        floor=ONLY_FASTAPI.name,
        how=(
            "The time from the start of the runtime client's process until it has posted the "
            "result of the first event to a runtime API, which is the benchmark's own, so that "
            "nothing but that process takes time. The floor for an app that is written with "
            "FastAPI is the constant handler with `import fastapi` in front. All have their "
            "bytecode, and the files are in the machine's cache, which on Lambda they are not."
        ),
        start=start,
        goals=(Goal(OURS.name, ONLY_FASTAPI.name, 1.10), Goal(OURS.name, TUTORIAL.name, 1.0)),
        rounds=20,
    )
]
