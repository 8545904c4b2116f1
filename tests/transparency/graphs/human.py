"""A human in the loop: approve, edit, review, validate, and every way to interrupt and resume."""

from __future__ import annotations

from operator import add
from typing import Annotated, Any, Literal

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from pydantic import BaseModel
from typing_extensions import TypedDict

from tests.transparency.observing import Session
from tests.transparency.scenario import LONG, Form, graph

ONLY = LONG


class State(TypedDict, total=False):
    """What the graphs here work on."""

    text: str
    said: Annotated[list[str], add]


def one(wrap: Form, action: Any, **options: Any) -> Any:
    """A graph with a node before and a node after the one that interrupts."""
    builder = StateGraph(State).add_node("before", wrap(lambda state: {"said": ["before"]}))
    builder.add_node("ask", wrap(action)).add_node("after", wrap(lambda state: {"said": ["after"]}))
    builder.add_edge(START, "before").add_edge("before", "ask")
    if not options.pop("leads", False):
        builder.add_edge("ask", "after")
    return builder.compile(checkpointer=InMemorySaver(), **options)


@graph({"text": "draft"}, Command(resume="better"), only=None)
def edit(wrap: Form) -> Any:
    """A person changes the text."""
    return one(wrap, lambda state: {"text": interrupt({"edit": state["text"]})})


@graph({"text": "draft"}, Command(resume=False), {"text": "again"}, Command(resume=True), only=None)
def approve(wrap: Form) -> Any:
    """A person decides where to go."""

    def ask(state: State) -> Command[Literal["after", "__end__"]]:
        return Command(goto="after" if interrupt("sure?") else END)

    return one(wrap, ask, leads=True)


@graph({"text": "x"}, Command(resume="many"), Command(resume="7"))
def validate_in_a_loop(wrap: Form) -> Any:
    """The node asks again until the answer is a number."""

    def ask(state: State) -> dict[str, Any]:
        question = "age?"
        while not (answer := interrupt(question)).isdigit():
            question = f"{answer} is no number"
        return {"text": answer}

    return one(wrap, ask)


class Age(BaseModel):
    """The schema of a valid answer."""

    years: int


@graph({"text": "x"}, Command(resume={"years": "many"}), None, Command(resume={"years": 7}))
def validate_by_a_schema(wrap: Form) -> Any:
    """An invalid answer is refused, and the question stays open."""
    return one(wrap, lambda state: {"text": str(interrupt("age?", response_schema=Age).years)})


@graph({"text": "x"}, Command(resume="Ada"), Command(resume="36"))
def several_questions(wrap: Form) -> Any:
    """Answers are kept while the node runs again."""
    return one(wrap, lambda state: {"said": [interrupt("name?"), interrupt("age?")]})


@graph({"text": "x"}, Command(resume="yes", update={"text": "changed"}))
def answer_with_an_update(wrap: Form) -> Any:
    """A resume with an update of the state."""
    return one(wrap, lambda state: {"said": [interrupt("?"), state["text"]]})


@graph(
    {"text": "x"}, Command(goto="after"), Command(update={"text": "z"}), Command(resume="late"), parallel=True
)
def commands_as_input(wrap: Form) -> Any:
    """Commands with `goto` and `update` as input while a question is open."""
    return one(wrap, lambda state: {"said": [interrupt("?")]})


@graph({"text": "x"}, {"text": "new question"}, Command(resume="answer"))
def begun_anew(wrap: Form) -> Any:
    """A new input instead of an answer."""
    return one(wrap, lambda state: {"said": [interrupt(state["text"])]})


@graph({"text": "x"}, None, None, keywords={"interrupt_before": ["ask"], "interrupt_after": ["ask"]})
def before_and_after_a_node(wrap: Form) -> Any:
    """Breakpoints before and after a node, without a question."""
    return one(wrap, lambda state: {"said": ["asked"]})


@graph({"text": "x"}, None, None, None)
def before_every_node(wrap: Form) -> Any:
    """A breakpoint before every node."""
    return one(wrap, lambda state: {"said": ["asked"]}, interrupt_before="*")


def parallel(wrap: Form) -> Any:
    """Two nodes that interrupt in the same superstep."""
    builder = StateGraph(State)
    for name in ("left", "right"):
        builder.add_node(name, wrap(lambda state, name=name: {"said": [f"{name} {interrupt(name)}"]}))
        builder.add_edge(START, name).add_edge(name, "join")
    return builder.add_node("join", wrap(lambda state: {"said": ["join"]})).compile(
        checkpointer=InMemorySaver()
    )


def answers(*which: str) -> Any:
    """Return a map from ids of questions to answers."""

    def resume(session: Session) -> Any:
        waiting = {question.value: question.id for question in session.state().interrupts}
        return Command(resume={waiting[name]: f"answer to {name}" for name in which if name in waiting})

    return resume


ASKING = ("results", "results_v2", "states")


@graph({"text": "x"}, answers("left", "right"), parallel=True, only=ASKING)
def parallel_answered_at_once(wrap: Form) -> Any:
    """One resume answers both questions."""
    return parallel(wrap)


@graph({"text": "x"}, answers("right"), answers("left"), parallel=True, only=ASKING)
def parallel_answered_one_by_one(wrap: Form) -> Any:
    """After one answer the other question stays open."""
    return parallel(wrap)


@graph({"text": "x"}, Command(resume="for whom?"), parallel=True, only=ASKING)
def parallel_answered_without_ids(wrap: Form) -> Any:
    """Without ids, LangGraph refuses an answer to one of several questions."""
    return parallel(wrap)


@graph({"text": "x"}, Command(resume="1"), Command(resume="2"))
def in_a_caught_block(wrap: Form) -> Any:
    """A node that catches Exception swallows its own question."""

    def ask(state: State) -> dict[str, Any]:
        try:
            answer = interrupt("?")
        except Exception as error:
            return {"said": [type(error).__name__]}
        return {"said": [answer]}

    return one(wrap, ask)


@graph({"text": "x"}, Command(resume="1"))
def failing_after_the_answer(wrap: Form) -> Any:
    """A node that raises after it got its answer."""

    def ask(state: State) -> dict[str, Any]:
        raise RuntimeError(interrupt("?"))

    return one(wrap, ask)
