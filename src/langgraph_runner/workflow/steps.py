"""`BoundStep`: a step with all that running it needs: where its arguments come from, its node, its output type."""

from __future__ import annotations

import copy
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from langchain_core.runnables import Runnable

from langgraph_runner.errors.record import build_error_record
from langgraph_runner.node import CircuitBreakerConfig, Failure, NodeCircuitBreaker
from langgraph_runner.node.callee import Callee
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES
from langgraph_runner.workflow.calling import Call, Delivered, node_of
from langgraph_runner.workflow.contained import Contained
from langgraph_runner.workflow.definition.fingerprint import fingerprint_of
from langgraph_runner.workflow.definition.spec import CacheScope, StepSources
from langgraph_runner.workflow.hashing import content_hash
from langgraph_runner.workflow.hashing.record import HashRecord
from langgraph_runner.workflow.values.input_type import InputType

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping

    from langchain_core.runnables import RunnableConfig

    from langgraph_runner.node import Outcome
    from langgraph_runner.workflow.definition.binding import Binding
    from langgraph_runner.workflow.definition.spec import StepSpec
    from langgraph_runner.workflow.values.output_type import OutputType

__all__ = ["BoundStep", "Call", "Delivered"]

_IMMUTABLE: Final = frozenset({str, int, float, bool, bytes, type(None)})


class BoundStep:
    """One step of a checked workflow. Immutable; good for any number of runs, threads and event loops.

    Args:
        spec: What the user wrote, checked.
        binding: Where its arguments come from.
        dependencies: The ids of all steps that it waits for.
        output: How its output is kept.
        cache: The cache scope of the workflow, for a step that gives none.
    """

    def __init__(
        self,
        spec: StepSpec,
        binding: Binding,
        dependencies: tuple[str, ...],
        output: OutputType,
        cache: CacheScope,
    ) -> None:
        self.spec = spec
        self.id = spec.id
        self.binding = binding
        self.dependencies = dependencies
        self.output = output
        self.has_effects = spec.effects is True
        """Whether it acts on the world, so that no other run may serve it."""
        own = cache if spec.cache is None else CacheScope(spec.cache)
        self.cache = CacheScope.NONE if self.has_effects else own
        """Who may be served its results."""
        self.version = f"code:{fingerprint_of(spec.run)}" if spec.version is None else spec.version
        """Of what it computes, as part of the input hash: as given, or the fingerprint of its code."""
        self._breaker = _breaker_of(spec)
        self._fixed = {f"default:{name}": content_hash(value) for name, value in binding.defaults}
        self._fixed.update(
            (f"bound:{number}", content_hash(value)) for number, value in enumerate(binding.bound)
        )

    # Made when first needed, so that a workflow of 10,000 steps is registered in no time.

    @cached_property
    def _awaited(self) -> Any:
        return node_of(self.spec, self.output, self._breaker, blocking=False)

    @cached_property
    def _blocking(self) -> Any:
        return node_of(self.spec, self.output, self._breaker, blocking=True)

    @property
    def selects(self) -> bool:
        """Whether the outputs of its dependencies are needed to know its input hash, not only their hashes."""
        return self.spec.input_selector is not None

    @cached_property
    def needs_loop(self) -> bool:
        """Whether it can only be awaited: its function, or its fallback, is a coroutine function."""
        functions = (self.spec.run, self.spec.fallback)
        return any(
            not isinstance(each, Runnable) and Callee.of(each).is_async
            for each in functions
            if each is not None
        )

    def reads(self, fields: frozenset[str]) -> bool:
        """Whether it receives one of these fields of the inputs, or the inputs as a whole."""
        if not fields:
            return False
        return self._reads_all or not fields.isdisjoint(self.binding.fields)

    @property
    def fields_read(self) -> list[str]:
        """The fields of the inputs that it receives; `*` stands for the inputs as a whole."""
        return ["*"] if self._reads_all else [*self.binding.fields]

    def reads_new(self, known: Container[str | None]) -> bool:
        """Whether it receives a field of the inputs, or for None the inputs as a whole, that is not `known`."""
        return any(name not in known for name in self.binding.fields) or (
            self._reads_all and None not in known
        )

    @property
    def _reads_all(self) -> bool:
        takes_inputs = self.binding.takes_value and not self.dependencies
        return self.binding.wants_inputs or self.selects or takes_inputs

    def receives(self, inputs: Any, outputs: Mapping[str, Any]) -> Any:
        """What the step is called with, without what its host provides: arguments by name, or a Runnable's value.

        Args:
            inputs: Of the run, as their model; the step gets a copy.
            outputs: Of its dependencies by id, made anew for this call; None for one that did not deliver.

        Raises:
            Exception: What an `input_selector` raises; a `RuntimeError` from what is none.
        """
        if self.spec.input_selector is not None:
            with Contained(f"The input_selector of step '{self.id}'"):
                return self.spec.input_selector(StepSources(_fresh(inputs), outputs))
        if self.binding.takes_value:
            return dict(outputs) if self.dependencies else _fresh(inputs)
        arguments = {name: outputs[name] for name in self.binding.steps}
        arguments.update((name, _fresh(InputType.field(inputs, name))) for name in self.binding.fields)
        if self.binding.wants_inputs:
            arguments["inputs"] = _fresh(inputs)
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
        if self.selects:
            return content_hash({"version": self.version, **self._fixed, "selected": selected})
        received = {f"step:{name}": hashes[name] for name in self._hashed_steps}
        for name in self.binding.fields:
            received[f"field:{name}"] = hash_of_field(name)
        if self._reads_all:
            received["inputs"] = hash_of_field(None)
        return self._received.hash_of(received)

    @property
    def _hashed_steps(self) -> tuple[str, ...]:
        return self.dependencies if self.binding.takes_value else self.binding.steps

    @cached_property
    def _received(self) -> HashRecord:
        # Names with a prefix say what a hash stands for, so two kinds of the same name never meet.
        keys = [
            *(f"step:{name}" for name in self._hashed_steps),
            *(f"field:{name}" for name in self.binding.fields),
            *(["inputs"] if self._reads_all else []),
        ]
        return HashRecord({"version": self.version, **self._fixed}, keys)

    async def run(self, call: Call, config: RunnableConfig) -> Outcome:
        """Run the step once through the node pipeline, on the event loop; a plain function runs in a thread.

        Args:
            call: What it is called with.
            config: Of `runner_config()`: abort signal, collector and the like.

        Returns:
            The outcome; the value of a `Success` is a dict whose `output` is a `Delivered`.
        """
        outcome: Outcome = await self._awaited.run({"call": call}, config)
        return outcome

    def run_blocking(self, call: Call, config: RunnableConfig) -> Outcome:
        """Do as `run`, in this thread. Not for what `needs_loop`."""
        outcome: Outcome = self._blocking.run({"call": call}, config)
        return outcome

    def failed(self, error: Exception) -> Failure:
        """The outcome of a step that could not be called, because what it receives could not be had."""
        clock = REAL_RUNTIMES.awaiting
        record = build_error_record(
            error,
            node_id=self.id,
            attempts=0,
            trace_id=clock.token_hex(16),
            timestamp=clock.now_utc(),
            error_id=clock.token_hex(8),
        )
        return Failure(record, error, 0, 0.0)


def _breaker_of(spec: StepSpec) -> NodeCircuitBreaker | None:
    """One for all ways to run the step."""
    breaker = spec.circuit_breaker
    if breaker is None or isinstance(breaker, NodeCircuitBreaker):
        return breaker
    config = breaker if isinstance(breaker, CircuitBreakerConfig) else CircuitBreakerConfig(**breaker)
    return NodeCircuitBreaker(config, name=spec.id, clock=REAL_RUNTIMES.awaiting.monotonic)


def _fresh(value: Any) -> Any:
    """A copy of what several steps share."""
    if type(value) in _IMMUTABLE:
        return value
    try:
        return copy.deepcopy(value)
    except Exception:  # A model may hold what cannot be copied, such as a lock.
        return value
