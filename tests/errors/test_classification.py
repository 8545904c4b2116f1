"""Which errors are retried, and their categories, as one table."""

import asyncio
import errno
import socket
import ssl
from concurrent.futures import CancelledError as CancelledFutureError
from datetime import UTC, datetime
from urllib.error import URLError

import anthropic
import httpx
import openai
import pytest
import requests
from blockbuster import BlockingError
from langgraph.errors import GraphInterrupt, GraphRecursionError, InvalidUpdateError, NodeTimeoutError
from langgraph.types import RetryPolicy
from pydantic import BaseModel, ValidationError
from urllib3.exceptions import MaxRetryError, NewConnectionError

from langgraph_runner import (
    CircuitOpenError,
    FallbackError,
    InvalidNodeOutputError,
    NodeCancellationError,
    RetryExhaustedError,
    StateUpdateError,
    failure_category,
    is_retryable_node_error,
    retry_after_ms,
)
from langgraph_runner import NodeTimeoutError as RunnerTimeoutError
from langgraph_runner.errors.classification import http_status, is_control_flow

REQUEST = httpx.Request("GET", "https://example.org")


def httpx_error(status, **headers):
    """An error as httpx raises it."""
    return httpx.HTTPStatusError("x", request=REQUEST, response=httpx.Response(status, headers=headers))


def requests_error(status, **headers):
    """An error as requests raises it."""
    response = requests.Response()
    response.status_code = status
    response.headers.update(headers)
    return requests.HTTPError("x", response=response)


def openai_error(kind, status, body=None, **headers):
    """An error as the openai client raises it."""
    return kind("x", response=httpx.Response(status, headers=headers, request=REQUEST), body=body)


def anthropic_error(kind, status, **headers):
    """An error as the anthropic client raises it."""
    return kind("x", response=httpx.Response(status, headers=headers, request=REQUEST), body=None)


def validation_error():
    """An error as pydantic raises it."""

    class Model(BaseModel):
        n: int

    try:
        Model(n="x")
    except ValidationError as error:
        return error
    raise AssertionError


def botocore_error(status):
    """An error as botocore raises it."""

    class ClientError(Exception):
        response = {"ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {"retry-after": "3"}}}  # noqa: RUF012

    return ClientError("x")


class Hostile(Exception):
    """An exception whose attributes raise."""

    @property
    def response(self):
        """Raise."""
        raise ZeroDivisionError


class Mine(Exception):
    """An unknown error."""


class HTTPStatus(Exception):
    """An error with `status`, as in aiohttp."""

    def __init__(self, status):
        super().__init__(status)
        self.status = status


TIMEOUT, NETWORK, VALIDATION, OTHER = "timeout", "network", "validation", "other"
TABLE = [
    # error, retryable, category
    (TimeoutError(), True, TIMEOUT),
    (TimeoutError(), True, TIMEOUT),
    (NodeTimeoutError("n", 1.0, kind="run", run_timeout=1.0), True, TIMEOUT),
    (RunnerTimeoutError(node="n", timeout_ms=1, elapsed_ms=2), True, TIMEOUT),
    (httpx.ReadTimeout("x"), True, TIMEOUT),
    (httpx.ConnectTimeout("x"), True, TIMEOUT),
    (requests.Timeout("x"), True, TIMEOUT),
    (openai.APITimeoutError(request=REQUEST), True, TIMEOUT),
    (anthropic.APITimeoutError(request=REQUEST), True, TIMEOUT),
    (httpx_error(408), True, TIMEOUT),
    (httpx_error(504), True, TIMEOUT),
    (ConnectionError(), True, NETWORK),
    (ConnectionResetError(), True, NETWORK),
    (BrokenPipeError(), True, NETWORK),
    (httpx.ConnectError("x"), True, NETWORK),
    (httpx.RemoteProtocolError("x"), True, NETWORK),
    (httpx.UnsupportedProtocol("x"), False, NETWORK),
    (BlockingError("time.sleep"), False, OTHER),
    (requests.ConnectionError("x"), True, NETWORK),
    (requests.exceptions.ChunkedEncodingError("x"), True, NETWORK),
    (requests.exceptions.MissingSchema("x"), False, OTHER),
    (openai.APIConnectionError(request=REQUEST), True, NETWORK),
    (anthropic.APIConnectionError(request=REQUEST), True, NETWORK),
    (OSError(errno.ENETUNREACH, "x"), True, NETWORK),
    (socket.gaierror(socket.EAI_AGAIN, "x"), True, NETWORK),
    (socket.gaierror(socket.EAI_NONAME, "x"), False, NETWORK),
    (ssl.SSLError("x"), True, NETWORK),
    (ssl.SSLCertVerificationError("x"), False, NETWORK),
    (asyncio.IncompleteReadError(b"", 5), True, OTHER),
    *[(httpx_error(s), True, NETWORK) for s in (425, 429, 500, 502, 503, 599)],
    *[(httpx_error(s), False, NETWORK) for s in (400, 401, 403, 404, 409, 422)],
    (requests_error(429), True, NETWORK),
    (requests_error(404), False, NETWORK),
    (HTTPStatus(503), True, NETWORK),
    (HTTPStatus(404), False, NETWORK),
    (botocore_error(503), True, NETWORK),
    (botocore_error(400), False, NETWORK),
    (openai_error(openai.RateLimitError, 429), True, NETWORK),
    (openai_error(openai.RateLimitError, 429, {"code": "insufficient_quota"}), False, NETWORK),
    (openai_error(openai.InternalServerError, 500), True, NETWORK),
    (openai_error(openai.AuthenticationError, 401), False, NETWORK),
    (openai_error(openai.BadRequestError, 400, **{"x-should-retry": "true"}), True, NETWORK),
    (anthropic_error(anthropic.InternalServerError, 529), True, NETWORK),
    (anthropic_error(anthropic.RateLimitError, 429, **{"x-should-retry": "false"}), False, NETWORK),
    (validation_error(), False, VALIDATION),
    (InvalidNodeOutputError(node="n", found="x", fix="y"), False, VALIDATION),
    (InvalidUpdateError("x"), False, VALIDATION),
    (TypeError(), False, OTHER),
    (ValueError(), False, OTHER),
    (KeyError(), False, OTHER),
    (AttributeError(), False, OTHER),
    (ZeroDivisionError(), False, OTHER),
    (AssertionError(), False, OTHER),
    (NotImplementedError(), False, OTHER),
    (RecursionError(), False, OTHER),
    (GraphRecursionError(), False, OTHER),
    (MemoryError(), False, OTHER),
    (FileNotFoundError(errno.ENOENT, "x"), False, OTHER),
    (PermissionError(errno.EACCES, "x"), False, OTHER),
    (URLError(ConnectionRefusedError()), True, NETWORK),
    (MaxRetryError(None, "/", NewConnectionError(None, "x")), True, NETWORK),
    (URLError(TimeoutError()), True, TIMEOUT),
    (URLError("unknown url type"), False, OTHER),
    (CancelledFutureError(), False, OTHER),
    (StateUpdateError(field="f", problem="p"), False, VALIDATION),
    (CircuitOpenError(node="n", retry_after_ms=1, last_error=TimeoutError()), False, TIMEOUT),
    (RuntimeError("x"), True, OTHER),
    (Mine("x"), True, OTHER),
    (Hostile(), False, OTHER),
    (ExceptionGroup("x", [ConnectionError(), TimeoutError()]), True, OTHER),
    (ExceptionGroup("x", [ConnectionError(), KeyError()]), False, OTHER),
    (CircuitOpenError(node="n", retry_after_ms=1), False, "circuit_open"),
    (NodeCancellationError(node="n", reason="x"), False, "cancelled"),
    (asyncio.CancelledError(), False, "cancelled"),
    (RetryExhaustedError(node="n", attempts=2, last_error=TimeoutError()), False, TIMEOUT),
    (FallbackError(node="n", primary_error=ConnectionError(), fallback_error=KeyError()), False, NETWORK),
    (GraphInterrupt(), False, OTHER),
    (KeyboardInterrupt(), False, OTHER),
]


@pytest.mark.req("N-16", "M-15")
@pytest.mark.parametrize(
    ("error", "retryable", "category"),
    TABLE,
    ids=[f"{i}-{type(row[0]).__name__}" for i, row in enumerate(TABLE)],
)
def test_table(error, retryable, category):
    """Each error is retried or not, and has a category."""
    assert (is_retryable_node_error(error), failure_category(error).value) == (retryable, category)


@pytest.mark.req("N-16")
def test_a_very_deep_group_is_final():
    """Five hundred levels do not raise."""
    group = ExceptionGroup("x", [ConnectionError()])
    for _ in range(500):
        group = ExceptionGroup("x", [group])
    assert is_retryable_node_error(group) is False


NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.req("N-16")
@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "7"}, 7000),
        ({"Retry-After": "1.5"}, 1500),
        ({"retry-after-ms": "250", "retry-after": "7"}, 250),
        ({"retry-after": "Thu, 01 Jan 2026 00:01:00 GMT"}, 60_000),
        ({"retry-after": "Thu, 01 Jan 2026 00:01:00"}, 60_000),
        ({"retry-after": "Wed, 31 Dec 2025 00:00:00 GMT"}, 0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_retry_after(headers, expected):
    """Seconds, ms and dates are read; other values are ignored."""
    assert retry_after_ms(httpx_error(429, **headers), NOW) == expected


@pytest.mark.req("N-16")
def test_retry_after_is_found_where_clients_put_it():
    """Headers are read from the response, the error and the dict of botocore; their case does not matter."""
    error = Mine("x")
    error.headers = {"RETRY-AFTER": "2"}
    assert retry_after_ms(error, NOW) == 2000
    assert retry_after_ms(requests_error(429, **{"Retry-After": "4"}), NOW) == 4000
    assert retry_after_ms(botocore_error(429), NOW) == 3000
    assert retry_after_ms(Mine("x"), NOW) is None
    assert retry_after_ms(Hostile(), NOW) is None


@pytest.mark.req("N-16")
@pytest.mark.parametrize("status", [True, 99, 600, "500", None])
def test_other_numbers_are_not_statuses(status):
    """`code` and `status` of other errors are not HTTP statuses."""
    assert http_status(HTTPStatus(status)) is None


@pytest.mark.req("N-26")
def test_control_flow():
    """Only LangGraph's own exceptions are control flow."""
    assert is_control_flow(GraphInterrupt())
    assert not is_control_flow(ConnectionError())


@pytest.mark.req("N-16")
@pytest.mark.parametrize(
    ("error", "langgraph", "ours"),
    [
        (TimeoutError(), False, True),
        (OSError(errno.ENETUNREACH, "x"), False, True),
        (RuntimeError("x"), False, True),
        (httpx_error(429), False, True),
        (httpx.ReadTimeout("x"), True, True),
        (requests_error(404), True, False),
        (requests_error(503), True, True),
        (AssertionError(), True, False),
        (ConnectionError(), True, True),
        (ValueError(), False, False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_the_default_differs_from_that_of_langgraph(error, langgraph, ours):
    """A node without a `retry_on` does not use LangGraph's default; the README names the differences."""
    assert (RetryPolicy().retry_on(error), is_retryable_node_error(error)) == (langgraph, ours)
