"""`BoundStep`: a step with all that running it needs: where its arguments come from, its node, its output type."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.runtime import Runtime as LangGraphRuntime
from langgraph.runtime import get_runtime

from langgraph_runner.node import create_node
from langgraph_runner.node.callee import Callee
from langgraph_runner.node.config import as_retry_config, as_timeout_ms
from langgraph_runner.node.threads import await_in_thread
from langgraph_runner.workflow.binding import HOST_PARAMETERS
from langgraph_runner.workflow.hashing import content_hash
from langgraph_runner.workflow.spec import StepSources
from langgraph_runner.workflow.values import InputType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from langgraph_runner.node import Outcome
    from langgraph_runner.workflow.binding import Binding
    from langgraph_runner.workflow.context import StepContext
    from langgraph_runner.workflow.spec import StepSpec
    from langgraph_runner.workflow.values import OutputType

__all__ = ["BoundStep", "Delivered"]

_OUTPUT: Final = "output"


@dataclass(frozen=True, slots=True)
class Delivered:
    """The output of a step, as it is kept."""

    data: bytes
    """As JSON."""
    sha256: str
    """The content hash of the value."""


class BoundStep:
    """One step of a registered workflow. Immutable; good for any number of runs, threads and event loops.

    Args:
        spec: What the user wrote.
        binding: Where its arguments come from.
        dependencies: The ids of all steps that it waits for.
        output: How its output is kept.
    """

    def __init__(
        self, spec: StepSpec, binding: Binding, dependencies: tuple[str, ...], output: OutputType
    ) -> None:
        self.spec = spec
        self.id = spec.id
        self.binding = binding
        self.dependencies = dependencies
        self.output = output
        self.is_async = isinstance(spec.run, Runnable) or Callee.of(spec.run).is_async
        # Made when first needed, so that a workflow of 10,000 steps is registered in no time; checked now.
        as_retry_config(spec.retry)
        as_timeout_ms(spec.timeout_ms, field="timeout_ms")
        as_timeout_ms(spec.total_timeout_ms, field="total_timeout_ms")
        if spec.fallback is not None:
            Callee.of(spec.fallback, field="fallback")
        self._defaults = {f"default:{name}": content_hash(value) for name, value in binding.defaults}

    @cached_property
    def _awaited(self) -> Any:
        return _node_of(self, blocking=False)

    @cached_property
    def _blocking(self) -> Any:
        return _node_of(self, blocking=True)

    @property
    def selects(self) -> bool:
        """Whether the outputs of its dependencies are needed to know its input hash, not only their hashes."""
        return self.spec.input_selector is not None

    def receives(self, inputs: Any, outputs: Mapping[str, Any]) -> Any:
        """What the step is called with, without what its host provides: arguments by name, or a Runnable's value.

        Args:
            inputs: Of the run, as their model.
            outputs: Of its dependencies by id; None for one that did not deliver.
        """
        if self.spec.input_selector is not None:
            return self.spec.input_selector(StepSources(inputs, outputs))
        if self.binding.takes_value:
            return dict(outputs) if self.dependencies else inputs
        arguments = {name: outputs[name] for name in self.binding.steps}
        arguments.update((name, InputType.field(inputs, name)) for name in self.binding.fields)
        if self.binding.wants_inputs:
            arguments["inputs"] = inputs
        return arguments

    def input_hash(
        self,
        hashes: Mapping[str, str | None],
        hash_of_field: Callable[[str | None], str],
        selected: Any = None,
    ) -> str:
        """The hash of what the step receives, and of its version.

        Args:
            hashes: The content hash of the output of each dependency; None for one that did not deliver.
            hash_of_field: Gives the content hash of a field of the inputs, or for None that of the whole.
            selected: What its `input_selector` has given.

        Raises:
            UnhashableInputError: What it receives has no canonical encoding.
        """
        # Names with a prefix say what a hash stands for, so two kinds of the same name never meet.
        received: dict[str, Any] = {"version": self.spec.version}
        takes_value, selects = self.binding.takes_value, self.selects
        if selects:
            received["selected"] = selected
        else:
            for name in self.dependencies if takes_value else self.binding.steps:
                received[f"step:{name}"] = hashes[name]
            for name in self.binding.fields:
                received[f"field:{name}"] = hash_of_field(name)
            received.update(self._defaults)
        if not selects and (self.binding.wants_inputs or (takes_value and not self.dependencies)):
            received["inputs"] = hash_of_field(None)
        return content_hash(received)

    async def run(self, received: Any, context: StepContext, config: RunnableConfig) -> Outcome:
        """Run the step once through the node pipeline, on the event loop; a plain function runs in a thread.

        Args:
            received: What `receives` gave.
            context: Its `ctx`.
            config: Of `runner_config()`: abort signal, collector and the like.

        Returns:
            The outcome; the value of a `Success` is a dict whose `output` is a `Delivered`.
        """
        outcome: Outcome = await self._awaited.run({"received": received, "context": context}, config)
        return outcome

    def run_blocking(self, received: Any, context: StepContext, config: RunnableConfig) -> Outcome:
        """Do as `run`, in this thread. Only for a plain function."""
        if self.is_async:
            raise TypeError(f"Step '{self.id}' is async: use the async methods of the graph.")
        outcome: Outcome = self._blocking.run({"received": received, "context": context}, config)
        return outcome


def _node_of(step: BoundStep, *, blocking: bool) -> Any:
    """The step as a node. What it returns becomes JSON inside the attempt, so a bad output is a failure of it."""
    spec = step.spec
    return create_node(
        _called(step, spec.run, blocking=blocking),
        name=spec.id,
        retry=spec.retry,
        timeout_ms=spec.timeout_ms,
        total_timeout_ms=spec.total_timeout_ms,
        circuit_breaker=spec.circuit_breaker,
        fallback=None if spec.fallback is None else _called(step, spec.fallback, blocking=blocking),
        on_error="record",
        on_drain="finish",
        log_level="DEBUG",
    )


def _called(step: BoundStep, function: Any, *, blocking: bool) -> Callable[..., Any]:
    """`function` as one of a state: what it receives and its context in, what it delivers out."""
    if isinstance(function, Runnable):

        async def of_runnable(state: Any, config: RunnableConfig) -> dict[str, Any]:
            return {_OUTPUT: _delivered(step, await function.ainvoke(state["received"], config))}

        return of_runnable
    wanted = HOST_PARAMETERS.intersection(inspect.signature(function).parameters)
    is_async = Callee.of(function).is_async
    if blocking and not is_async:

        def called(state: Any, config: RunnableConfig) -> dict[str, Any]:
            return {_OUTPUT: _delivered(step, function(**_arguments(state, wanted, config)))}

        return called

    async def awaited(state: Any, config: RunnableConfig) -> dict[str, Any]:
        arguments = _arguments(state, wanted, config)
        value = await (function(**arguments) if is_async else await_in_thread(function, **arguments))
        return {_OUTPUT: _delivered(step, value)}

    return awaited


def _arguments(state: Any, wanted: frozenset[str], config: RunnableConfig) -> dict[str, Any]:
    arguments = state["received"]
    if not wanted:
        return arguments  # type: ignore[no-any-return] # a selector may give anything; Python says what is wrong
    host: dict[str, Any] = {"ctx": state["context"], "config": config}
    if "runtime" in wanted:
        try:
            host["runtime"] = get_runtime()
        except RuntimeError:  # Not in a graph.
            host["runtime"] = LangGraphRuntime()
    return {**arguments, **{name: host[name] for name in wanted}}


def _delivered(step: BoundStep, value: Any) -> Delivered:
    data = step.output.dump(value)
    return Delivered(data, content_hash(step.output.load(data)))
