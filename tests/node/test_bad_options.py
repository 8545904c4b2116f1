"""Options that are misspelled, misplaced or of the wrong kind, and the decorator form."""

import functools

import pytest

from langgraph_runner import (
    AbortController,
    CircuitBreakerConfig,
    ExecutionOptions,
    GraphRunner,
    GraphState,
    RetryConfig,
    create_node,
    runner_config,
)
from langgraph_runner.testing import Flaky


def fn(state):
    """A node's function."""
    return {}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: create_node(None), "fn must be a function, a coroutine function or a Runnable, got None"),
        (
            lambda: create_node(fn, retries=3),
            r"retries: create_node\(\) has no such option. Did you mean 'retry'",
        ),
        (
            lambda: create_node(fn, retry={"attempts": 3}),
            "attempts: RetryConfig has no such option. Did you mean 'max_attempts'",
        ),
        (
            lambda: create_node(fn, circuit_breaker={"threshold": 3}),
            "threshold: CircuitBreakerConfig .* Did you mean 'failure_threshold'",
        ),
        (lambda: RetryConfig(backof_ms=3), "Did you mean 'backoff_ms'"),
        (lambda: CircuitBreakerConfig(windows=3), "Did you mean 'window'"),
        (lambda: ExecutionOptions(timeout=3), "Did you mean 'timeout_ms'"),
        (lambda: runner_config(retry=3), "retry: for a whole run it is called 'default_retry'"),
        (
            lambda: runner_config(timeout_ms=3),
            r"timeout_ms: it is an option of create_node\(\), not of a run",
        ),
        (lambda: runner_config(on_drain="stop"), r"on_drain: it is an option of create_node\(\)"),
        (lambda: runner_config(abort_signl=None), "Did you mean 'abort_signal'"),
        (lambda: create_node(functools.partial(create_node(fn)), retry=3), "fn: it is a node already"),
    ],
)
def test_a_wrong_option_is_refused_with_the_right_one(make, message):
    """When it is given; the message has both names."""
    with pytest.raises(TypeError, match=message):
        make()


def test_keys_of_the_users_own_travel_in_the_config():
    """Like LangGraph's `thread_id`."""
    config = runner_config({"configurable": {"abort_signl": 1}}, thread_id="t", user="u")
    assert config["configurable"] == {"abort_signl": 1, "thread_id": "t", "user": "u"}


def test_a_predicate_of_two_arguments_is_refused():
    """It is called with only the error."""
    with pytest.raises(ValueError, match=r"predicate must .* needs the argument 'b'"):
        RetryConfig(retry_on=lambda a, b: True)


def test_without_a_function_it_is_a_decorator(mode, fake):
    """It takes the options for the function below it."""

    @create_node(retry=2, runtime=fake)
    @mode.function
    def fetch(state):
        return flaky.sync(state)

    flaky = Flaky(ConnectionError, {"price": 1})
    assert mode.call(fetch, {}) == {"price": 1}
    assert fetch.__name__ == "fetch"


@pytest.mark.req("N-17")
@pytest.mark.parametrize("place", ["configurable", "top"])
def test_the_abort_signal_is_also_found_as_signal(mode, place):
    """Also at the top of the config."""
    controller = AbortController()
    controller.abort("stop")
    own = {"signal": controller.signal}
    config = {"configurable": own} if place == "configurable" else own
    record = mode.call(create_node(mode.function(fn)), {}, config)["errors"][0]
    assert record["code"] == "NODE_CANCELLED"


@pytest.mark.req("N-17")
def test_a_graph_hands_on_the_signal_of_its_configurable(mode):
    """Under both names."""
    from langgraph.graph import START, StateGraph

    controller = AbortController()
    controller.abort("stop")
    builder = StateGraph(GraphState).add_node("n", create_node(mode.function(fn))).add_edge(START, "n")
    state = mode.invoke(builder.compile(), {}, {"configurable": {"signal": controller.signal}})
    assert state["errors"][0]["code"] == "NODE_CANCELLED"


@pytest.mark.req("N-17")
@pytest.mark.parametrize("place", ["configurable", "top"])
def test_a_graph_runner_finds_it_in_both_places(place):
    """The signal cancels the run."""
    from langgraph.graph import START, StateGraph

    controller = AbortController()
    controller.abort("stop")
    own = {"signal": controller.signal}
    builder = StateGraph(GraphState).add_node("n", create_node(fn)).add_edge(START, "n")
    result = GraphRunner(builder.compile()).run({}, {"configurable": own} if place == "configurable" else own)
    assert result.status == "cancelled"


def test_a_signal_of_another_kind_is_left_alone(mode):
    """A program may use a key of this name for something else."""
    assert mode.call(create_node(mode.function(fn)), {}, {"configurable": {"signal": "SIGTERM"}}) == {}


@pytest.mark.req("N-17")
@pytest.mark.parametrize(
    "wrap", [lambda signal: {"configurable": {"signal": signal}}, lambda signal: {"signal": signal}]
)
def test_a_controller_in_place_of_its_signal_is_refused(mode, wrap):
    """It would never stop the node."""
    node = create_node(mode.function(lambda state: {}))
    (error,) = mode.call(node, {}, wrap(AbortController()))["errors"]
    assert "config['signal'] must be an AbortSignal" in error["message"]
    assert "Pass its `.signal`." in error["message"]
