"""Where log events go, with structlog configured and not."""

import logging
import subprocess
import sys

import pytest
import structlog
from structlog.testing import capture_logs

from langgraph_runner.errors.logs import emit, is_enabled

NAME = "langgraph_runner.test"


@pytest.fixture(autouse=True)
def _structlog_as_found():
    """Reset structlog to not configured, before and after; `capture_logs` configures it."""
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def run(code):
    """Run a program, and return what it printed to stdout and stderr."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    return done.stdout + done.stderr


def test_an_event_becomes_a_record_of_logging(caplog):
    """The message consists of the event and its fields."""
    emit(NAME, logging.WARNING, "node_failed", node="theme", attempt=2)
    (record,) = caplog.records
    assert (record.name, record.levelname, record.getMessage()) == (
        NAME,
        "WARNING",
        "node_failed node='theme' attempt=2",
    )


def test_the_fields_are_attributes_of_the_record(caplog):
    """A JSON formatter of logging finds the fields."""
    emit(NAME, logging.WARNING, "node_failed", node="theme", attempt=2)
    (record,) = caplog.records
    assert (record.node, record.attempt) == ("theme", 2)


@pytest.mark.parametrize("field", ["name", "message", "args", "asctime", "taskName"])
def test_a_field_called_like_an_attribute_of_records_is_renamed(caplog, field):
    """Logging would refuse the name of the field."""
    emit(NAME, logging.WARNING, "event", lambda: {field: "mine"})
    assert getattr(caplog.records[0], f"{field}_") == "mine"


def test_a_percent_sign_is_not_a_placeholder(caplog):
    """An event is not a format string."""
    emit(NAME, logging.WARNING, "100%d done")
    assert caplog.messages == ["100%d done"]


def test_an_exception_is_handed_to_logging(caplog):
    """The handler formats the traceback."""
    try:
        int("x")
    except ValueError:
        emit(NAME, logging.ERROR, "broken", exc_info=True)
    assert caplog.records[0].exc_info[0] is ValueError


def test_a_record_names_the_line_that_logged(caplog):
    """A log format with a function name shows the caller."""
    emit(NAME, logging.WARNING, "event")
    assert caplog.records[0].funcName == "test_a_record_names_the_line_that_logged"


def test_context_variables_of_structlog_are_fields(caplog):
    """Fields bound to the context of the task are in its events."""
    structlog.contextvars.bind_contextvars(trace_id="t1")
    emit(NAME, logging.WARNING, "event")
    assert caplog.messages == ["event trace_id='t1'"]


def test_the_level_of_logging_holds(caplog):
    """An event below the level makes no record."""
    caplog.set_level(logging.WARNING, NAME)
    emit(NAME, logging.INFO, "event")
    assert caplog.records == []


def test_a_configured_structlog_gets_the_event():
    """The event goes through the pipeline of the user, with its fields."""
    with capture_logs() as captured:
        emit(NAME, logging.WARNING, "event", node="theme")
    assert captured == [{"event": "event", "node": "theme", "log_level": "warning"}]


def test_an_event_for_structlog_does_not_reach_logging(caplog):
    """An event is logged once."""
    with capture_logs():
        emit(NAME, logging.WARNING, "event")
    assert caplog.records == []


def test_a_later_configuration_is_used(caplog):
    """The earlier logger is not used any more."""
    emit(NAME, logging.WARNING, "first")
    with capture_logs() as captured:
        emit(NAME, logging.WARNING, "second")
    assert (caplog.messages, [entry["event"] for entry in captured]) == (["first"], ["second"])


@pytest.mark.parametrize(("level", "expected"), [(logging.INFO, False), (logging.WARNING, True)])
def test_without_structlog_the_level_of_logging_decides(caplog, level, expected):
    """A level that would make no record is not enabled."""
    caplog.set_level(logging.WARNING, NAME)
    assert is_enabled(NAME, level) is expected


@pytest.mark.parametrize(("level", "expected"), [(logging.INFO, False), (logging.WARNING, True)])
def test_the_filter_of_structlog_decides(level, expected):
    """The level of structlog's filter applies."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    assert is_enabled(NAME, level) is expected


@pytest.mark.parametrize(("level", "expected"), [(logging.INFO, False), (logging.WARNING, True)])
def test_the_level_of_a_wrapped_logger_decides(caplog, level, expected):
    """The level of the wrapped `logging` logger applies."""
    caplog.set_level(logging.WARNING, NAME)
    structlog.configure(wrapper_class=structlog.stdlib.BoundLogger, logger_factory=logging.getLogger)
    assert is_enabled(NAME, level) is expected


@pytest.mark.parametrize("wrapper", [structlog.BoundLogger, structlog.stdlib.BoundLogger])
def test_a_structlog_logger_without_a_level_is_enabled(wrapper):
    """Asking does not log anything."""
    structlog.configure(wrapper_class=wrapper)
    assert is_enabled(NAME, logging.DEBUG) is True


def unconfigured(level, *before):
    """Return what a program prints that runs `before`, then logs one event."""
    lines = ["import logging, sys", *before, "from langgraph_runner.errors.logs import emit"]
    return run("; ".join([*lines, f"emit({NAME!r}, logging.{level}, 'event', node='theme')"]))


@pytest.mark.req("N-28")
@pytest.mark.parametrize("level", ["WARNING", "ERROR"])
def test_an_unconfigured_program_prints_warnings_and_errors(level):
    """It is printed once, on stderr, as for every library in Python."""
    assert unconfigured(level) == "event node='theme'\n"


@pytest.mark.req("N-28", "N-13")
def test_an_unconfigured_program_prints_no_ordinary_events():
    """They are shown only where logging is configured."""
    assert unconfigured("INFO") == ""


@pytest.mark.req("N-28")
@pytest.mark.parametrize(
    "configuration",
    [
        "logging.basicConfig(stream=sys.stdout, level='CRITICAL')",
        "logging.getLogger('langgraph_runner').addHandler(logging.NullHandler())",
        "logging.getLogger().addHandler(logging.NullHandler())",
        "logging.lastResort = None",
    ],
)
def test_the_logging_configuration_of_the_user_decides(configuration):
    """Nothing else is printed."""
    assert unconfigured("ERROR", configuration) == ""


@pytest.mark.req("N-28")
def test_a_configured_program_prints_an_event_once():
    """It is printed by the handler of the user."""
    configuration = "logging.basicConfig(stream=sys.stdout, format='mine: %(message)s')"
    assert unconfigured("ERROR", configuration) == "mine: event node='theme'\n"


class Broken(logging.Handler):
    """A handler that raises its errors, as some do."""

    def emit(self, record):
        """Raise."""
        raise OSError("the log host is gone")


@pytest.fixture
def broken_handler():
    """The handler is installed for the logger of the test only."""
    logger, handler = logging.getLogger(NAME), Broken()
    logger.addHandler(handler)
    yield
    logger.removeHandler(handler)


@pytest.mark.usefixtures("broken_handler")
def test_a_failing_handler_does_not_raise(capsys):
    """The event is lost, and stderr has a message about it."""
    emit(NAME, logging.ERROR, "event")
    assert (
        "The log event 'event' could not be logged. OSError('the log host is gone')"
        in capsys.readouterr().err
    )


def test_structlog_is_not_loaded_before_the_first_event():
    """Neither importing nor asking for a level imports it."""
    code = (
        "import sys; from langgraph_runner.errors.logs import is_enabled;"
        f"is_enabled({NAME!r}, 20); print('structlog' in sys.modules)"
    )
    assert run(code).strip() == "False"


@pytest.mark.req("N-13")
def test_a_warning_that_no_handler_gets_is_not_enabled():
    """No record is made where no handler would take it."""
    logger = logging.getLogger("langgraph_runner.without_handler")
    logger.propagate = False
    logger.addHandler(logging.NullHandler())
    assert is_enabled("langgraph_runner.without_handler", logging.ERROR) is False
    logger.addHandler(handler := logging.StreamHandler())
    assert is_enabled("langgraph_runner.without_handler", logging.ERROR) is True
    logger.removeHandler(handler)
