"""`Workflow`: a DAG of plain functions, written with decorators."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, Unpack, overload

from langgraph_runner.node.callee import NodeFunction
from langgraph_runner.node.config import CircuitBreakerConfig, RetryLike, TimeoutLike
from langgraph_runner.workflow.blueprint import Blueprint
from langgraph_runner.workflow.errors import WorkflowDefinitionError
from langgraph_runner.workflow.graphs import as_node, to_graph
from langgraph_runner.workflow.spec import (
    CacheScope,
    ChangeSpec,
    JoinRule,
    StepSources,
    StepSpec,
    WorkflowSpec,
)

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableLambda
    from langgraph.graph import StateGraph

    from langgraph_runner.workflow.context import ArtifactSink

__all__ = ["StepOptions", "Workflow"]

FunctionT = TypeVar("FunctionT", bound=NodeFunction)


class StepOptions(TypedDict, total=False):
    """The keyword options of `Workflow.step()`; `StepSpec` explains them."""

    id: str | None
    depends_on: Iterable[str | Callable[..., Any]]
    input_selector: Callable[[StepSources], Any] | None
    retry: RetryLike | None
    timeout_ms: TimeoutLike | None
    total_timeout_ms: TimeoutLike | None
    circuit_breaker: CircuitBreakerConfig | None
    fallback: NodeFunction | None
    cache: CacheScope | str
    cache_ttl_s: float | None
    version: str
    join: JoinRule | str
    description: str
    output: Any


class Workflow:
    """A DAG of plain functions, whose parameters name what they depend on.

    A parameter is the output of the step of that name, a field of the inputs, `inputs` as a whole, or what the host
    provides: `ctx` (a `StepContext`), `config`, `runtime`. A decorated function stays a plain function, to be called
    and tested as one.

    Args:
        id: Such as `campaign.build.v1`.
        inputs: Model of the inputs: a pydantic model, a dataclass or a TypedDict; None for any JSON object.
        version: Of the workflow, kept with each run.
        description: For people.

    Example:
        >>> shop = Workflow("shop.v1")
        >>> @shop.step
        ... def price(inputs) -> float:
        ...     return inputs["net"] * 1.2
        >>> @shop.step
        ... def label(price: float) -> str:
        ...     return f"{price:.2f} EUR"
        >>> shop.as_node().invoke({"net": 10})["label"]
        '12.00 EUR'
    """

    def __init__(self, id: str, *, inputs: Any = None, version: str = "1", description: str = "") -> None:  # noqa: A002 - what it is
        self.id = id
        self.inputs = inputs
        self.version = version
        self.description = description
        self._steps: list[StepSpec] = []
        self._changes: dict[str, ChangeSpec] = {}
        self._ids: dict[Any, str] = {}
        self._blueprint: Blueprint | None = None

    @overload
    def step(self, function: FunctionT, /, **options: Unpack[StepOptions]) -> FunctionT: ...

    @overload
    def step(self, /, **options: Unpack[StepOptions]) -> Callable[[FunctionT], FunctionT]: ...

    def step(self, function: Any = None, /, **options: Any) -> Any:
        """Add a step: as a decorator, with or without options, or as a call with a function or a Runnable.

        Args:
            function: A function, a coroutine function, a Runnable or a compiled graph.
            **options: Those of `StepSpec`; `id` is the function's name unless given, and `depends_on` takes
                functions, too.

        Returns:
            The function itself.
        """
        if function is None:
            return lambda decorated: self.step(decorated, **options)
        name = (
            options.pop("id", None) or getattr(function, "__name__", None) or getattr(function, "name", None)
        )
        depends_on = tuple(self._id_of(each) for each in options.pop("depends_on", ()))
        self._steps.append(
            StepSpec(id=name or type(function).__name__, run=function, depends_on=depends_on, **options)
        )
        self._ids.setdefault(_key(function), self._steps[-1].id)
        self._blueprint = None
        return function

    def on_change(
        self,
        type: str,  # noqa: A002 - the change's own word
        *,
        reruns: Iterable[str | Callable[..., Any]] = (),
        apply: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]] | None = None,
        payload: Any = None,
        description: str = "",
    ) -> None:
        """Say what a change request of this type means for a run.

        Steps that read what the payload changes run again in any case; so do those that depend on them.

        Args:
            type: Its name.
            reruns: Further steps that run again: ids or functions.
            apply: Gives the new inputs of the old ones and the payload, as JSON values. None merges the payload into
                them (RFC 7396: objects are merged, null removes, everything else replaces).
            payload: Model of the payload; None for any object.
            description: For people.

        Raises:
            WorkflowDefinitionError: The type has a meaning already.
        """
        if type in self._changes:
            raise WorkflowDefinitionError(
                workflow=self.id, problems=(f"change '{type}': it is defined twice; remove one.",)
            )
        self._changes[type] = ChangeSpec(
            type=type,
            reruns=tuple(self._id_of(each) for each in reruns),
            apply=apply,
            payload=payload,
            description=description,
        )
        self._blueprint = None

    @property
    def spec(self) -> WorkflowSpec:
        """The workflow as data."""
        return self.blueprint().spec

    def blueprint(self) -> Blueprint:
        """The checked workflow; the same one until a step or a change is added.

        Raises:
            WorkflowDefinitionError: It cannot run; the error lists everything that is wrong.
        """
        if self._blueprint is None:
            self._blueprint = Blueprint(
                WorkflowSpec(
                    id=self.id,
                    steps=tuple(self._steps),
                    inputs=self.inputs,
                    changes=dict(self._changes),
                    version=self.version,
                    description=self.description,
                )
            )
        return self._blueprint

    def to_graph(self, artifacts: ArtifactSink | None = None) -> StateGraph[Any, Any, Any, Any]:
        """The workflow as a `StateGraph` of its steps, for LangGraph Studio; see `graphs.to_graph`."""
        return to_graph(self.blueprint(), artifacts)

    def as_node(self, **options: Any) -> RunnableLambda[Any, Any]:
        """The whole workflow as one node, without LangGraph's barrier; see `graphs.as_node` for the options."""
        return as_node(self.blueprint(), **options)

    def _id_of(self, step: Any) -> str:
        return (
            step
            if isinstance(step, str)
            else self._ids.get(_key(step), getattr(step, "__name__", repr(step)))
        )


def _key(function: Any) -> Any:
    return id(function)
