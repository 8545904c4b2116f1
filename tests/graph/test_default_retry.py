"""`default_retry` applies to all nodes of a graph, also to plain functions."""

import asyncio

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint, task
from langgraph.graph import START, StateGraph
from langgraph.types import Command, RetryPolicy, interrupt
from tenacity import retry_if_exception_type, stop_after_attempt

from langgraph_runner import ExecutionOptions, GraphRunner, GraphState, create_node, runner_config
from langgraph_runner.graph.default_retry import with_default_retry
from langgraph_runner.node.policies.retry import RetryConfig
from langgraph_runner.testing import Flaky
from tests.graph.test_runner import chain, fails, run, thread

__all__ = ["run"]  # The fixture.

TWICE = ExecutionOptions(default_retry={"max_attempts": 2, "backoff_ms": 0})


def flaky(mode, *results):
    """A plain function that raises each error in turn, and the list of its calls."""
    action = Flaky(*results)
    return (action.awaited if mode.is_async else action.sync), action


@pytest.mark.req("G-2")
def test_a_plain_node_is_retried(run, mode):
    """Sync and async functions without a wrapper."""
    action, counted = flaky(mode, ConnectionError, {"story_id": "s"})
    result = run(chain(action), TWICE)
    assert (result.status, result.state["story_id"], counted.calls) == ("completed", "s", 2)


@pytest.mark.req("G-2")
@pytest.mark.parametrize("options", [None, TWICE])
def test_the_default_of_the_config_wins(run, mode, options):
    """As for nodes made by `create_node()`."""
    action, counted = flaky(mode, ConnectionError, ConnectionError, {})
    config = runner_config(default_retry={"max_attempts": 3, "backoff_ms": 0})
    assert run(chain(action), options, {}, config).status == "completed"
    assert counted.calls == 3


@pytest.mark.req("G-2")
def test_a_plain_node_of_a_nested_graph_is_retried_once(run, mode):
    """The node that contains the nested graph does not multiply the attempts."""
    action, counted = flaky(mode, *[ConnectionError] * 5)
    assert run(chain(chain(chain(action))), TWICE).status == "failed"
    assert counted.calls == 2


@pytest.mark.req("G-2")
def test_an_error_that_will_not_go_away_is_not_retried(run, mode):
    """The rule is the same as for nodes of `create_node()`."""
    action, counted = flaky(mode, ValueError("no such brand"), {})
    assert run(chain(action), TWICE).status == "failed"
    assert counted.calls == 1


@pytest.mark.req("G-2")
@pytest.mark.parametrize("where", ["node", "graph"])
def test_a_policy_of_langgraph_wins(run, mode, where):
    """A policy of the node, or of all nodes of its graph."""
    action, counted = flaky(mode, *[ConnectionError] * 3, {})
    policy = RetryPolicy(max_attempts=4, initial_interval=0, jitter=False, retry_on=ConnectionError)
    builder = StateGraph(GraphState)
    builder.add_node("n", action, retry_policy=policy if where == "node" else None).add_edge(START, "n")
    graph = builder.compile()
    if where == "graph":
        graph = graph.copy({"retry_policy": (policy,)})
    assert run(graph, TWICE).status == "completed"
    assert counted.calls == 4


@pytest.mark.req("G-2")
@pytest.mark.parametrize("on_error", ["capture", "raise"])
def test_a_made_node_is_not_retried_twice_over(run, mode, on_error):
    """The node reads the default from the config, and LangGraph adds no retry."""
    action, counted = flaky(mode, *[ConnectionError] * 5)
    run(chain(create_node(action, on_error=on_error)), TWICE)
    assert counted.calls == 2


@pytest.mark.req("G-2")
def test_a_question_is_asked_once(run, mode):
    """An interrupt is not retried, and the next attempt gets its answer."""
    failed, seen = [], []

    def ask(state):
        seen.append(interrupt("which?"))
        if not failed:
            failed.append(1)
            raise ConnectionError

    graph = StateGraph(GraphState).add_node("ask", mode.function(ask)).add_edge(START, "ask")
    graph = graph.compile(checkpointer=InMemorySaver())
    asked = run(graph, TWICE)
    assert [question.value for question in asked.interrupts] == ["which?"]
    answered = run(graph, TWICE, Command(resume="ST-7"), thread(asked))
    assert (answered.status, seen) == ("completed", ["ST-7", "ST-7"])


@pytest.mark.req("G-2")
@pytest.mark.parametrize("make", [lambda action: action, create_node], ids=["plain", "made"])
def test_a_task_is_retried(run, mode, make):
    """Each task on its own: earlier tasks do not run again."""
    once, counted_once = flaky(mode, 1)
    action, counted = flaky(mode, ConnectionError, 41, *[ConnectionError] * 5)
    first, second = task(once), task(make(action))
    if mode.is_async:

        @entrypoint()
        async def total(number):
            return await first(number) + await second(number)
    else:

        @entrypoint()
        def total(number):
            return first(number).result() + second(number).result()

    result = run(total, TWICE, 0)
    assert (result.status, result.state) == ("completed", 42)
    assert (counted_once.calls, counted.calls) == (1, 2)
    counted_once.__init__(1)
    assert run(total, TWICE, 0).status == "failed"
    assert (counted_once.calls, counted.calls) == (1, 4)


@pytest.mark.req("G-2")
def test_the_graph_of_the_user_is_not_changed():
    """It is not even copied if there is no default to apply."""
    plain, made = chain(fails), chain(create_node(fails), chain(create_node(fails)))
    runner = GraphRunner(plain, TWICE)
    assert plain.nodes["n0"].retry_policy is None
    assert runner.graph is not plain
    assert GraphRunner(plain).graph is plain
    assert GraphRunner(plain, ExecutionOptions(default_retry=1)).graph is plain
    assert GraphRunner(made, TWICE).graph is made


@pytest.mark.req("G-2")
def test_the_policy_says_the_same_in_langgraphs_words():
    """In seconds instead of milliseconds, for the same errors."""
    retry = RetryConfig(
        max_attempts=5, backoff_ms=200, backoff_multiplier=3, max_backoff_ms=1500, jitter=0, retry_on=KeyError
    )
    policy = with_default_retry(chain(fails), retry).nodes["n0"].retry_policy[0]
    assert policy[:5] == (0.2, 3.0, 1.5, 5, False)
    assert (policy.retry_on(KeyError()), policy.retry_on(ValueError())) == (True, False)


@pytest.mark.req("G-2")
def test_what_langgraph_cannot_do_is_warned_of():
    """The retry conditions of tenacity are translated; its `stop` and `wait` are not."""
    by_kind = RetryConfig(retry_on=retry_if_exception_type(KeyError))
    policy = with_default_retry(chain(fails), by_kind).nodes["n0"].retry_policy[0]
    assert (policy.retry_on(KeyError()), policy.retry_on(ValueError())) == (True, False)
    graph = chain(fails)
    with pytest.warns(UserWarning, match="no counterpart for tenacity's `stop` and `wait`"):
        runner = GraphRunner(graph, ExecutionOptions(default_retry=RetryConfig(stop=stop_after_attempt(2))))
    assert runner.graph is graph


def test_a_stopped_run_is_not_retried(run, mode):
    """A timeout of the run ends the attempts."""
    calls = []

    async def hang(state):
        calls.append(1)
        await asyncio.Event().wait()

    if mode.is_async:
        options = ExecutionOptions(default_retry={"max_attempts": 3, "backoff_ms": 0}, timeout_ms=50)
        assert run(chain(hang), options).status == "timed_out"
        assert calls == [1]
