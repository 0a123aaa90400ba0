"""Emulator: invocations one after the other, through AWS's emulator and runtime client."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from benchmarks.lambda_forms import CONSTANT, EVENT, OUR_CLIENT, OURS, PROJECT, TUTORIAL, Form
from benchmarks.measure import Goal, Measure, Sampler
from benchmarks.sandboxes import Emulated, emulated


def invoke(sandbox: Emulated, event: bytes, number: int) -> float:
    """Return the microseconds that one of `number` invocations takes."""
    started = time.perf_counter()
    for _ in range(number):
        sandbox.invoke(event)
    return (time.perf_counter() - started) / number * 1e6


def invocations(number: int, event: bytes, forms: list[Form]):
    """Return the `start` of a measure whose samples are `number` invocations each."""

    @contextmanager
    def start(quick: bool) -> Iterator[dict[str, Sampler]]:
        count = 3 if quick else number
        with ExitStack() as stack:
            sandboxes = {form.name: stack.enter_context(emulated(form)) for form in forms}
            yield {name: partial(invoke, box, event, count) for name, box in sandboxes.items()}

    return start


MEASURES = [
    Measure(
        name="emulator",
        title="Emulator: one invocation",
        unit="µs",
        floor=CONSTANT.name,
        how=(
            "The runtime interface emulator, which SAM uses, posts one event after the other to "
            "AWS's runtime client (awslambdaric), which calls the handler. The floor is a handler "
            "that always gives the same result. AWS's client starts a thread for each invocation "
            "to wait for it; this project's does not, and so can be below that floor."
        ),
        start=invocations(100, EVENT, [CONSTANT, OUR_CLIENT, TUTORIAL, OURS, PROJECT]),
        goals=(Goal(OURS.name, CONSTANT.name, 1.15), Goal(OURS.name, TUTORIAL.name, 1.0)),
        rounds=30,
    )
]
