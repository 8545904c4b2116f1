"""Retries: their number, their delays and their callbacks."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.types import RetryPolicy
from tenacity import (
    TryAgain,
    retry_if_exception,
    retry_if_exception_type,
    retry_if_not_result,
    retry_if_result,
    stop_after_attempt,
    stop_after_delay,
    wait_fixed,
)
from tenacity.asyncio import retry_if_exception as retry_if_awaited

from langgraph_runner import NodeMetricsCollector, RetryConfig, create_node, runner_config
from langgraph_runner.node.policies.backoff import backoff_delay_ms
from langgraph_runner.testing import FakeRuntime, Flaky


def flaky_node(mode, fake, *script, takes_s=0.0, **options):
    """A node whose function follows a script, and the script."""
    flaky = Flaky(*script, takes_s=takes_s, clock=fake)
    function = flaky.awaited if mode.is_async else flaky.sync
    return create_node(function, name="n", runtime=fake, **options), flaky


@pytest.mark.req("N-5")
def test_retries_until_success(mode, fake):
    """The result is that of the successful attempt."""
    node, flaky = flaky_node(mode, fake, ConnectionError, TimeoutError, {"x": 1}, retry=3)
    assert mode.call(node, {}) == {"x": 1}
    assert flaky.calls == 3


@pytest.mark.req("N-5")
def test_max_attempts_counts_the_first_call(mode, fake):
    """Three attempts are two retries."""
    node, flaky = flaky_node(mode, fake, ConnectionError, retry=3)
    mode.call(node, {})
    assert (flaky.calls, len(fake.sleeps)) == (3, 2)


@pytest.mark.req("N-5")
def test_waits_grow_by_the_multiplier_up_to_the_cap(mode, fake):
    """100, 300, 900, then the cap."""
    retry = RetryConfig(max_attempts=6, backoff_ms=100, backoff_multiplier=3, max_backoff_ms=1000, jitter=0.0)
    node, _ = flaky_node(mode, fake, ConnectionError, retry=retry)
    mode.call(node, {})
    assert fake.sleeps == pytest.approx([0.1, 0.3, 0.9, 1.0, 1.0])


@pytest.mark.req("N-18")
@given(
    retry=st.integers(1, 5000),
    backoff=st.floats(0, 1e6),
    multiplier=st.floats(1, 1000),
    cap=st.floats(0, 1e7),
    jitter=st.floats(0, 0.25),
    random=st.floats(0, 1, exclude_max=True),
)
def test_the_cap_holds_after_jitter(retry, backoff, multiplier, cap, jitter, random):
    """For all options, a delay is between 0 and the cap."""
    delay = backoff_delay_ms(
        retry, backoff_ms=backoff, multiplier=multiplier, max_backoff_ms=cap, jitter=jitter, random=random
    )
    assert 0 <= delay <= cap


@pytest.mark.req("N-18")
@pytest.mark.parametrize(("random", "expected"), [(0.0, 1.0), (0.5, 1.125), (0.999999, 1.25)])
def test_jitter_adds_up_to_a_quarter(mode, random, expected):
    """0 to 25 % of the delay, with random numbers of the runtime."""
    fake = FakeRuntime(random=random)
    node, _ = flaky_node(mode, fake, ConnectionError, {}, retry=2)
    mode.call(node, {})
    assert fake.sleeps == pytest.approx([expected], rel=1e-5)


@pytest.mark.req("N-16")
def test_an_error_that_is_final_is_not_retried(mode, fake):
    """A retry does not fix a bug."""
    node, flaky = flaky_node(mode, fake, KeyError("x"), retry=5)
    mode.call(node, {})
    assert (flaky.calls, fake.sleeps) == (1, [])


@pytest.mark.req("N-16")
@pytest.mark.parametrize(
    "retry_on", [KeyError, (KeyError, ValueError), lambda e: "x" in str(e), retry_if_exception_type(KeyError)]
)
def test_retry_on_takes_classes_predicates_and_tenacity(mode, fake, retry_on):
    """The user's rule replaces the default one."""
    retry = RetryConfig(max_attempts=2, retry_on=retry_on)
    node, flaky = flaky_node(mode, fake, KeyError("x"), {}, retry=retry)
    assert mode.call(node, {}) == {}
    assert flaky.calls == 2


@pytest.mark.req("N-16")
def test_a_predicate_that_raises_ends_the_retries_with_the_nodes_error(mode, fake, caplog):
    """The error of the node is raised; that of the predicate is logged."""

    def broken(error):
        raise ZeroDivisionError

    retry = RetryConfig(retry_on=broken)
    node, flaky = flaky_node(mode, fake, ConnectionError("real"), retry=retry)
    assert mode.call(node, {})["errors"][0]["error_type"] == "ConnectionError"
    assert flaky.calls == 1
    assert "retry_predicate_failed" in caplog.text


class Answer(Exception):
    """An HTTP error like that of most clients."""

    def __init__(self, status, headers):
        super().__init__(f"HTTP {status}")
        self.status_code = status
        self.headers = headers


@pytest.mark.req("N-16")
def test_retry_after_lengthens_the_wait(mode, fake):
    """Also beyond the cap of the back-off."""
    retry = RetryConfig(max_attempts=2, backoff_ms=100, max_backoff_ms=1000, jitter=0)
    node, _ = flaky_node(mode, fake, Answer(429, {"Retry-After": "7"}), {}, retry=retry)
    mode.call(node, {})
    assert fake.sleeps == [7.0]


@pytest.mark.req("N-16")
def test_retry_after_does_not_shorten_the_wait(mode, fake):
    """The longer of the two counts."""
    retry = RetryConfig(max_attempts=2, backoff_ms=5000, jitter=0)
    node, _ = flaky_node(mode, fake, Answer(503, {"retry-after": "1"}), {}, retry=retry)
    mode.call(node, {})
    assert fake.sleeps == [5.0]


@pytest.mark.req("N-16")
def test_a_retry_after_that_is_too_long_ends_the_retries(mode, fake):
    """After a shorter wait, the server would refuse again."""
    node, flaky = flaky_node(mode, fake, Answer(429, {"retry-after": "3600"}), retry=5)
    record = mode.call(node, {})["errors"][0]
    assert (flaky.calls, fake.sleeps) == (1, [])
    assert "max_retry_after_ms" in record["stack"]


@pytest.mark.req("N-23")
def test_on_retry_attempt_hears_of_each_retry(mode, fake):
    """It gets attempt, error, delay and context, before each wait."""
    events = []
    node, _ = flaky_node(
        mode,
        fake,
        ConnectionError("one"),
        ConnectionError("two"),
        {},
        retry=RetryConfig(backoff_ms=100, jitter=0),
        on_retry_attempt=events.append,
    )
    mode.call(node, {})
    assert [(e.attempt, str(e.error), e.delay_ms, e.context.attempt) for e in events] == [
        (1, "one", 100.0, 1),
        (2, "two", 200.0, 2),
    ]
    assert events[0].context.node_name == "n"


@pytest.mark.req("N-23")
def test_an_async_callback_is_awaited_in_both_modes(mode, fake):
    """It may be async in a sync node, and sync in an async one."""
    heard = []

    async def hear(event):
        heard.append(event.attempt)

    node, _ = flaky_node(mode, fake, ConnectionError, {}, retry=2, on_retry_attempt=hear)
    mode.call(node, {})
    assert heard == [1]


@pytest.mark.req("N-23")
def test_a_failing_callback_harms_nothing(mode, fake, caplog):
    """It is logged, and the retry happens."""

    def broken(event):
        raise ZeroDivisionError

    node, _ = flaky_node(mode, fake, ConnectionError, {"x": 1}, retry=2, on_retry_attempt=broken)
    assert mode.call(node, {}) == {"x": 1}
    assert "on_retry_attempt_failed" in caplog.text


@pytest.mark.req("N-5", "M-2")
def test_retries_are_counted(mode, fake):
    """The collector counts each retry, and one success."""
    collector = NodeMetricsCollector()
    node, _ = flaky_node(
        mode, fake, ConnectionError, ConnectionError, {}, retry=3, metrics_collector=collector
    )
    mode.call(node, {})
    metrics = collector.get_node_metrics("n")
    assert (metrics.retry_count, metrics.success_count, metrics.failure_count) == (2, 1, 0)


@pytest.mark.req("N-5")
@pytest.mark.parametrize("nested", [False, True], ids=["flat", "nested"])
def test_what_a_failed_attempt_did_to_the_state_is_gone(mode, fake, nested):
    """Each attempt gets the original state, at every depth of its containers."""
    seen = []

    def mutate(state):
        target = state["deep"]["list"] if nested else state["list"]
        seen.append(list(target))
        target.append("dirt")
        raise ConnectionError

    node = create_node(mode.function(mutate), retry=3, runtime=fake)
    mode.call(node, {"list": [], "deep": {"list": []}})
    assert seen == [[], [], []]


@pytest.mark.req("N-27")
def test_a_langgraph_retry_policy_means_the_same(mode, fake):
    """Seconds become ms; its own predicate is used."""
    policy = RetryPolicy(
        initial_interval=2, backoff_factor=3, max_interval=5, max_attempts=4, jitter=False, retry_on=KeyError
    )
    node, flaky = flaky_node(mode, fake, KeyError("x"), retry=policy)
    mode.call(node, {})
    assert (flaky.calls, fake.sleeps) == (4, [2.0, 5.0, 5.0])


@pytest.mark.req("N-27")
def test_tenacity_stop_and_wait_replace_the_fields(mode, fake):
    """They get the attempt number, and times of the fake clock."""
    retry = RetryConfig(stop=stop_after_attempt(4), wait=wait_fixed(3))
    node, flaky = flaky_node(mode, fake, ConnectionError, retry=retry)
    record = mode.call(node, {})["errors"][0]
    assert (flaky.calls, fake.sleeps, record["code"]) == (4, [3, 3, 3], "RETRY_EXHAUSTED")


@pytest.mark.req("N-27")
def test_tenacity_stop_after_delay_uses_the_runtimes_clock(mode, fake):
    """With a limit of 10 s and attempts of 4 s there are three attempts."""
    retry = RetryConfig(stop=stop_after_delay(10), backoff_ms=0)
    node, flaky = flaky_node(mode, fake, ConnectionError, takes_s=4, retry=retry)
    mode.call(node, {})
    assert flaky.calls == 3


@pytest.mark.req("N-5")
def test_default_retry_of_the_config_serves_nodes_without_one(mode, fake):
    """A node's own retry wins."""
    config = runner_config(default_retry=4)
    node, flaky = flaky_node(mode, fake, ConnectionError)
    mode.call(node, {}, config)
    own, own_flaky = flaky_node(mode, fake, ConnectionError, retry=2)
    mode.call(own, {}, config)
    assert (flaky.calls, own_flaky.calls) == (4, 2)


@pytest.mark.req("N-5")
def test_one_attempt_means_no_retry_and_no_exhaustion(mode, fake):
    """The code is that of a plain failure."""
    node, flaky = flaky_node(mode, fake, ConnectionError, retry=1)
    assert mode.call(node, {})["errors"][0]["code"] == "NODE_EXECUTION_FAILED"
    assert flaky.calls == 1


@pytest.mark.req("N-23")
def test_a_plain_callback_of_an_async_node_may_hand_on_a_coroutine():
    """It is awaited; for example, from a lambda around an async function."""
    heard = []

    async def hear(event):
        heard.append(event.attempt)

    def hand_on(event):
        return hear(event)

    flaky = Flaky(ConnectionError, {})
    node = create_node(flaky.awaited, retry=2, on_retry_attempt=hand_on, runtime=FakeRuntime())
    assert asyncio.run(node({})) == {}
    assert heard == [1]


async def answer_later(error):
    """A predicate that has to be awaited."""
    return False


class AnswersLater:
    """A predicate that is an object, and has to be awaited."""

    async def __call__(self, error):
        """Return False."""
        return False


@pytest.mark.req("N-27")
@pytest.mark.parametrize(
    ("retry_on", "reason"),
    [
        (retry_if_result(bool), "retry_if_result judges results"),
        (retry_if_exception_type(OSError) | retry_if_not_result(bool), "retry_if_not_result judges results"),
        (retry_if_exception(answer_later), "has to be awaited"),
        (retry_if_exception_type(OSError) & retry_if_exception(answer_later), "has to be awaited"),
        (retry_if_awaited(answer_later), "has to be awaited"),
        (AnswersLater(), "cannot be a coroutine function"),
    ],
)
def test_a_retry_condition_that_would_never_act_or_always_is_refused(retry_on, reason):
    """A node judges only errors, and at once."""
    with pytest.raises(ValueError, match=f"RetryConfig: retry_on: .*{reason}"):
        RetryConfig(retry_on=retry_on)


@pytest.mark.req("N-27")
def test_try_again_is_retried_whatever_the_condition_says(mode, fake):
    """As tenacity does."""
    retry = RetryConfig(retry_on=retry_if_exception_type(OSError), max_attempts=3, backoff_ms=0)
    node, flaky = flaky_node(mode, fake, TryAgain, retry=retry)
    mode.call(node, {})
    assert flaky.calls == 3
