"""The options of a node: which are refused, and with which messages."""

from datetime import timedelta

import pytest
from langchain_core.runnables import RunnableLambda
from langgraph.types import RetryPolicy, TimeoutPolicy
from pydantic import ValidationError

from langgraph_runner import (
    AbortController,
    CircuitBreakerConfig,
    NodeCircuitBreaker,
    NodeMetricsCollector,
    RetryConfig,
    create_node,
    runner_config,
)
from langgraph_runner.node.policies.retry import as_retry_config
from langgraph_runner.runtime.timeouts import as_timeout_ms
from langgraph_runner.testing import FakeRuntime, Flaky


@pytest.mark.req("N-5")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_attempts", 0),
        ("max_attempts", -1),
        ("max_attempts", 10_001),
        ("max_attempts", 2.5),
        ("max_attempts", True),
        ("max_attempts", "many"),
        ("backoff_ms", -1),
        ("backoff_ms", float("nan")),
        ("backoff_ms", float("inf")),
        ("backoff_multiplier", 0.5),
        ("max_backoff_ms", -1),
        ("jitter", -0.1),
        ("jitter", 0.3),
        ("retry_on", "ValueError"),
        ("retry_on", []),
        ("retry_on", [int]),
        ("stop", 5),
        ("wait", 5),
    ],
)
def test_a_bad_retry_is_refused_by_field(field, value):
    """When the node is created, not when it fails."""
    with pytest.raises(ValueError, match=field):
        create_node(lambda s: {}, retry={field: value})


@pytest.mark.req("N-5")
def test_a_cap_below_the_first_delay_is_refused():
    """But the default cap rises with a longer back-off."""
    with pytest.raises(ValueError, match=r"max_backoff_ms \(10\) must not be below backoff_ms \(20\)"):
        RetryConfig(backoff_ms=20, max_backoff_ms=10)
    assert RetryConfig(backoff_ms=60_000).max_backoff_ms == 60_000
    assert RetryConfig(backoff_ms=10).max_backoff_ms == 30_000


@pytest.mark.req("N-5")
def test_a_config_cannot_be_changed():
    """Because it is shared."""
    with pytest.raises(ValidationError, match="frozen"):
        RetryConfig().max_attempts = 5


@pytest.mark.req("N-5", "N-27")
def test_every_form_of_retry_is_read():
    """None, a config, a dict, a number, LangGraph's policy."""
    config = RetryConfig(max_attempts=5)
    assert as_retry_config(None) is None
    assert as_retry_config(config) is config
    assert as_retry_config(5) == config
    assert as_retry_config({"max_attempts": 5}) == config
    assert as_retry_config(RetryPolicy(max_attempts=5)).max_attempts == 5
    with pytest.raises(TypeError, match=r"retry must be a RetryConfig, a dict.*got 'twice'"):
        as_retry_config("twice")


@pytest.mark.req("N-27")
def test_a_retry_policy_of_no_attempts_is_refused():
    """LangGraph accepts it, but it can only be a mistake."""
    with pytest.raises(ValueError, match="max_attempts"):
        as_retry_config(RetryPolicy(max_attempts=0))


@pytest.mark.req("N-15")
@pytest.mark.parametrize("option", ["timeout_ms", "total_timeout_ms"])
@pytest.mark.parametrize("value", [0, -5, float("nan"), float("inf"), 10**15, timedelta(0)])
def test_a_bad_timeout_is_refused_by_name(option, value):
    """The message has the range."""
    with pytest.raises(ValueError, match=rf"{option} must be above 0 and at most"):
        create_node(lambda s: {}, **{option: value})


@pytest.mark.req("N-15")
@pytest.mark.parametrize("value", ["5s", True, [1]])
def test_a_timeout_of_the_wrong_kind_is_refused(value):
    """The message lists the accepted types."""
    with pytest.raises(TypeError, match="timeout_ms must be ms, a timedelta or a TimeoutPolicy"):
        create_node(lambda s: {}, timeout_ms=value)


@pytest.mark.req("N-27")
def test_a_timeout_policy_may_hold_a_timedelta_or_nothing():
    """Like in LangGraph."""
    assert as_timeout_ms(TimeoutPolicy(run_timeout=timedelta(seconds=2)), field="t") == 2000
    assert as_timeout_ms(TimeoutPolicy(), field="t") is None


@pytest.mark.req("N-21")
@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"failure_threshold": 0}, "failure_threshold"),
        ({"failure_threshold": True}, "failure_threshold"),
        ({"recovery_timeout_ms": -1}, "recovery_timeout_ms"),
        ({"half_open_max_calls": 0}, "half_open_max_calls"),
        ({"failure_rate": 0}, "failure_rate"),
        ({"failure_rate": 1.1}, "failure_rate"),
        ({"window": 10}, "window: it goes with failure_rate"),
        ({"failure_rate": 0.5, "window": 3}, "can never be met in a window of 3"),
    ],
)
def test_a_bad_breaker_is_refused_by_field(fields, named):
    """The message has the reason."""
    with pytest.raises(ValueError, match=named):
        CircuitBreakerConfig(**fields)


@pytest.mark.req("N-21")
def test_the_window_defaults_to_a_hundred():
    """Also if the option is given as None."""
    assert CircuitBreakerConfig(failure_rate=0.5).window == 100
    assert CircuitBreakerConfig(failure_rate=0.5, window=None).window == 100
    assert CircuitBreakerConfig().window is None
    assert CircuitBreakerConfig.model_validate(CircuitBreakerConfig()).window is None
    with pytest.raises(ValidationError):
        CircuitBreakerConfig.model_validate(5)


@pytest.mark.req("N-19", "N-23")
@pytest.mark.parametrize("option", ["on_timeout", "on_retry_attempt"])
def test_a_callback_must_be_callable(option):
    """The message names the option."""
    with pytest.raises(TypeError, match=f"{option} must be a function"):
        create_node(lambda s: {}, **{option: "log"})


@pytest.mark.req("N-27", "N-17")
@pytest.mark.parametrize("option", ["on_error", "on_drain"])
def test_a_choice_must_be_one_of_the_choices(option):
    """The message lists them."""
    with pytest.raises(ValueError, match=rf"{option} must be one of '(capture|stop)'.*, got 'ignore'"):
        create_node(lambda s: {}, **{option: "ignore"})


@pytest.mark.req("N-25")
def test_a_fallback_must_be_callable():
    """Refused when the node is made."""
    with pytest.raises(TypeError, match="fallback must be a function"):
        create_node(lambda s: {}, fallback={"x": 1})


@pytest.mark.req("M-6")
@pytest.mark.parametrize("make", [create_node, lambda f, **o: runner_config(**o)], ids=["node", "config"])
def test_a_collector_must_have_the_methods(make):
    """Missing methods are named when the collector is given."""
    with pytest.raises(TypeError, match=r"metrics_collector must have record_success, record_failure.*got 5"):
        make(lambda s: {}, metrics_collector=5)


class _AsyncCollector:
    """A collector with async methods, which are never awaited."""

    async def record_success(self, node, duration_ms):
        """A method of a collector, like the other two."""

    record_failure = record_retry = record_success


@pytest.mark.req("M-6")
@pytest.mark.parametrize(
    ("collector", "message"),
    [
        (
            NodeMetricsCollector,
            r"must be an instance, got the class NodeMetricsCollector. Pass NodeMetricsCollector\(\)",
        ),
        (
            _AsyncCollector(),
            "must have plain methods, .*: record_success, record_failure, record_retry of _AsyncCollector",
        ),
    ],
    ids=["class", "async"],
)
@pytest.mark.parametrize(
    "make",
    [
        create_node,
        lambda f, **o: runner_config(**o),
        lambda f, **o: create_node(f, on_error="raise")({}, {"configurable": o}),
    ],
    ids=["node", "config", "raw config"],
)
def test_a_collector_whose_numbers_would_be_lost_is_refused(make, collector, message):
    """Such as a class instead of an instance, and async methods."""
    with pytest.raises(TypeError, match=f"metrics_collector.* {message}"):
        make(lambda s: {}, metrics_collector=collector)


@pytest.mark.req("N-17")
def test_runner_config_wants_the_signal_not_its_controller():
    """The message says how to get the signal."""
    with pytest.raises(TypeError, match=r"abort_signal must be an AbortSignal.*\.signal"):
        runner_config(abort_signal=AbortController())


@pytest.mark.req("N-20")
def test_a_sanitizer_must_be_one():
    """Refused when the node is made."""
    with pytest.raises(TypeError, match="sanitizer must be a Sanitizer"):
        create_node(lambda s: {}, sanitizer=5)


@pytest.mark.req("N-1")
def test_a_node_is_not_wrapped_again():
    """The inner node would capture the failures that the outer one has to retry."""
    for function in (lambda s: {}, RunnableLambda(lambda s: {})):
        with pytest.raises(TypeError, match="fn: it is a node already"):
            create_node(create_node(function))


@pytest.mark.req("N-9")
def test_a_runtime_that_is_none_is_refused():
    """It needs both a blocking and an awaiting half."""
    with pytest.raises(TypeError, match=r"runtime must be a testing.FakeRuntime"):
        create_node(lambda s: {}, runtime=FakeRuntime().awaiting)


@pytest.mark.req("N-22")
def test_runner_config_holds_what_was_given():
    """It adds to a base config, without changing it."""
    base = {"configurable": {"thread_id": "t"}, "tags": ["a"]}
    config = runner_config(base, story_id="S", default_retry=3, custom=1)
    assert config == {
        "configurable": {
            "thread_id": "t",
            "story_id": "S",
            "default_retry": RetryConfig(max_attempts=3),
            "custom": 1,
        },
        "tags": ["a"],
    }
    assert base == {"configurable": {"thread_id": "t"}, "tags": ["a"]}


@pytest.mark.req("N-22")
@pytest.mark.parametrize("trace_id", ["", "xyz", "0" * 32, "AB" * 16, "ab" * 15])
def test_runner_config_refuses_what_is_no_trace_id(trace_id):
    """The message describes the format."""
    with pytest.raises(ValueError, match="32 lower-case hex digits"):
        runner_config(trace_id=trace_id)


@pytest.mark.req("N-21")
def test_a_breaker_has_a_repr():
    """For logs and debuggers."""
    assert repr(NodeCircuitBreaker(name="search")) == "<NodeCircuitBreaker 'search' closed>"


@pytest.mark.req("N-9")
def test_flaky_needs_a_script_and_a_clock():
    """The testing tools check their arguments as well."""
    with pytest.raises(ValueError, match="script"):
        Flaky()
    with pytest.raises(ValueError, match="clock"):
        Flaky({}, takes_s=1)
