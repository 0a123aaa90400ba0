"""Each measure of the Lambda side in its tiny form: it starts, answers, ends."""

import json

import pytest

from benchmarks import adapter, cold_start, emulator, growth, lifespan, memory, tracing
from benchmarks.lambda_forms import CONSTANT, EVENT, Form, event
from benchmarks.measure import take
from benchmarks.sandboxes import NoAnswer, bare

MEASURES = [
    *adapter.MEASURES,
    *emulator.MEASURES,
    *cold_start.MEASURES,
    *lifespan.MEASURES,
    *memory.MEASURES,
    *growth.MEASURES[:1],
    *growth.MEASURES[-1:],
    *tracing.MEASURES,
]


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.name)
def test_a_quick_run(measure):
    result = take(measure, 1, quick=True, progress=lambda done: None)
    assert measure.floor in result.samples
    assert all(sample > 0 for samples in result.samples.values() for sample in samples)
    for goal in measure.goals:
        assert {goal.candidate, goal.against} <= set(result.samples)


def test_an_event_has_its_path():
    made = json.loads(event("/1000"))
    assert (made["path"], "elb" in made["requestContext"]) == ("/1000", True)


def test_a_handler_that_fails_is_no_figure():
    broken = Form("broken", (*CONSTANT.arguments[:2], "constant.nothing"))
    with bare(broken) as sandbox, pytest.raises(NoAnswer, match="broken posted"):
        sandbox.invoke(EVENT)


def test_a_sandbox_is_ended():
    with bare(CONSTANT) as sandbox:
        assert sandbox.invoke(EVENT) > sandbox.started
    assert sandbox.process.poll() is not None
