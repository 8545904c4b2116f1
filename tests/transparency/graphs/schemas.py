"""States of every kind, input and output schemas, private fields, managed values, a context."""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import add
from typing import Annotated, Any, NotRequired, Required

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, RemoveMessage
from langgraph.channels import BinaryOperatorAggregate, EphemeralValue, LastValue, Topic, UntrackedValue
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph, add_messages
from langgraph.graph.message import REMOVE_ALL_MESSAGES
from langgraph.managed import IsLastStep, RemainingSteps
from langgraph.runtime import Runtime
from langgraph.types import Overwrite
from pydantic import BaseModel, Field, field_validator
from typing_extensions import TypedDict

from tests.transparency.scenario import MEDIUM, Form, graph

ONLY = MEDIUM


def compiled(schema: Any, wrap: Form, *actions: Any, **options: Any) -> Any:
    """A chain of these actions."""
    builder = StateGraph(schema, **options)
    builder.add_sequence([(f"n{i}", wrap(action)) for i, action in enumerate(actions)])
    return builder.add_edge(START, "n0").compile(checkpointer=InMemorySaver())


class Typed(TypedDict, total=False):
    """A state with required and optional fields."""

    x: Required[int]
    y: NotRequired[str]
    said: Annotated[list[str], add]


@dataclass
class Data:
    """A state as a dataclass."""

    x: int = 0
    said: Annotated[list[str], add] = field(default_factory=list)


class Model(BaseModel):
    """A state as a model with a validator."""

    x: int = Field(default=0, ge=0)
    said: Annotated[list[str], add] = []

    @field_validator("said")
    @classmethod
    def short(cls, said: list[str]) -> list[str]:
        """Refuse long words."""
        if any(len(word) > 20 for word in said):
            raise ValueError("too long")
        return said


@graph({"x": 1}, {"x": 5}, only=None)
def typed_dict(wrap: Form) -> Any:
    """A TypedDict as state, in two turns on a thread."""
    return compiled(
        Typed,
        wrap,
        lambda state: {"y": "why", "said": [str(sorted(state))]},
        lambda state: {"said": [state["y"]]},
    )


@graph({"x": 1})
def data_class(wrap: Form) -> Any:
    """The node receives a dataclass instance."""

    def work(state: Data) -> dict:
        return {"x": state.x + 1, "said": [type(state).__name__]}

    return compiled(Data, wrap, work, lambda state: Data(x=state.x + 1, said=["object"]))


@graph({"x": "1"}, {"x": -1}, {"x": 3})
def model(wrap: Form) -> Any:
    """Pydantic validates the input of a node, and refuses the second input."""

    def work(state: Model) -> dict:
        return {"x": state.x + 1, "said": [type(state).__name__]}

    return compiled(Model, wrap, work, lambda state: Model(x=state.x + 1))


@graph({"x": 1})
def model_refused_between_nodes(wrap: Form) -> Any:
    """An invalid return value is refused before the next node runs."""
    return compiled(Model, wrap, lambda state: {"said": ["long" * 9]}, lambda state: {"x": 1})


@graph({"messages": [("user", "hello")]}, {"messages": [HumanMessage("again", id="h2")]})
def messages_state(wrap: Form) -> Any:
    """Messages are merged by id."""

    def answer(state: MessagesState) -> dict:
        return {"messages": [AIMessage(f"answer {len(state['messages'])}", id=f"a{len(state['messages'])}")]}

    return compiled(MessagesState, wrap, answer, lambda state: {"messages": ("ai", "a tuple")})


@graph({"messages": [HumanMessage("one", id="1"), AIMessage("two", id="2")]})
def messages_removed(wrap: Form) -> Any:
    """One message is removed, then all."""
    return compiled(
        MessagesState,
        wrap,
        lambda state: {"messages": [RemoveMessage(id="1")]},
        lambda state: {"messages": [RemoveMessage(id=REMOVE_ALL_MESSAGES), HumanMessage("new", id="3")]},
    )


@graph([1], [5])
def root_list(wrap: Form) -> Any:
    """The state is a list."""
    return compiled(Annotated[list, add], wrap, lambda state: [len(state)], lambda state: [sum(state)])


@graph([HumanMessage("hello", id="h")])
def root_messages(wrap: Form) -> Any:
    """The state is a list of messages."""
    return compiled(
        Annotated[list[AnyMessage], add_messages], wrap, lambda state: AIMessage(f"{len(state)}", id="a")
    )


@graph("a")
def root_value(wrap: Form) -> Any:
    """The state is one value."""
    return compiled(str, wrap, lambda state: f"{state}b", lambda state: state * 2)


class Given(TypedDict):
    """The input schema."""

    question: str


class Answered(TypedDict):
    """The output schema."""

    answer: str


class Both(Given, Answered):
    """The complete state."""

    notes: Annotated[list[str], add]


class Private(TypedDict):
    """A schema that only two nodes share."""

    secret: str


@graph({"question": "why?"})
def input_and_output_schemas(wrap: Form) -> Any:
    """Different schemas for the input, the output and the state."""

    def read(state: Given) -> dict:
        return {"notes": [str(sorted(state))]}

    def write(state: Both) -> Answered:
        return {"answer": "because"}

    return compiled(Both, wrap, read, write, input_schema=Given, output_schema=Answered)


@graph({"question": "why?"})
def private_state(wrap: Form) -> Any:
    """A private field that is in none of the graph's schemas."""

    def write(state: Given) -> Private:
        return {"secret": "hush"}

    def read(state: Private) -> dict:
        return {"notes": [state["secret"], str(sorted(state))]}

    def look(state: Both) -> dict:
        return {"answer": str(sorted(state))}

    return compiled(Both, wrap, write, read, look)


class OtherModel(BaseModel):
    """An input schema as a model."""

    question: str


@graph({"question": "why?"})
def input_schema_as_a_model(wrap: Form) -> Any:
    """The input schema of a node is a model, given by annotation and by option."""

    def by_annotation(state: OtherModel) -> dict:
        return {"notes": [state.question]}

    builder = StateGraph(Both)
    builder.add_node("a", wrap(by_annotation))
    builder.add_node("b", wrap(lambda state: {"answer": state.question}), input_schema=OtherModel)
    return builder.add_edge(START, "a").add_edge("a", "b").compile(checkpointer=InMemorySaver())


class Managed(TypedDict):
    """Values that LangGraph manages."""

    x: Annotated[list[Any], add]
    left: RemainingSteps
    last: IsLastStep


@graph({"x": []}, config={"recursion_limit": 3})
def managed_values(wrap: Form) -> Any:
    """Managed values change with each step."""

    def look(state: Managed) -> dict:
        return {"x": [state["left"], state["last"]]}

    return compiled(Managed, wrap, look, look, look)


class Channels(TypedDict):
    """Channels of every kind."""

    last: Annotated[int, LastValue(int)]
    total: Annotated[int, BinaryOperatorAggregate(int, add)]
    topic: Annotated[list[str], Topic(str)]
    brief: Annotated[str, EphemeralValue(str)]
    untracked: Annotated[Any, UntrackedValue(object)]


@graph({"last": 1, "total": 1, "topic": "t", "brief": "b"})
def channels(wrap: Form) -> Any:
    """Ephemeral, untracked, topic."""

    def work(state: Channels) -> dict:
        return {"last": 2, "total": 2, "topic": ["u", "v"], "brief": str(sorted(state)), "untracked": object}

    return compiled(Channels, wrap, work, lambda state: {"total": 3, "brief": str(sorted(state))})


@graph({"x": 1, "said": ["a"]})
def overwritten(wrap: Form) -> Any:
    """`Overwrite` bypasses a reducer."""
    return compiled(Typed, wrap, lambda state: {"said": Overwrite(["new"])}, lambda state: {"said": ["more"]})


@graph({"x": 1}, parallel=True)
def written_twice_at_once(wrap: Form) -> Any:
    """Two nodes write a field without a reducer in one superstep."""
    builder = StateGraph(Typed)
    for name in ("a", "b"):
        builder.add_node(name, wrap(lambda state: {"x": 2})).add_edge(START, name)
    return builder.compile(checkpointer=InMemorySaver())


class Tools(BaseModel):
    """A static context."""

    model: str = "small"


@graph({"x": 1}, keywords={"context": {"model": "large"}})
def context_schema(wrap: Form) -> Any:
    """A context as a model."""

    def work(state: Typed, runtime: Runtime[Tools]) -> dict:
        return {"y": f"{type(runtime.context).__name__} {runtime.context.model}"}

    return compiled(Typed, wrap, work, context_schema=Tools)


@graph({"x": 1})
def returns_what_it_was_given(wrap: Form) -> Any:
    """A node that returns its whole state doubles lists with a reducer."""
    return compiled(Typed, wrap, lambda state: {**state, "said": ["a"]}, lambda state: {**state})


@graph({"x": 1})
def ends_at_once(wrap: Form) -> Any:
    """An edge to the end, and an edge that is never taken."""
    builder = StateGraph(Typed).add_node("a", wrap(lambda state: {"x": 2})).add_node("b", wrap(lambda s: {}))
    return builder.add_edge(START, "a").add_edge("a", END).compile(checkpointer=InMemorySaver())
