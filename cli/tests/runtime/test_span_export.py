import logging

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from portable_runtime import span_export
from portable_runtime.span_export import Held, Reported, ToDaemon, processor
from tests.portable.span_receivers import collector, daemon


class Collector:
    """A collector whose answers are `results`, one after the other; the last one stays."""

    def __init__(self, *results):
        self.results = list(results)
        self.asked = 0
        self.ended = False

    def export(self, spans):
        self.asked += 1
        return self.results.pop(0) if len(self.results) > 1 else self.results[0]

    def shutdown(self):
        self.ended = True


@pytest.fixture
def made():
    providers = []

    def make(spans_to, *names, size=0, **options):
        """Make spans of these names, which have an attribute of `size` characters."""
        provider = TracerProvider(shutdown_on_exit=False, **options)
        provider.add_span_processor(spans_to)
        providers.append(provider)
        tracer = provider.get_tracer("test")
        for name in names:
            tracer.start_span(name, attributes={"filling": "x" * size}).end()
        return provider

    yield make
    for provider in providers:
        provider.shutdown()


def test_spans_wait_for_the_end_of_the_invocation_and_go_in_one_datagram(made):
    with daemon() as receiver:
        provider = made(Held(ToDaemon(receiver.address)), "a", "b", "c")
        provider.force_flush()
        assert [span.name for span in receiver.wait(3)] == ["a", "b", "c"]
        assert len(receiver.sizes) == 1
        provider.force_flush()
        provider.shutdown()
    assert len(receiver.sizes) == 1, "there was nothing more to send"


def test_what_is_left_goes_at_the_shutdown(made):
    with daemon() as receiver:
        made(Held(ToDaemon(receiver.address)), "a").shutdown()
        assert [span.name for span in receiver.wait(1)] == ["a"]


def test_what_exceeds_a_datagram_goes_in_several(made):
    names = [f"span-{number}" for number in range(40)]
    with daemon() as receiver:
        made(Held(ToDaemon(receiver.address)), *names, size=5_000).force_flush()
        assert [span.name for span in receiver.wait(40)] == names
    assert len(receiver.sizes) > 1
    assert max(receiver.sizes) * 4 / 3 < span_export.MOST_BYTES


def test_a_span_that_fits_in_no_datagram_is_lost_alone(made, caplog):
    with daemon() as receiver:
        provider = made(Held(ToDaemon(receiver.address)), "large", size=60_000)
        provider.get_tracer("test").start_span("small").end()
        assert not provider.force_flush()
        assert [span.name for span in receiver.wait(1)] == ["small"]
    (record,) = caplog.records
    assert (record.levelname, record.name) == ("WARNING", "portable_runtime.span_export")
    assert record.getMessage().startswith("A span is lost: ")


def test_a_daemon_that_is_not_there_is_no_error(made, caplog):
    with daemon() as receiver:
        pass
    assert made(Held(ToDaemon(receiver.address)), "a").force_flush()
    assert not caplog.records


def test_what_is_not_sampled_is_not_sent(made):
    with daemon() as receiver:
        made(Held(ToDaemon(receiver.address)), "a", sampler=ALWAYS_OFF).force_flush()
    assert receiver.spans == []


def test_the_loss_of_spans_is_said_once_until_they_arrive_again(monkeypatch, caplog):
    now = 100.0
    monkeypatch.setattr(span_export.time, "monotonic", lambda: now)
    gone = Collector(
        SpanExportResult.FAILURE,
        SpanExportResult.FAILURE,
        SpanExportResult.SUCCESS,
        SpanExportResult.FAILURE,
    )
    exporter = Reported(gone)
    for _ in range(50):
        assert exporter.export([]) is SpanExportResult.FAILURE
    assert gone.asked == 1, "it is not asked again at once"
    now += span_export.PAUSE
    assert exporter.export([]) is SpanExportResult.FAILURE
    now += span_export.PAUSE
    assert exporter.export([]) is SpanExportResult.SUCCESS
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert exporter.export([]) is SpanExportResult.FAILURE
    assert len(caplog.records) == 2
    exporter.shutdown()
    assert (gone.asked, gone.ended) == (4, True)


@pytest.mark.parametrize("name", span_export.ENDPOINTS)
def test_a_collector_that_is_named_is_that_of_both_sides(made, name, monkeypatch):
    with collector() as receiver:
        path = "/v1/traces" if "TRACES" in name else ""
        monkeypatch.setenv(name, f"http://{receiver.address}{path}")
        made(processor("lambda"), "of lambda").force_flush()
        assert [span.name for span in receiver.wait(1)] == ["of lambda"]
        provider = made(processor("ecs"), "of ecs")
        provider.shutdown()
        assert [span.name for span in receiver.wait(2)][1:] == ["of ecs"]


def test_without_one_lambda_has_the_daemon_and_a_task_the_collector_beside_it(made, monkeypatch):
    for name in span_export.ENDPOINTS:
        monkeypatch.delenv(name, raising=False)
    with daemon() as receiver:
        monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", receiver.address)
        made(processor("lambda"), "of lambda").force_flush()
        assert [span.name for span in receiver.wait(1)] == ["of lambda"]
    of_task = processor("ecs")
    assert isinstance(of_task, BatchSpanProcessor)
    of_task.shutdown()
    assert of_task.span_exporter.exporter._endpoint == "http://localhost:4318/v1/traces"


def test_a_collector_that_is_gone_is_told_of_once(made, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    with collector() as receiver:
        pass
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://{receiver.address}")
    provider = made(processor("lambda"))
    for _ in range(20):
        provider.get_tracer("test").start_span("a").end()
        provider.force_flush()
    assert [record.getMessage() for record in caplog.records] == [
        "Spans are lost: the collector does not take them."
    ]
