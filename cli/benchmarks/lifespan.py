"""Lifespan: what an app's start-up costs over the life of a sandbox."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from benchmarks.lambda_forms import EVENT, Form, ours, stock
from benchmarks.measure import Goal, Measure, Sampler
from benchmarks.sandboxes import bare

SECONDS = 0.3
REQUESTS = 100


def total(form: Form, requests: int) -> float:
    """Return the seconds from the start of the process to the last of `requests` answers."""
    with bare(form) as sandbox:
        for _ in range(requests):
            moment = sandbox.invoke(EVENT)
        return moment - sandbox.started


@contextmanager
def start(quick: bool) -> Iterator[dict[str, Sampler]]:
    """Sample a sandbox from its start to its last answer."""
    seconds, requests = ("0.01", 3) if quick else (str(SECONDS), REQUESTS)
    forms = (
        ours("ours, no wait", "lifespan:app", LIFESPAN_SECONDS="0"),
        stock("tutorial form", "lifespan.handler", LIFESPAN_SECONDS=seconds),
        ours("ours", "lifespan:app", LIFESPAN_SECONDS=seconds),
    )
    yield {form.name: partial(total, form, requests) for form in forms}


MEASURES = [
    Measure(
        name="lifespan",
        title=f"Lifespan of {SECONDS * 1000:.0f} ms: cold start and {REQUESTS} requests",
        unit="s",
        floor="ours, no wait",
        how=(
            f"An app whose start-up takes {SECONDS * 1000:.0f} ms answers {REQUESTS} events one "
            "after the other; measured from the start of the process to the last answer. The "
            "floor is the same app without the wait."
        ),
        start=start,
        goals=(Goal("ours", "tutorial form", 0.1),),
        rounds=3,
    )
]
