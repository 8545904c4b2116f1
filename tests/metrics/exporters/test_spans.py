"""The span of a node call."""

import contextvars
import importlib
import logging
import sys

import pytest
from opentelemetry import context, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from langgraph_runner.metrics.exporters import NodeSpans

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def finished():
    """The exporter that keeps ended spans."""
    return InMemorySpanExporter()


@pytest.fixture
def tracer(finished):
    """A tracer of an SDK."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(finished))
    yield provider.get_tracer("test")
    provider.shutdown()


@pytest.fixture
def spans(tracer):
    """The span factory under test."""
    return NodeSpans(tracer)


def test_a_call_is_a_span(spans, finished):
    """The span has the name, the attributes and the outcome of the call."""
    spans.start("theme", attributes={"langgraph.story.id": "s1"}).end("success", attempts=1)
    (span,) = finished.get_finished_spans()
    assert span.name == "node theme"
    assert dict(span.attributes) == {
        "langgraph.node.name": "theme",
        "langgraph.story.id": "s1",
        "langgraph.node.outcome": "success",
        "langgraph.node.attempts": 1,
    }
    assert span.status.status_code is StatusCode.UNSET


def test_attempts_are_events(spans, finished):
    """There is an event for each failed attempt with its wait in seconds, and one for the fallback."""
    span = spans.start("theme")
    span.attempt_failed(1, error_type="TimeoutError", retry_in_ms=1_500)
    span.attempt_failed(2, error_type="KeyError")
    span.fell_back(error_type="KeyError")
    span.end("fallback", attempts=2)
    events = [(event.name, dict(event.attributes)) for event in finished.get_finished_spans()[0].events]
    assert events == [
        (
            "langgraph.node.attempt_failed",
            {"langgraph.node.attempt": 1, "error.type": "TimeoutError", "langgraph.node.retry.delay": 1.5},
        ),
        ("langgraph.node.attempt_failed", {"langgraph.node.attempt": 2, "error.type": "KeyError"}),
        ("langgraph.node.fell_back", {"error.type": "KeyError"}),
    ]


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ("failure", StatusCode.ERROR),
        ("circuit_open", StatusCode.ERROR),
        ("cancelled", StatusCode.UNSET),
        ("interrupted", StatusCode.UNSET),
    ],
)
def test_what_is_an_error_has_its_status(spans, finished, outcome, status):
    """Failures and refused calls are errors; cancellations and LangGraph's control flow are not."""
    spans.start("theme").end(outcome, attempts=1, error_type="KeyError", message="no mode")
    (span,) = finished.get_finished_spans()
    assert span.status.status_code is status
    assert span.status.description == ("no mode" if status is StatusCode.ERROR else None)
    assert span.attributes["error.type"] == "KeyError"


def test_it_is_active_as_long_as_it_lasts(spans, tracer, finished):
    """It is a child of the caller's span, and the parent of spans in the node's function."""
    with tracer.start_as_current_span("run") as run:
        span = spans.start("theme", trace_id=TRACE_ID)
        tracer.start_span("model").end()
        span.end("success", attempts=1)
        assert trace.get_current_span() is run
    model, node, _ = finished.get_finished_spans()
    assert model.parent.span_id == node.context.span_id
    assert node.parent.span_id == run.get_span_context().span_id
    assert node.context.trace_id == run.get_span_context().trace_id


@pytest.mark.parametrize("trace_id", [TRACE_ID, "a" * 16 + "0" * 16])
def test_without_a_callers_span_it_joins_the_trace_that_is_named(spans, finished, trace_id):
    """All nodes of the trace have the same parent, which is a span of another program."""
    for node in "ab":
        spans.start(node, trace_id=trace_id).end("success", attempts=1)
    first, second = finished.get_finished_spans()
    assert [f"{span.context.trace_id:032x}" for span in (first, second)] == [trace_id] * 2
    assert first.parent == second.parent
    assert first.parent.is_remote
    assert not trace.get_current_span().get_span_context().is_valid


def test_it_ends_in_another_context_without_a_trace(spans, tracer, finished, caplog):
    """As when the garbage collector closes a coroutine. The span of the other context stays active."""
    span = contextvars.copy_context().run(spans.start, "theme")
    with tracer.start_as_current_span("other") as other:
        span.end("cancelled", attempts=1)
        assert trace.get_current_span() is other
    assert [ended.name for ended in finished.get_finished_spans()] == ["node theme", "other"]
    assert caplog.records == []


class _FailingSpan(trace.NonRecordingSpan):
    """A span whose methods fail."""

    def _fail(self, *arguments, **keywords):
        raise RuntimeError("no connection")

    add_event = set_attribute = set_status = end = _fail


class _Tracer:
    """A tracer that returns such spans. Without a span, the tracer itself fails."""

    def __init__(self, span):
        self.span = span

    def start_span(self, *arguments, **keywords):
        """Start a span, like any tracer."""
        if self.span is None:
            raise RuntimeError("no connection")
        return self.span


@pytest.mark.parametrize(
    ("span", "failures"),
    [(None, 1), (_FailingSpan(trace.SpanContext(1, 1, is_remote=False)), 3)],
    ids=["tracer", "span"],
)
def test_a_failing_tracer_harms_nothing(caplog, span, failures):
    """Each failure is logged, and the context stays unchanged."""
    before = context.get_current()
    with caplog.at_level(logging.WARNING, logger="langgraph_runner"):
        span = NodeSpans(_Tracer(span)).start("theme", trace_id=TRACE_ID)
        span.attempt_failed(1, error_type="KeyError")
        span.end("failure", attempts=1)
    names = [record.getMessage().split()[0] for record in caplog.records]
    assert names == ["node.span_failed"] * failures
    assert context.get_current() is before


def test_a_trace_id_that_is_none_harms_nothing(finished, spans, caplog):
    """It is logged, and the call has no span."""
    with caplog.at_level(logging.WARNING, logger="langgraph_runner"):
        spans.start("theme", trace_id="nonsense").end("success", attempts=1)
    assert finished.get_finished_spans() == ()
    assert len(caplog.records) == 1


def test_the_error_without_the_library_names_the_extra(monkeypatch):
    """The message says what to install if opentelemetry-api is missing."""
    monkeypatch.delitem(sys.modules, "langgraph_runner.metrics.exporters.spans")
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    exporters = importlib.import_module("langgraph_runner.metrics.exporters")
    # The package keeps a name after its first use.
    monkeypatch.delitem(vars(exporters), "NodeSpans", raising=False)
    with pytest.raises(ImportError, match=r"pip install 'langgraph-runner\[otel\]'"):
        _ = exporters.NodeSpans
