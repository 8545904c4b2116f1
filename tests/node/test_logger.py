"""create_node_logger(): events of the user's code."""

import logging

import pytest
import structlog
from structlog.testing import LogCapture

from langgraph_runner import create_node, create_node_logger, sanitize_stack, sanitize_text


@pytest.mark.req("N-31")
def test_events_go_to_logging_with_their_fields_and_line(caplog):
    """The line is that of the caller, so log formats can show it."""
    log = create_node_logger("fetch").bind(site="a")
    with caplog.at_level(logging.INFO, logger="langgraph_runner"):
        log.info("page fetched", pages=3, name="x", level=7)
    (record,) = caplog.records
    assert record.getMessage() == "page fetched node='fetch' site='a' pages=3 name='x' level=7"
    assert (record.name, record.levelname) == ("langgraph_runner.node", "INFO")
    assert (record.filename, record.funcName) == (
        "test_logger.py",
        "test_events_go_to_logging_with_their_fields_and_line",
    )


@pytest.mark.req("N-31")
@pytest.mark.parametrize("level", ["debug", "info", "warning", "error", "critical", "exception"])
def test_each_level_has_its_method(caplog, level):
    """`exception` adds the exception that is being handled."""
    with caplog.at_level(logging.DEBUG, logger="langgraph_runner"):
        try:
            {}["x"]
        except KeyError:
            getattr(create_node_logger("n"), level)("it")
    (record,) = caplog.records
    assert record.levelname == ("ERROR" if level == "exception" else level.upper())
    assert bool(record.exc_info) == (level == "exception")


@pytest.mark.req("N-31")
@pytest.mark.usefixtures("structlog_restored")
def test_inside_a_node_events_have_its_ids(mode):
    """With the user's structlog, which is configured after the logger was created."""
    log = create_node_logger("own")
    captured = LogCapture()
    structlog.configure(processors=[captured])
    node = create_node(mode.function(lambda state: log.warning("halfway", share=0.5)), name="n")
    mode.call(node, {"story_id": "ST-7"})
    (halfway,) = [entry for entry in captured.entries if entry["event"] == "halfway"]
    assert (halfway["node"], halfway["story_id"], halfway["attempt"], halfway["share"]) == (
        "own",
        "ST-7",
        1,
        0.5,
    )
    assert halfway.keys() == {
        *("event", "log_level", "node", "story_id", "attempt", "trace_id", "graph_execution_id", "share")
    }


@pytest.mark.req("N-31")
def test_a_logger_needs_a_name():
    """It is refused when it is created."""
    with pytest.raises(ValueError, match="name must be a non-empty string, got ''"):
        create_node_logger("")


@pytest.mark.req("N-20", "N-31")
def test_text_and_stacks_can_be_sanitized_alone():
    """With the same result as in a record."""
    secret = "password=hunter2-and-more"
    try:
        int(secret)
    except ValueError as error:
        stack = sanitize_stack(error)
    for clean in (sanitize_text(f"x {secret}"), stack, sanitize_stack(f"Traceback: {secret}")):
        assert "hunter2" not in clean
        assert "password=[REDACTED]" in clean
    assert "test_logger.py" in stack
    assert len(sanitize_text("x" * 100, max_chars=10)) == 10
