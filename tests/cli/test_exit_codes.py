"""The table of exit codes."""

import pytest

from langgraph_runner.cli.exit_codes import EXIT_CODES, EXIT_OF_ERROR, ExitCode
from langgraph_runner.errors import ErrorCode

pytestmark = pytest.mark.req("R-54")


def test_every_error_code_has_an_exit_code():
    """Every exit code has a meaning."""
    assert set(EXIT_OF_ERROR) == set(ErrorCode)
    assert set(EXIT_CODES) == set(ExitCode)
