"""`Workflow`: a DAG of plain functions, written with decorators."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterable
from types import MethodType
from typing import TYPE_CHECKING, Any, Self, TypedDict, TypeVar, Unpack, overload

from langchain_core.runnables import Runnable

from langgraph_runner.errors.hints import did_you_mean
from langgraph_runner.node.callee import NodeFunction, name_of
from langgraph_runner.node.policies.bulkhead import BulkheadLike
from langgraph_runner.node.policies.circuit_breaker import CircuitBreakerLike
from langgraph_runner.node.policies.policy import Policy
from langgraph_runner.node.policies.rate_limit import RateLimitLike
from langgraph_runner.node.policies.retry import RetryLike
from langgraph_runner.runtime.timeouts import TimeoutLike
from langgraph_runner.workflow.blueprint import Blueprint
from langgraph_runner.workflow.definition.checks import change_type_problem, list_problem, shape_problems
from langgraph_runner.workflow.definition.spec import (
    CacheScope,
    ChangeSpec,
    JoinRule,
    StepSources,
    StepSpec,
    WorkflowSpec,
)
from langgraph_runner.workflow.errors import WorkflowDefinitionError
from langgraph_runner.workflow.langgraph.graphs import DEFAULT_CONCURRENCY, as_node, to_graph

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
    circuit_breaker: CircuitBreakerLike | None
    bulkhead: BulkheadLike | None
    rate_limit: RateLimitLike | None
    policies: tuple[Policy, ...]
    fallback: NodeFunction | None
    effects: bool | None
    cache: CacheScope | str | None
    cache_ttl_s: float | None
    version: str | None
    join: JoinRule | str
    description: str
    output: Any
    queue: str | None


class Workflow:
    """A DAG of plain functions, whose parameters name what they depend on.

    A parameter receives the output of the step of that name, a field of the inputs, the whole `inputs`, or one of
    `ctx` (a `StepContext`), `config` and `runtime`. A decorated function stays a plain function that you can call and
    test.

    Args:
        id: Such as `campaign.build.v1`: letters, digits, `.`, `_`, `-`.
        inputs: Model of the inputs: a pydantic model, a dataclass or a TypedDict; None for any JSON object.
        version: The version of the workflow, stored with each run.
        description: A text for people.
        cache: The cache scope of steps that do not set one: `global` (every run of the tenant), `run_only` or `none`.
        result: Id of the step whose output is the result of a run; None for the only final step.

    Attributes:
        is_registered: Whether an engine has registered it. Such an engine does not see later additions.

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

    def __init__(
        self,
        id: str,  # noqa: A002 - the natural name
        *,
        inputs: Any = None,
        version: str = "1",
        description: str = "",
        cache: CacheScope | str = CacheScope.GLOBAL,
        result: str | None = None,
    ) -> None:
        self.id = id
        self.inputs = inputs
        self.version = version
        self.description = description
        self.cache = cache
        self.result = result
        self._steps: list[StepSpec] = []
        self._changes: dict[str, ChangeSpec] = {}
        self._ids: dict[Any, list[str]] = {}
        self._blueprint: Blueprint | None = None
        self.is_registered = False

    @classmethod
    def from_spec(cls, spec: WorkflowSpec) -> Self:
        """Make a `Workflow` of a workflow that was written as data. Steps and changes can be added.

        Raises:
            TypeError: `spec` is not a `WorkflowSpec`.
            WorkflowDefinitionError: Its steps or its changes are not a list.
        """
        if not isinstance(spec, WorkflowSpec):
            raise TypeError(f"spec must be a WorkflowSpec, got {spec!r:.80}.")
        if problems := tuple(shape_problems(spec)):
            raise WorkflowDefinitionError(workflow=str(spec.id), problems=problems)
        workflow = cls(
            spec.id,
            inputs=spec.inputs,
            version=spec.version,
            description=spec.description,
            cache=spec.cache,
            result=spec.result,
        )
        workflow._steps = [*spec.steps]
        workflow._changes = dict(spec.changes)
        for step in spec.steps:
            if isinstance(step, StepSpec):  # Anything else is reported when the workflow is checked.
                workflow._ids.setdefault(_identity(step.run), []).append(step.id)
        return workflow

    @overload
    def step(self, function: FunctionT, /, **options: Unpack[StepOptions]) -> FunctionT: ...

    @overload
    def step(self, /, **options: Unpack[StepOptions]) -> Callable[[FunctionT], FunctionT]: ...

    def step(self, function: Any = None, /, **options: Any) -> Any:
        """Add a step. Use it as a decorator, with or without options, or call it with a function or a Runnable.

        Args:
            function: A function, a coroutine function, a Runnable or a compiled graph.
            **options: The fields of `StepSpec`. `id` defaults to the function's name. `depends_on` accepts functions,
                too.

        Returns:
            The function itself.

        Raises:
            TypeError: An option is unknown, or the function is a text.
            WorkflowDefinitionError: `depends_on` names a function that runs in several steps.
        """
        if function is None:
            return lambda decorated: self.step(decorated, **options)
        if isinstance(function, str):
            raise TypeError(
                f"step() must be called with a function, got {function!r:.80}. Set the id with id={function!r:.80}."
            )
        given = options.pop("id", None)
        name = name_of(function) if given is None else given
        if unknown := [each for each in options if each not in StepOptions.__annotations__]:
            hint = did_you_mean(unknown[0], StepOptions.__annotations__)
            raise TypeError(f"Step '{name}': unknown option '{unknown[0]}'.{hint}")
        depends_on: Any = self._ids_of(options.pop("depends_on", ()))
        self._steps.append(StepSpec(id=name, run=function, depends_on=depends_on, **options))
        self._ids.setdefault(_identity(function), []).append(name)
        self._note_addition(f"step '{name}'")
        return function

    def on_change(
        self,
        type: str,  # noqa: A002 - the natural name
        *,
        reruns: Iterable[str | Callable[..., Any]] = (),
        apply: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]] | None = None,
        payload: Any = None,
        description: str = "",
    ) -> None:
        """Define a type of change request.

        Steps that read what the payload changes run again in any case, and so do the steps that depend on them.

        Args:
            type: The name of the type.
            reruns: Further steps that run again: ids or functions. They run even if their results are cached. The
                steps that depend on them come from the cache if their arguments have not changed.
            apply: Returns the new inputs from the old inputs and the payload, all as JSON values. None merges the
                payload into the inputs (RFC 7396: objects are merged, null removes, everything else replaces).
            payload: Model of the payload; None for any object.
            description: A text for people.

        Raises:
            WorkflowDefinitionError: The type is not a text or is already defined, or `reruns` names a function that
                runs in several steps.
        """
        if (problem := change_type_problem(type)) is not None:
            raise WorkflowDefinitionError(workflow=self.id, problems=(problem,))
        if type in self._changes:
            raise WorkflowDefinitionError(
                workflow=self.id, problems=(f"change '{type}': it is defined twice. Remove one.",)
            )
        self._changes[type] = ChangeSpec(
            type=type,
            reruns=self._ids_of(reruns),
            apply=apply,
            payload=payload,
            description=description,
        )
        self._note_addition(f"change '{type}'")

    @property
    def spec(self) -> WorkflowSpec:
        """The workflow as data."""
        return self.blueprint().spec

    def blueprint(self) -> Blueprint:
        """Return the checked workflow; the same object until a step or a change is added.

        Raises:
            WorkflowDefinitionError: The workflow is invalid. The error lists all problems.
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
                    cache=self.cache,  # type: ignore[arg-type] # Blueprint checks the text.
                    result=self.result,
                )
            )
        return self._blueprint

    def to_graph(self, artifacts: ArtifactSink | None = None) -> StateGraph[Any, Any, Any, Any]:
        """Return the workflow as a `StateGraph` of its steps, for Studio; see `langgraph.graphs.to_graph`."""
        return to_graph(self.blueprint(), artifacts)

    def as_node(
        self,
        *,
        inputs: Callable[[Any], Any] | None = None,
        outputs: Callable[[dict[str, Any]], Any] | None = None,
        max_concurrency: int | None = DEFAULT_CONCURRENCY,
        artifacts: ArtifactSink | None = None,
    ) -> RunnableLambda[Any, Any]:
        """Return the whole workflow as one node, without LangGraph's barrier; see `langgraph.graphs.as_node`."""
        return as_node(
            self.blueprint(),
            inputs=inputs,
            outputs=outputs,
            max_concurrency=max_concurrency,
            artifacts=artifacts,
        )

    def _note_addition(self, what: str) -> None:
        self._blueprint = None
        if self.is_registered:
            warnings.warn(
                f"Workflow '{self.id}': an engine has registered it already and does not get the {what}. Create the"
                " engine after the last step.",
                stacklevel=_frames_here(),
            )

    def _ids_of(self, steps: Iterable[Any]) -> Any:
        # Anything but a list is reported when the workflow is checked, with all other problems.
        if list_problem("", steps) is not None:
            return steps
        return tuple(self._id_of(each) for each in steps)

    def _id_of(self, step: Any) -> Any:
        if isinstance(step, str):
            return step
        ids = self._ids.get(_identity(step), [])
        if len(ids) > 1:
            raise WorkflowDefinitionError(
                workflow=self.id,
                problems=(
                    f"{name_of(step)} runs in several steps: {', '.join(ids)}. Pass the id of one of them.",
                ),
            )
        if ids:
            return ids[0]
        return name_of(step) if callable(step) or isinstance(step, Runnable) else step


def _frames_here() -> int:
    """Return the number of frames of this file on top of the stack, so that a warning points to the user's code."""
    count, frame = 0, inspect.currentframe()
    while frame is not None and frame.f_code.co_filename == __file__:
        count, frame = count + 1, frame.f_back
    return count


def _identity(function: Any) -> Any:
    # Each access to a bound method makes a new object.
    if isinstance(function, MethodType):
        return id(function.__self__), id(function.__func__)
    return id(function)
