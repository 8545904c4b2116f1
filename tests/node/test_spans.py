"""One OpenTelemetry span for each call of a node."""

import logging

import pytest
from langgraph.errors import GraphInterrupt
from langgraph.graph import START, StateGraph
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from langgraph_runner import (
    AbortController,
    GraphState,
    NodeMetricsCollector,
    create_node,
    get_node_context,
    runner_config,
)
from langgraph_runner.metrics.exporters import NodeSpans
from langgraph_runner.testing import Flaky


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
    """The span factory for nodes."""
    return NodeSpans(tracer)


def _events(span):
    return [(event.name.rpartition(".")[2], event.attributes["error.type"]) for event in span.events]


@pytest.mark.req("M-18")
def test_retries_and_the_fallback_are_events_of_one_span(mode, fake, spans, finished):
    """Attempts have no spans."""
    flaky = Flaky(ConnectionError("down"), ConnectionError("down"))
    node = create_node(
        flaky.awaited if mode.is_async else flaky.sync,
        name="n",
        retry=2,
        fallback=lambda state: {},
        spans=spans,
        runtime=fake,
    )
    mode.call(node, {"story_id": "s1"})
    (span,) = finished.get_finished_spans()
    assert span.name == "node n"
    assert _events(span) == [("attempt_failed", "ConnectionError"), ("fell_back", "ConnectionError")]
    assert span.attributes["langgraph.node.outcome"] == "fallback"
    assert span.attributes["langgraph.node.attempts"] == 2
    assert span.attributes["langgraph.story.id"] == "s1"
    assert span.status.status_code is StatusCode.UNSET


@pytest.mark.req("M-18", "N-20")
def test_a_failure_is_an_error_with_a_sanitized_message(mode, spans, finished):
    """The span has the message of the record."""

    def fail(state):
        raise ValueError("password=hunter2")

    mode.call(create_node(mode.function(fail), spans=spans), {})
    (span,) = finished.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert "hunter2" not in span.status.description
    assert span.attributes["error.type"] == "ValueError"


def test_what_nobody_did_wrong_is_no_error(mode, spans, finished):
    """Such as an abort of the run, or an interrupt of LangGraph."""
    controller = AbortController()
    controller.abort("enough")
    node = create_node(mode.function(lambda state: {}), spans=spans)
    mode.call(node, {}, runner_config(abort_signal=controller.signal))

    def ask(state):
        raise GraphInterrupt

    with pytest.raises(GraphInterrupt):
        mode.call(create_node(mode.function(ask), spans=spans), {})
    ended = finished.get_finished_spans()
    assert [span.attributes["langgraph.node.outcome"] for span in ended] == ["cancelled", "interrupted"]
    assert {span.status.status_code for span in ended} == {StatusCode.UNSET}


@pytest.mark.req("M-18", "N-22")
def test_the_context_knows_the_ids_of_the_span(mode, spans, finished):
    """In the format of W3C Trace Context."""
    seen = []
    node = create_node(mode.function(lambda state: seen.append(get_node_context().span_id)), spans=spans)
    config = runner_config(trace_id="ab" * 16)
    outcome = mode.call(node.run, {}, config)
    assert outcome.value is None
    (span,) = finished.get_finished_spans()
    assert seen == [f"{span.context.span_id:016x}"]
    assert f"{span.context.trace_id:032x}" == "ab" * 16


@pytest.mark.req("M-18", "N-22")
def test_it_joins_the_callers_trace_and_so_does_the_record(mode, spans, tracer, finished):
    """The active span wins over the id of the config, because the node's span belongs to its trace."""

    def fail(state):
        raise ValueError

    node = create_node(mode.function(fail), spans=spans)
    with tracer.start_as_current_span("run") as run:
        update = mode.call(node, {}, runner_config(trace_id="ab" * 16))
    node_span, _ = finished.get_finished_spans()
    assert node_span.parent.span_id == run.get_span_context().span_id
    assert update["errors"][0]["trace_id"] == f"{run.get_span_context().trace_id:032x}"


@pytest.mark.req("M-18")
def test_spans_of_the_config_win_and_nodes_of_a_graph_nest(mode, spans, finished):
    """The config sets them for a whole run. The span of a nested node is a child of the outer one."""
    inner = create_node(mode.function(lambda state: {}), name="inner")

    if mode.is_async:

        async def outer(state, config):
            return await inner(state, config)
    else:

        def outer(state, config):
            return inner(state, config)

    builder = StateGraph(GraphState).add_node("outer", create_node(outer)).add_edge(START, "outer")
    mode.invoke(builder.compile(), {}, runner_config(spans=spans))
    by_name = {span.name: span for span in finished.get_finished_spans()}
    # Both calls have the config of the graph's node, and so its name.
    assert [span.name for span in finished.get_finished_spans()] == ["node inner", "node outer"]
    assert by_name["node inner"].parent.span_id == by_name["node outer"].context.span_id


def test_metrics_are_recorded_while_the_span_is_active(mode, spans, finished):
    """So an exemplar of a histogram leads to the span."""
    seen = []

    class Collector(NodeMetricsCollector):
        def record_success(self, name, duration_ms):
            seen.append(get_span_id())

    def get_span_id():
        from opentelemetry import trace

        return trace.get_current_span().get_span_context().span_id

    node = create_node(mode.function(lambda state: {}), spans=spans, metrics_collector=Collector())
    mode.call(node, {})
    assert seen == [finished.get_finished_spans()[0].context.span_id]


def test_spans_that_raise_harm_nothing(mode, caplog):
    """Their exceptions are logged."""

    class Broken:
        def start(self, node, **fields):
            return self

        def end(self, *arguments, **fields):
            raise RuntimeError

    class Unable:
        def start(self, node, **fields):
            raise RuntimeError

    with caplog.at_level(logging.WARNING, logger="langgraph_runner"):
        for broken in (Broken(), Unable()):
            assert mode.call(create_node(mode.function(lambda state: {"a": 1}), spans=broken), {}) == {"a": 1}
    assert len([r for r in caplog.records if "span_failed" in r.getMessage()]) == 2


@pytest.mark.parametrize("give", [lambda x: create_node(dict, spans=x), lambda x: runner_config(spans=x)])
def test_what_cannot_start_spans_is_refused(give):
    """At once, with the name of the option."""
    with pytest.raises(TypeError, match="spans must be a NodeSpans"):
        give(object())


def test_a_log_event_has_the_trace_of_the_config_from_the_start(mode, caplog):
    """Also `node.started`."""
    node = create_node(mode.function(lambda state: {}))
    with caplog.at_level(logging.INFO, logger="langgraph_runner"):
        mode.call(node, {}, runner_config(trace_id="ab" * 16))
    assert len(caplog.records) == 2
    assert all("ab" * 16 in record.getMessage() for record in caplog.records)
