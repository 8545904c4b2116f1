"""The fields of events about errors."""

from sqlalchemy.exc import OperationalError

from langgraph_runner.engine.logs import cause


def test_a_cause_has_neither_sql_nor_secrets():
    """The message is that of the driver, sanitized and bounded."""
    error = OperationalError("SELECT 1", {"x": "parameter"}, OSError("refused: password=hunter2-and-more"))
    assert cause(error) == {"error_type": "OperationalError", "error": "refused: password=[REDACTED]"}
    assert len(cause(ValueError("long " * 10_000))["error"]) <= 500
