"""`interrupt()` in a node: a question is not a failure, no answer is lost, and no question is repeated."""

from operator import add
from typing import Annotated

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphInterrupt, is_invalid_resume
from langgraph.graph import START, StateGraph
from langgraph.types import Command, RetryPolicy, Send, interrupt
from pydantic import BaseModel, ValidationError

from langgraph_runner import (
    CircuitBreakerConfig,
    CircuitState,
    GraphState,
    NodeCircuitBreaker,
    NodeMetricsCollector,
    create_node,
    get_node_context,
)

pytestmark = pytest.mark.req("N-26")

THREAD = {"configurable": {"thread_id": "t"}}
OPTIONS = {
    "nothing": {},
    "retry": {"retry": 3},
    "timeout": {"timeout_ms": 5_000},
    "total": {"total_timeout_ms": 5_000, "retry": 2},
    "fallback": {"fallback": lambda state: {"said": ["fallback"]}},
    "breaker": {"circuit_breaker": {"failure_threshold": 1}},
    "raise": {"on_error": "raise", "retry": 3},
    "everything": {
        "retry": 3,
        "timeout_ms": 5_000,
        "total_timeout_ms": 9_000,
        "fallback": lambda state: {"said": ["fallback"]},
        "circuit_breaker": {"failure_threshold": 1},
        "on_timeout": print,
        "on_retry_attempt": print,
    },
}


class State(GraphState, total=False):
    """The state of the graphs in this module."""

    x: int
    said: Annotated[list[str], add]


def compiled(node, *, after=None, **compiling):
    """A graph of one node, and optionally a second one after it."""
    builder = StateGraph(State).add_node("n", node).add_edge(START, "n")
    if after is not None:
        builder.add_node("after", after).add_edge("n", "after")
    return builder.compile(checkpointer=InMemorySaver(), **compiling)


def questions(result):
    """The questions with which a run has stopped."""
    return [question.value for question in result.get("__interrupt__", ())]


def talk(mode, graph, *answers):
    """Run a graph and answer each question. Return all questions and the last result."""
    result = mode.invoke(graph, {"x": 0}, THREAD)
    asked = questions(result)
    for answer in answers:
        result = mode.invoke(graph, Command(resume=answer), THREAD)
        asked += questions(result)
    return asked, result


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_an_answer_arrives_whatever_the_node_is_made_with(mode, options):
    """The run stops at the question, and continues with the answer. Nothing is captured."""
    node = create_node(mode.function(lambda state: {"said": [interrupt("name?")]}), **options)
    asked, result = talk(mode, compiled(node), "Ada")
    assert (asked, result["said"], result.get("errors", [])) == (["name?"], ["Ada"], [])


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_several_questions_are_asked_once_each(mode, options):
    """Each resume runs the node from its start, with the earlier answers."""
    node = create_node(
        mode.function(lambda state: {"said": [interrupt("name?"), interrupt("age?"), interrupt("why?")]}),
        **options,
    )
    asked, result = talk(mode, compiled(node), "Ada", "36", "maths")
    assert (asked, result["said"]) == (["name?", "age?", "why?"], ["Ada", "36", "maths"])


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_a_question_in_a_loop_is_asked_until_the_answer_is_good(mode, options):
    """The node checks the answers itself."""

    def ask(state):
        question = "age?"
        while not (answer := interrupt(question)).isdigit():
            question = f"{answer} is no number"
        return {"said": [answer]}

    asked, result = talk(mode, compiled(create_node(mode.function(ask), **options)), "many", "few", "36")
    assert (asked, result["said"]) == (["age?", "many is no number", "few is no number"], ["36"])


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_a_question_counts_as_nothing(mode, options, caplog):
    """It counts neither as success nor as failure. The call with the answer is the only success."""
    collector = NodeMetricsCollector()
    options = {**options, "metrics_collector": collector}
    graph = compiled(create_node(mode.function(lambda state: {"said": [interrupt("?")]}), **options))
    mode.invoke(graph, {"x": 0}, THREAD)
    metrics = collector.get_node_metrics("n")
    assert (metrics.success_count, metrics.failure_count, metrics.retry_count) == (0, 0, 0)
    mode.invoke(graph, Command(resume="yes"), THREAD)
    metrics = collector.get_node_metrics("n")
    assert (metrics.success_count, metrics.failure_count, metrics.retry_count) == (1, 0, 0)
    assert [record for record in caplog.records if record.levelname != "INFO"] == []


def test_a_question_releases_the_permit_of_a_probe(mode):
    """A half-open breaker with one permit also lets the answer through, and then closes."""
    breaker = NodeCircuitBreaker(
        CircuitBreakerConfig(failure_threshold=1, recovery_timeout_ms=0, half_open_max_calls=1)
    )
    breaker.record_failure(breaker.acquire())
    node = create_node(
        mode.function(lambda state: {"said": [interrupt("1"), interrupt("2")]}), circuit_breaker=breaker
    )
    graph = compiled(node)
    mode.invoke(graph, {"x": 0}, THREAD)
    mode.invoke(graph, Command(resume="a"), THREAD)
    assert breaker.state is CircuitState.HALF_OPEN
    assert mode.invoke(graph, Command(resume="b"), THREAD)["said"] == ["a", "b"]
    assert breaker.state is CircuitState.CLOSED


def test_the_time_that_a_person_takes_is_not_counted(mode, fake):
    """The limits hold for each call; no call runs between question and answer."""
    node = create_node(
        mode.function(lambda state: {"said": [interrupt("?")]}),
        timeout_ms=1_000,
        total_timeout_ms=1_000,
        runtime=fake,
    )
    graph = compiled(node)
    mode.invoke(graph, {"x": 0}, THREAD)
    fake.advance(86_400)
    assert mode.invoke(graph, Command(resume="late"), THREAD)["said"] == ["late"]


def flaky(ask, *, fails=1, error=ConnectionError):
    """A function that asks, and fails in its first calls after the answers."""
    calls = []

    def work(state):
        answers = ask()
        calls.append(answers)
        if len(calls) <= fails:
            raise error(f"call {len(calls)}")
        return {"said": answers}

    work.calls = calls
    return work


@pytest.mark.parametrize("limits", [{}, {"timeout_ms": 5_000}], ids=["here", "in a thread"])
def test_a_retry_keeps_the_answers(mode, fake, limits):
    """A failure after the answers is retried with the same answers, without new questions."""
    work = flaky(lambda: [interrupt("name?"), interrupt("age?")], fails=2)
    graph = compiled(create_node(mode.function(work), retry=3, runtime=fake, **limits))
    asked, result = talk(mode, graph, "Ada", "36")
    assert (asked, result["said"]) == (["name?", "age?"], ["Ada", "36"])
    assert work.calls == [["Ada", "36"]] * 3


def test_a_failure_between_two_questions_is_retried(mode, fake):
    """The first answer is kept, and the second question is still asked."""
    calls = []

    def work(state):
        name = interrupt("name?")
        calls.append(name)
        if len(calls) == 1:
            raise ConnectionError
        return {"said": [name, interrupt("age?")]}

    graph = compiled(create_node(mode.function(work), retry=2, runtime=fake))
    asked, result = talk(mode, graph, "Ada", "36")
    assert (asked, result["said"]) == (["name?", "age?"], ["Ada", "36"])


def test_a_retry_may_ask_a_question_that_the_attempt_before_did_not_reach(mode, fake):
    """The first attempt fails before it asks."""
    attempts = []

    def work(state):
        attempts.append(get_node_context().attempt)
        if len(attempts) == 1:
            raise ConnectionError
        return {"said": [interrupt("name?")]}

    graph = compiled(create_node(mode.function(work), retry=2, runtime=fake))
    asked, result = talk(mode, graph, "Ada")
    assert (asked, result["said"], attempts) == (["name?"], ["Ada"], [1, 2, 1])


def test_a_failure_after_the_answer_is_captured(mode):
    """It is an ordinary failure, and the question stays answered."""

    def work(state):
        raise LookupError(interrupt("name?"))

    asked, result = talk(mode, compiled(create_node(mode.function(work))), "Ada")
    assert asked == ["name?"]
    assert [error["error_type"] for error in result["errors"]] == ["LookupError"]


def test_a_question_is_no_reason_for_the_fallback(mode):
    """Only a failure after the answer runs the fallback, which can read the error."""
    told = []

    def work(state):
        raise LookupError(interrupt("name?"))

    def fallback(state):
        told.append(str(get_node_context().primary_error))
        return {"said": ["fallback"]}

    graph = compiled(create_node(mode.function(work), fallback=mode.function(fallback)))
    asked, result = talk(mode, graph, "Ada")
    assert (asked, result["said"], told) == (["name?"], ["fallback"], ["Ada"])


def test_a_fallback_may_ask(mode):
    """Its questions come after those of the function, and both get their own answers."""

    def work(state):
        raise LookupError(interrupt("name?"))

    def fallback(state):
        return {"said": [str(get_node_context().primary_error), interrupt("instead?")]}

    graph = compiled(create_node(mode.function(work), fallback=mode.function(fallback)))
    asked, result = talk(mode, graph, "Ada", "Grace")
    assert (asked, result["said"]) == (["name?", "instead?"], ["Ada", "Grace"])


@pytest.mark.parametrize("by_id", [False, True], ids=["next", "by id"])
def test_an_answer_to_a_fallback_goes_to_no_question_of_the_function(mode, by_id):
    """If the function asks on resume, where it had failed before, its question is asked."""
    failures, paid = [ConnectionError()], []

    def work(state):
        if failures:
            raise failures.pop()
        paid.append(interrupt("pay 9,999?"))
        return {"said": [interrupt("receipt?")]}

    node = create_node(
        mode.function(work), fallback=mode.function(lambda state: {"said": [interrupt("wait?")]})
    )
    graph = compiled(node)
    question = mode.invoke(graph, {"x": 0}, THREAD)["__interrupt__"][0]
    answer = {question.id: "yes"} if by_id else "yes"
    result = mode.invoke(graph, Command(resume=answer), THREAD)
    assert (question.value, questions(result), paid) == ("wait?", ["pay 9,999?"], [])
    (question,) = result["__interrupt__"]
    result = mode.invoke(graph, Command(resume={question.id: "no"} if by_id else "no"), THREAD)
    assert (questions(result), paid) == (["receipt?"], ["no"])
    result = mode.invoke(graph, Command(resume="by mail"), THREAD)
    assert (result["said"], paid) == (["by mail"], ["no", "no"])


@pytest.mark.parametrize("graph_is", ["function", "fallback"])
def test_an_answer_to_a_fallback_goes_to_no_question_of_a_subgraph(mode, graph_is):
    """It does not matter which of the two is a graph, whose nodes ask."""
    failures = [ConnectionError()]

    def work(state):
        if failures:
            raise failures.pop()
        return {"said": [interrupt("pay?")]}

    def fall_back(state):
        return {"said": [interrupt("wait?")]}

    function, fallback = mode.function(work), mode.function(fall_back)
    if graph_is == "function":
        function = StateGraph(State).add_node("ask", function).add_edge(START, "ask").compile()
    else:
        fallback = StateGraph(State).add_node("ask", fallback).add_edge(START, "ask").compile()
    asked, result = talk(mode, compiled(create_node(function, fallback=fallback)), "yes", "no")
    assert (asked, result["said"]) == (["wait?", "pay?"], ["no"])


@pytest.mark.parametrize("by_id", [False, True], ids=["next", "by id"])
@pytest.mark.parametrize("fallback_is", ["function", "graph"])
def test_an_answer_to_a_function_goes_to_no_question_of_the_fallback(mode, fallback_is, by_id):
    """If the function fails on resume before its question, the fallback asks its own."""
    calls = []

    def work(state):
        calls.append(1)
        if len(calls) > 1:
            raise ConnectionError
        return {"said": [interrupt("name?")]}

    fallback = mode.function(lambda state: {"said": [interrupt("pay?"), interrupt("when?")]})
    if fallback_is == "graph":
        fallback = StateGraph(State).add_node("ask", fallback).add_edge(START, "ask").compile()
    graph = compiled(create_node(mode.function(work), fallback=fallback))
    question = mode.invoke(graph, {"x": 0}, THREAD)["__interrupt__"][0]
    asked = [question.value]
    for answer in ("Ada", "no", "never"):
        result = mode.invoke(graph, Command(resume={question.id: answer} if by_id else answer), THREAD)
        asked += questions(result)
        question = result["__interrupt__"][0] if "__interrupt__" in result else None
    assert (asked, result["said"]) == (["name?", "pay?", "when?"], ["no", "never"])


def test_a_question_after_a_fallback_that_asks_nothing_gets_its_answer(mode):
    """A function that calls a node asks with the same numbers as without its fallback."""

    def work(state):
        raise LookupError

    inner = create_node(mode.function(work), fallback=mode.function(lambda state: {"said": ["fallback"]}))

    def outer(state):
        return {"said": [*inner(state)["said"], interrupt("name?")]}

    async def outer_async(state):
        return {"said": [*(await inner(state))["said"], interrupt("name?")]}

    graph = compiled(outer_async if mode.is_async else outer)
    question = mode.invoke(graph, {"x": 0}, THREAD)["__interrupt__"][0]
    result = mode.invoke(graph, Command(resume={question.id: "Ada"}), THREAD)
    assert (question.value, result["said"]) == ("name?", ["fallback", "Ada"])


class Age(BaseModel):
    """The model of a valid answer."""

    years: int


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_a_wrong_answer_is_refused_and_asked_for_again(mode, options):
    """It is neither captured nor retried nor counted, and it does not run the fallback."""
    collector, calls = NodeMetricsCollector(), []

    def ask(state):
        calls.append(1)
        return {"said": [str(interrupt("age?", response_schema=Age).years)]}

    options = {**options, "metrics_collector": collector}
    graph = compiled(create_node(mode.function(ask), **options))
    mode.invoke(graph, {"x": 0}, THREAD)
    for _ in range(2):
        with pytest.raises(ValidationError) as refused:
            mode.invoke(graph, Command(resume={"years": "many"}), THREAD)
        assert is_invalid_resume(refused.value)
        assert [question.value for question in graph.get_state(THREAD).interrupts] == ["age?"]
    assert len(calls) == 3
    assert collector.get_node_metrics("n").failure_count == 0
    assert mode.invoke(graph, Command(resume={"years": 36}), THREAD)["said"] == ["36"]


def test_a_wrong_answer_leaves_the_answers_before_it(mode):
    """Only the question with the wrong answer is asked again."""

    def ask(state):
        return {"said": [interrupt("name?"), str(interrupt("age?", response_schema=Age).years)]}

    graph = compiled(create_node(mode.function(ask), retry=3))
    talk(mode, graph, "Ada")
    with pytest.raises(ValidationError):
        mode.invoke(graph, Command(resume="many"), THREAD)
    assert mode.invoke(graph, Command(resume={"years": 36}), THREAD)["said"] == ["Ada", "36"]


def test_a_check_of_the_functions_own_is_an_ordinary_failure(mode):
    """Only LangGraph's refusal of an answer is raised. A pydantic error in the function is captured."""
    graph = compiled(create_node(mode.function(lambda state: {"said": [Age(years=interrupt("age?"))]})))
    _, result = talk(mode, graph, "many")
    assert [error["error_type"] for error in result["errors"]] == ["ValidationError"]


def parallel(mode, **options):
    """Two branches that ask at the same time, each of which fails once after its answer."""
    builder = StateGraph(State)
    for name in ("left", "right"):
        work = flaky(lambda name=name: [f"{name}: {interrupt(name)}"])
        builder.add_node(name, create_node(mode.function(work), **options)).add_edge(START, name)
    builder.add_node("join", create_node(mode.function(lambda state: {"said": ["join"]})))
    builder.add_edge(["left", "right"], "join")
    return builder.compile(checkpointer=InMemorySaver())


def test_parallel_branches_are_answered_all_at_once(mode, fake):
    """With a dict from the ids of the questions to the answers."""
    graph = parallel(mode, retry=2, runtime=fake)
    asked = mode.invoke(graph, {"x": 0}, THREAD)["__interrupt__"]
    resume = Command(resume={question.id: question.value.upper() for question in asked})
    result = mode.invoke(graph, resume, THREAD)
    assert result["said"] == ["left: LEFT", "right: RIGHT", "join"]


@pytest.mark.parametrize("first", ["left", "right"])
def test_parallel_branches_are_answered_one_by_one(mode, fake, first):
    """The other question stays, and the completed branch does not run again."""
    graph = parallel(mode, retry=2, runtime=fake)
    asked = {q.value: q.id for q in mode.invoke(graph, {"x": 0}, THREAD)["__interrupt__"]}
    other = ({"left", "right"} - {first}).pop()
    result = mode.invoke(graph, Command(resume={asked[first]: "1"}), THREAD)
    assert questions(result) == [other]
    result = mode.invoke(graph, Command(resume={asked[other]: "2"}), THREAD)
    answers = {"left: 1", "right: 2"} if first == "left" else {"left: 2", "right: 1"}
    assert (set(result["said"][:2]), result["said"][2:]) == (answers, ["join"])


def test_a_branch_that_asks_does_not_hold_up_one_that_fails(mode):
    """The failure is captured, and the question stays. The state after the answer has both results."""
    builder = StateGraph(State)
    builder.add_node("bad", create_node(mode.function(lambda state: {"x": 1 / 0})))
    builder.add_node("ask", create_node(mode.function(lambda state: {"said": [interrupt("?")]})))
    graph = builder.add_edge(START, "bad").add_edge(START, "ask").compile(checkpointer=InMemorySaver())
    asked, result = talk(mode, graph, "yes")
    assert (asked, result["said"]) == (["?"], ["yes"])
    assert [error["error_type"] for error in result["errors"]] == ["ZeroDivisionError"]


def test_each_item_of_a_fan_out_asks_for_itself(mode):
    """There is a `Send` to one node for each item. The questions have different ids."""
    ask = create_node(mode.function(lambda item: {"said": [f"{item['x']}{interrupt(item['x'])}"]}), retry=2)
    builder = StateGraph(State).add_node("ask", ask)
    builder.add_conditional_edges(START, lambda state: [Send("ask", {"x": x}) for x in "ab"], ["ask"])
    graph = builder.compile(checkpointer=InMemorySaver())
    asked = mode.invoke(graph, {"x": 0}, THREAD)["__interrupt__"]
    result = mode.invoke(graph, Command(resume={q.id: q.value.upper() for q in asked}), THREAD)
    assert result["said"] == ["aA", "bB"]


def inner_graph(mode, work, **options):
    """A subgraph of one node."""
    return StateGraph(State).add_node("i", create_node(mode.function(work), **options)).add_edge(START, "i")


def test_a_question_inside_a_wrapped_subgraph_goes_through_both(mode, fake):
    """The subgraph resumes where it asked. Its node is retried with its answers."""
    work = flaky(lambda: [interrupt("name?"), interrupt("age?")])
    inner = inner_graph(mode, work, retry=2, runtime=fake).compile()
    asked, result = talk(mode, compiled(create_node(inner, retry=3)), "Ada", "36")
    assert (asked, result["said"], result["errors"]) == (["name?", "age?"], ["Ada", "36"], [])
    assert len(work.calls) == 2


def test_a_subgraph_that_is_tried_again_as_a_whole_does_what_it_does_in_langgraph(mode, fake):
    """It starts again and repeats its question, as with LangGraph's policy. Retry the nodes in it instead."""

    def asked_and_said(**options):
        inner = inner_graph(mode, flaky(lambda: [interrupt("name?")]), on_error="raise").compile()
        node = create_node(inner, **options) if options else inner
        policy = None if options else RetryPolicy(initial_interval=0, jitter=False)
        builder = StateGraph(State).add_node("n", node, retry_policy=policy).add_edge(START, "n")
        asked, result = talk(mode, builder.compile(checkpointer=InMemorySaver()), "Ada", "Ada")
        return asked, result["said"]

    assert asked_and_said(retry=3, runtime=fake) == asked_and_said() == (["name?", "name?"], ["Ada"])


def test_a_graph_that_a_node_calls_may_ask(mode):
    """The node runs again from its start, and the inner graph resumes where it asked."""
    done = []
    inner = StateGraph(State)
    inner.add_node("first", create_node(mode.function(lambda state: done.append(1) or {"x": 1})))
    inner.add_node("ask", create_node(mode.function(lambda state: {"said": [interrupt("?")]}), retry=2))
    inner_compiled = inner.add_edge(START, "first").add_edge("first", "ask").compile()

    def call(state):
        return {"said": inner_compiled.invoke({"x": 0})["said"]}

    async def acall(state):
        return {"said": (await inner_compiled.ainvoke({"x": 0}))["said"]}

    asked, result = talk(mode, compiled(create_node(acall if mode.is_async else call, retry=2)), "yes")
    assert (asked, result["said"], len(done)) == (["?"], ["yes"], 1)


def test_a_node_that_a_node_calls_may_ask(mode, fake):
    """The questions of both are counted together, regardless of which node is retried."""
    inner_work = flaky(lambda: [interrupt("inner 1?"), interrupt("inner 2?")])
    inner = create_node(mode.function(inner_work), on_error="raise", retry=2, runtime=fake)

    def call(state):
        return {"said": [interrupt("outer?"), *inner(state)["said"], interrupt("last?")]}

    async def acall(state):
        return {"said": [interrupt("outer?"), *(await inner(state))["said"], interrupt("last?")]}

    node = create_node(acall if mode.is_async else call, retry=2, runtime=fake)
    asked, result = talk(mode, compiled(node), "a", "b", "c", "d")
    assert asked == ["outer?", "inner 1?", "inner 2?", "last?"]
    assert result["said"] == ["a", "b", "c", "d"]


@pytest.mark.parametrize("stop", ["interrupt_before", "interrupt_after"])
def test_a_run_can_stop_before_and_after_a_node(mode, stop):
    """LangGraph's breakpoints name the node. The node is called once."""
    collector = NodeMetricsCollector()
    node = create_node(mode.function(lambda state: {"said": ["n"]}), retry=3, metrics_collector=collector)
    graph = compiled(node, after=lambda state: {"said": ["after"]}, **{stop: ["n"]})
    mode.invoke(graph, {"x": 0}, THREAD)
    assert graph.get_state(THREAD).next == (("n",) if stop == "interrupt_before" else ("after",))
    assert mode.invoke(graph, None, THREAD)["said"] == ["n", "after"]
    assert collector.get_node_metrics("n").success_count == 1


def test_an_answer_may_come_with_a_change_of_the_state(mode):
    """The call with the answer sees the edited state."""
    node = create_node(mode.function(lambda state: {"said": [interrupt("?"), str(state["x"])]}), retry=2)
    graph = compiled(node)
    mode.invoke(graph, {"x": 0}, THREAD)
    result = mode.invoke(graph, Command(resume="yes", update={"x": 7}), THREAD)
    assert result["said"] == ["yes", "7"]


def test_the_outcome_of_a_node_is_not_made_of_a_question(mode):
    """`node.run()` raises LangGraph's interrupt, as calling the node does."""

    def ask(state):
        raise GraphInterrupt

    node = create_node(mode.function(ask), retry=3)
    with pytest.raises(GraphInterrupt):
        mode.call(node.run, {})


def test_a_caught_question_is_the_functions_own_affair(mode):
    """A function that catches Exception catches LangGraph's interrupt. Its result counts."""

    def ask(state):
        try:
            interrupt("?")
        except Exception as error:
            return {"said": [type(error).__name__]}
        raise AssertionError

    result = mode.invoke(compiled(create_node(mode.function(ask), retry=2)), {"x": 0}, THREAD)
    assert result["said"] == ["GraphInterrupt"]
