"""Where the arguments of a step come from, and what can be a step."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, NotRequired

import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import RunnableLambda
from langgraph.graph import START, StateGraph
from pydantic import BaseModel
from typing_extensions import TypedDict

from langgraph_runner import get_node_context
from langgraph_runner.workflow import (
    ArtifactRef,
    ChangeSpec,
    JoinRule,
    StepContext,
    StepOutputError,
    StepSources,
    StepSpec,
    Workflow,
    WorkflowSpec,
)
from langgraph_runner.workflow.blueprint import Blueprint
from langgraph_runner.workflow.hashing import content_hash
from langgraph_runner.workflow.values.input_type import InputType

pytestmark = pytest.mark.req("R-1")


class Brief(BaseModel):
    """Inputs as a model."""

    hue: int
    tags: list[str] = []


@dataclasses.dataclass
class Card:
    """Inputs as a dataclass."""

    hue: int
    tags: list[str] = dataclasses.field(default_factory=list)


class Note(TypedDict):
    """Inputs as a dict with known keys."""

    hue: int
    tags: NotRequired[list[str]]


def run(flow: Workflow, inputs: Any = None, **options: Any) -> dict[str, Any]:
    """Return the outputs by step."""
    outputs: dict[str, Any] = flow.as_node(**options).invoke({} if inputs is None else inputs)
    return outputs


def hash_of(flow: Workflow, step: str, inputs: Any = None, hashes: Any = None) -> str:
    """Return the input hash of a step."""
    blueprint = flow.blueprint()
    checked, _ = blueprint.inputs.check(inputs)
    return blueprint.steps[step].input_hash(
        hashes or {},
        lambda name: content_hash(checked if name is None else InputType.field(checked, name)),
    )


def test_decorators_and_data_make_the_same_workflow() -> None:
    """All options are the same."""

    def a(hue: int) -> int:
        return hue

    def b(a: int) -> int:
        return a

    flow = Workflow("w", inputs=Brief, version="2", description="words")
    flow.step(retry=3, timeout_ms=60_000)(a)
    flow.step(b, id="c", depends_on=[a], join="any_success")
    flow.on_change("x", reruns=[a], description="more")
    spec = WorkflowSpec(
        id="w",
        inputs=Brief,
        version="2",
        description="words",
        steps=(
            StepSpec(id="a", run=a, retry=3, timeout_ms=60_000),
            StepSpec(id="c", run=b, depends_on=("a",), join=JoinRule.ANY_SUCCESS),
        ),
        changes={"x": ChangeSpec(type="x", reruns=("a",), description="more")},
    )
    assert flow.spec == spec
    assert Workflow.from_spec(spec).spec == spec
    assert run(Workflow.from_spec(spec), {"hue": 1}) == run(flow, {"hue": 1}) == {"a": 1, "c": 1}


@pytest.mark.parametrize("model", [Brief, Card, Note])
def test_a_parameter_can_receive_a_field_of_the_inputs(model: Any) -> None:
    """The model may be a pydantic model, a dataclass or a TypedDict."""
    flow = Workflow("w", inputs=model)
    flow.step(lambda hue: hue + 1, id="next")
    flow.step(lambda tags: tags, id="kept")
    assert run(flow, {"hue": 1, "tags": ["a"]}) == {"next": 2, "kept": ["a"]}


def test_a_missing_optional_field_is_none() -> None:
    """Only a TypedDict may lack a field. Its parameter gets None, not the default."""
    flow = Workflow("w", inputs=Note)
    flow.step(lambda tags=(): tags, id="kept")
    assert run(flow, {"hue": 1}) == {"kept": None}


def test_a_parameter_may_be_a_step_that_is_defined_later() -> None:
    """The order of definition does not matter."""
    flow = Workflow("w")
    flow.step(lambda b: [b], id="a")
    flow.step(lambda: 1, id="b")
    assert run(flow) == {"a": [1], "b": 1}


def test_the_parameter_inputs_receives_the_whole_inputs() -> None:
    """They are a value of their model; a dict without a model."""
    flow = Workflow("w", inputs=Brief)
    flow.step(lambda inputs: type(inputs).__name__, id="kind")
    assert run(flow, {"hue": 1}) == {"kind": "Brief"}
    flow = Workflow("w")
    flow.step(lambda inputs: inputs, id="all")
    assert run(flow, {"any": 1}) == {"all": {"any": 1}}


def test_ctx_config_and_runtime_are_provided_and_not_hashed() -> None:
    """They do not influence the result."""
    flow = Workflow("w")

    @flow.step(version="1")  # Otherwise its code would be part of the hash.
    def told(ctx, config, runtime) -> list[Any]:
        return [ctx.step, ctx.workflow, ctx.attempt, "metadata" in config, type(runtime).__name__]

    assert run(flow)["told"] == ["told", "w", 1, True, "Runtime"]
    plain = Workflow("w")
    plain.step(lambda: 1, id="told", version="1")
    assert hash_of(flow, "told") == hash_of(plain, "told")


def test_a_decorated_function_is_still_a_plain_function() -> None:
    """A test can call it, with a `StepContext` if it has a `ctx`."""
    flow = Workflow("w")

    @flow.step(retry=2)
    def theme(hue: int, ctx: StepContext) -> str:
        assert not ctx.abort_signal.aborted
        return f"{hue}-{ctx.attempt}-{ctx.idempotency_key}"

    assert theme(3, StepContext(run_id="r", step="theme")) == "3-1-r:theme"


def test_depends_on_waits_without_receiving() -> None:
    """It accepts ids and functions, also functions that become steps later."""
    order = []
    flow = Workflow("w")

    @flow.step(effects=False)
    def first() -> None:
        order.append("first")

    @flow.step(depends_on=[first, "third"], effects=False)
    def second() -> None:
        order.append("second")

    @flow.step(effects=False)
    def third(first: None) -> None:
        order.append("third")

    run(flow)
    assert order == ["first", "third", "second"]


def test_an_input_selector_provides_the_arguments() -> None:
    """It returns a dict of the function's arguments."""
    flow = Workflow("w", inputs=Brief)
    flow.step(lambda hue: hue, id="a")

    def select(sources: StepSources) -> dict[str, Any]:
        return {"x": sources.inputs.hue, "y": sources.outputs["a"]}

    flow.step(lambda x, y, z=3, *, ctx: [x, y, z, ctx.step], id="b", depends_on=["a"], input_selector=select)
    assert run(flow, {"hue": 1})["b"] == [1, 1, 3, "b"]


def test_a_selector_must_return_a_dict_for_a_function() -> None:
    """The message names the step and the fix."""
    flow = Workflow("w")
    flow.step(lambda: 1, id="a", input_selector=lambda sources: [1])
    with pytest.raises(TypeError, match="must return a dict of the function's arguments, got a list"):
        run(flow)


def test_a_selector_that_raises_fails_its_step() -> None:
    """The original exception is raised."""
    flow = Workflow("w")
    flow.step(lambda: 1, id="a", input_selector=lambda sources: sources.inputs["no"])
    with pytest.raises(KeyError, match="no"):
        run(flow)
    state = flow.to_graph().compile().invoke({"inputs": {}})
    assert (state["steps"], state["errors"][0]["node_id"]) == ({"a": "failed"}, "a")


class Scorer:
    """A callable object that also has methods."""

    def __init__(self, weight: int) -> None:
        self.weight = weight

    def __call__(self, inputs: dict[str, Any]) -> int:
        """Weigh."""
        return inputs["x"] * self.weight

    async def later(self, inputs: dict[str, Any]) -> int:
        """Add."""
        return inputs["x"] + self.weight


def test_objects_methods_and_partials_can_be_steps() -> None:
    """Each has the name of the inner function as its id."""

    def add(a: int, b: int, inputs: dict[str, Any]) -> int:
        return a + b + inputs["x"]

    scorer = Scorer(10)
    flow = Workflow("w")
    flow.step(scorer)
    flow.step(scorer.later)
    flow.step(functools.partial(add, 1, b=2))
    flow.step(lambda add, later: [add, later], id="both", depends_on=[scorer.later, scorer])
    assert run(flow, {"x": 5}) == {"Scorer": 50, "later": 15, "add": 8, "both": [8, 15]}


def test_an_argument_of_a_partial_wins_over_a_step_of_the_same_name() -> None:
    """The step then does not depend on the other step."""
    flow = Workflow("w")
    flow.step(lambda: 1, id="a")
    flow.step(functools.partial(lambda a: a, a=7), id="b")
    assert run(flow)["b"] == 7


@pytest.mark.parametrize("positional", [False, True])
def test_arguments_of_a_partial_are_part_of_the_hash(positional: bool) -> None:
    """Positional and keyword arguments count."""

    def flow_of(number: int) -> Workflow:
        flow = Workflow("w")
        made = (
            functools.partial(lambda x: x, number) if positional else functools.partial(lambda x: x, x=number)
        )
        flow.step(made, id="a")
        return flow

    assert hash_of(flow_of(1), "a") == hash_of(flow_of(1), "a")
    assert hash_of(flow_of(1), "a") != hash_of(flow_of(2), "a")


@pytest.mark.parametrize("selects", [False, True])
def test_defaults_and_version_are_part_of_the_hash(selects: bool) -> None:
    """Another default or another version gives another hash."""

    def flow_of(default: int, version: str = "1") -> Workflow:
        flow = Workflow("w")
        selector = (lambda sources: {}) if selects else None

        @flow.step(version=version, input_selector=selector)
        def a(limit=default) -> int:
            return limit

        return flow

    assert hash_of(flow_of(1), "a") == hash_of(flow_of(1), "a")
    assert hash_of(flow_of(1), "a") != hash_of(flow_of(2), "a")
    assert hash_of(flow_of(1), "a") != hash_of(flow_of(1, "2"), "a")


def test_a_step_and_a_default_of_the_same_name_hash_differently() -> None:
    """The kind of an argument is part of the hash."""
    as_step = Workflow("w")
    as_step.step(lambda: 1, id="x")
    as_step.step(lambda x: x, id="a")
    as_default = Workflow("w")
    as_default.step(lambda x=1: x, id="a")
    assert hash_of(as_step, "a", hashes={"x": content_hash(1)}) != hash_of(as_default, "a")


def test_runnables_can_be_steps() -> None:
    """They receive the outputs of their dependencies as a dict; without dependencies, the inputs."""
    model = GenericFakeChatModel(messages=iter([AIMessage("one"), AIMessage("two")]))
    flow = Workflow("w")
    flow.step(RunnableLambda(lambda inputs: f"about {inputs['topic']}"), id="prompt", output=str)
    flow.step(
        RunnableLambda(lambda outputs: outputs["prompt"]) | model | StrOutputParser(),
        id="text",
        depends_on=["prompt"],
    )
    flow.step(
        model, id="message", output=AIMessage, depends_on=["text"], input_selector=lambda s: s.outputs["text"]
    )
    found = run(flow, {"topic": "tea"})
    assert (found["prompt"], found["text"]) == ("about tea", "one")
    assert (type(found["message"]), found["message"].content) == (AIMessage, "two")


def test_a_message_without_a_declared_type_is_refused() -> None:
    """It would come back from JSON as a dict."""
    flow = Workflow("w")
    model = GenericFakeChatModel(messages=iter([AIMessage("one")]))
    flow.step(model, id="a", input_selector=lambda sources: "hi")
    with pytest.raises(StepOutputError, match="Declare its type"):
        run(flow)


class Inner(TypedDict):
    """State of a graph that is a step."""

    x: int


def test_a_compiled_graph_can_be_a_step(mode: Any) -> None:
    """Its input and output are states. Drawings show it as a subgraph."""
    inner = (
        StateGraph(Inner).add_node("up", lambda state: {"x": state["x"] + 1}).add_edge(START, "up").compile()
    )
    flow = Workflow("w")
    flow.step(inner, id="inner")
    flow.step(lambda inner: inner["x"], id="x")
    assert mode.invoke(flow.as_node(), {"x": 1}) == {"inner": {"x": 2}, "x": 2}
    graph = flow.to_graph().compile()
    assert mode.invoke(graph, {"inputs": {"x": 1}})["outputs"] == {"inner": {"x": 2}, "x": 2}
    assert [name for name, _ in graph.get_subgraphs()] == ["inner"]


def test_changes_of_arguments_stay_in_one_attempt() -> None:
    """A step that changes outputs or inputs affects neither other steps nor its next attempt."""
    flow = Workflow("w", inputs=Brief)
    flow.step(lambda: ["x"], id="a")

    @flow.step(retry={"max_attempts": 2, "backoff_ms": 0, "retry_on": lambda error: True})
    def spoil(a: list[str], inputs: Brief) -> list[Any]:
        a.append("spoilt")
        inputs.tags.append("spoilt")
        if get_node_context().attempt == 1:
            raise ConnectionError
        return [a, inputs.tags]

    flow.step(lambda a, inputs: [a, inputs.tags], id="look", depends_on=["spoil"])
    found = run(flow, {"hue": 1})
    assert found["spoil"] == [["x", "spoilt"], ["spoilt"]]
    assert found["look"] == [["x"], []]


@pytest.mark.parametrize(
    "fallback", [lambda: -1, lambda hue: -hue, lambda *, ctx: -1], ids=["none", "some", "ctx"]
)
def test_a_fallback_receives_the_arguments_that_it_names(fallback: Any) -> None:
    """It runs when all attempts have failed."""
    flow = Workflow("w", inputs=Brief)

    @flow.step(fallback=fallback)
    def a(hue: int, tags: list[str]) -> int:
        raise ValueError

    assert run(flow, {"hue": 1}) == {"a": -1}


def test_the_fallback_of_a_runnable_receives_its_value() -> None:
    """The fallback may be a function or a Runnable."""

    def fail(value: Any) -> Any:
        raise ValueError

    flow = Workflow("w")
    flow.step(RunnableLambda(fail), id="a", fallback=lambda value: ["function", value])
    flow.step(RunnableLambda(fail), id="b", fallback=RunnableLambda(lambda value: ["runnable", value]))
    flow.step(RunnableLambda(fail), id="c", fallback=lambda: "nothing")
    assert run(flow, {"x": 1}) == {"a": ["function", {"x": 1}], "b": ["runnable", {"x": 1}], "c": "nothing"}


def test_a_return_type_may_be_a_local_class() -> None:
    """The annotation is a text, and the class is defined in the same function."""

    class Local(BaseModel):
        x: int

    flow = Workflow("w")

    @flow.step
    def a() -> Local:
        return Local(x=1)

    assert run(flow) == {"a": Local(x=1)}


def test_output_wins_over_the_annotation() -> None:
    """It is for functions without a usable annotation."""
    flow = Workflow("w")

    @flow.step(output=tuple[int, int])
    def a() -> Any:
        return (1, 2)

    assert run(flow) == {"a": (1, 2)}


def test_all_runs_of_a_step_share_its_breaker() -> None:
    """Sync and async runs, in a graph and in a node, use the same one."""
    calls = []
    flow = Workflow("w")

    @flow.step(circuit_breaker={"failure_threshold": 1, "recovery_timeout_ms": 1_000_000})
    def a() -> int:
        calls.append(1)
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        run(flow)
    state = flow.to_graph().compile().invoke({})
    assert (len(calls), state["errors"][0]["code"]) == (1, "CIRCUIT_OPEN")


@pytest.mark.parametrize("name", ["", "/x", "a//b", "../x", "a/./b", "a\\b", "a\x00b"])
def test_the_name_of_an_artifact_must_be_a_relative_path(name: str) -> None:
    """It is checked also without a sink."""
    with pytest.raises(ValueError, match="must be a relative path"):
        StepContext().save_artifact(name, "x")


@pytest.mark.parametrize("media_type", ["text", "text/plain\r", "text/plain; title=Ł"])
def test_the_media_type_of_an_artifact_must_fit_into_a_header(media_type: str) -> None:
    """Otherwise the service could not send the file."""
    with pytest.raises(ValueError, match="Artifact 'a': the media type must be such as"):
        StepContext().save_artifact("a", "x", media_type)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("a.txt", 5), "Artifact 'a.txt': the content must be bytes or a text, got an int."),
        (("a.txt", None), "the content must be bytes or a text, got None."),
        ((5, b"x"), "Artifact 5: the name must be a text, got an int."),
        (("a.txt", b"x", 5), "Artifact 'a.txt': the media type must be a text, got an int."),
    ],
    ids=["content", "no content", "name", "media type"],
)
def test_an_artifact_must_be_text_or_bytes(arguments: Any, problem: str) -> None:
    """The message names the artifact and the wrong part."""
    with pytest.raises(TypeError, match=problem):
        StepContext().save_artifact(*arguments)


@pytest.mark.parametrize("content", [bytearray(b"tea"), memoryview(b"tea")], ids=["bytearray", "memoryview"])
def test_an_artifact_may_be_any_kind_of_bytes(content: Any) -> None:
    """The sink receives plain bytes."""
    assert StepContext().save_artifact("a", content).size == 3


def test_without_a_sink_the_uri_of_an_artifact_is_its_hash() -> None:
    """The step also runs without a store for files."""
    ref = StepContext().save_artifact("a/b.txt", "tea", "text/plain")
    assert isinstance(ref, ArtifactRef)
    assert (ref.name, ref.size, ref.uri) == ("a/b.txt", 3, f"discarded:{ref.sha256}")


def test_a_blueprint_is_made_once_until_the_workflow_changes() -> None:
    """Repeated requests return the same blueprint."""
    flow = Workflow("w")
    flow.step(lambda: 1, id="a")
    before = flow.blueprint()
    assert flow.blueprint() is before
    flow.step(lambda: 1, id="b")
    assert isinstance(flow.blueprint(), Blueprint)
    assert [*flow.blueprint().steps] == ["a", "b"]
