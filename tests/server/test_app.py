"""The options of `create_app()`."""

import pytest

from langgraph_runner.server import create_app

pytestmark = pytest.mark.req("R-52")


@pytest.mark.parametrize("option", ["max_body_bytes", "body_timeout_s", "requests_per_s", "burst"])
def test_a_limit_must_be_positive(option):
    """The message names the option."""
    with pytest.raises(ValueError, match=option):
        create_app(None, **{option: 0})
