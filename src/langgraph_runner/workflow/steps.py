"""`BoundStep`: a checked step with everything it needs to run: its arguments, its node and its output type."""

from __future__ import annotations

import copy
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from langchain_core.runnables import Runnable

from langgraph_runner.errors.record import build_error_record
from langgraph_runner.node import Failure
from langgraph_runner.node.callee import Callee, name_of
from langgraph_runner.node.policies.retry import as_retry_config
from langgraph_runner.node.policies.shared import SHARED_POLICIES, policy_of
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES
from langgraph_runner.workflow.calling import make_step_node
from langgraph_runner.workflow.definition.fingerprint import fingerprint_of
from langgraph_runner.workflow.definition.spec import CacheScope, StepSources
from langgraph_runner.workflow.hashing import content_hash
from langgraph_runner.workflow.hashing.canonical import HashRecord
from langgraph_runner.workflow.user_code import UserCode
from langgraph_runner.workflow.values.input_type import InputType

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping

    from langchain_core.runnables import RunnableConfig

    from langgraph_runner.node import Outcome
    from langgraph_runner.workflow.calling import StepCall
    from langgraph_runner.workflow.definition.binding import Binding
    from langgraph_runner.workflow.definition.spec import StepSpec
    from langgraph_runner.workflow.values.output_type import OutputType

__all__ = ["BoundStep"]

_IMMUTABLE: Final = frozenset({str, int, float, bool, bytes, type(None)})


class BoundStep:
    """One step of a checked workflow. Immutable; usable by any number of runs, threads and event loops.

    Args:
        spec: The step as the user wrote it, checked.
        binding: Where its arguments come from.
        dependencies: The ids of all steps that it waits for.
        output: The type of its output.
        cache: The cache scope of the workflow, for a step that does not set one.

    Attributes:
        has_effects: Whether it acts on the world, so that no other run may reuse its result.
        cache: Who may reuse its results.
        version: What it computes, as part of the input hash: the version that the user set, or a fingerprint of the
            code.
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
        own = cache if spec.cache is None else CacheScope(spec.cache)
        self.cache = CacheScope.NONE if self.has_effects else own
        self.version = f"code:{fingerprint_of(spec.run)}" if spec.version is None else spec.version
        self._policies = _policies_of(spec)
        self._fixed_hashes = {f"default:{name}": content_hash(value) for name, value in binding.defaults}
        for number, value in enumerate(binding.bound):
            self._fixed_hashes[f"bound:{number}"] = content_hash(value)
        self._input_record: HashRecord | None = None
        """The template of its input hash, made on first use: the keys are the same for each run."""

    # The nodes are made on first use, because registering a workflow of 10,000 steps must be fast.

    @cached_property
    def _async_node(self) -> Any:
        return make_step_node(self.spec, self.output, self._policies, blocking=False)

    @cached_property
    def _blocking_node(self) -> Any:
        return make_step_node(self.spec, self.output, self._policies, blocking=True)

    @property
    def selects(self) -> bool:
        """Whether its input hash needs the outputs of its dependencies, and not only their hashes."""
        return self.spec.input_selector is not None

    @cached_property
    def needs_loop(self) -> bool:
        """Whether it needs an event loop: its function, or its fallback, is a coroutine function."""
        functions = [each for each in (self.spec.run, self.spec.fallback) if each is not None]
        return any(not isinstance(each, Runnable) and Callee.of(each).is_async for each in functions)

    @property
    def described_retry(self) -> dict[str, float] | None:
        """The numbers of its retry, without those that a tenacity object replaces; None without a retry."""
        retry = as_retry_config(self.spec.retry)
        if retry is None:
            return None
        fields = set() if retry.stop is not None else {"max_attempts"}
        if retry.wait is None:
            fields |= {"backoff_ms", "backoff_multiplier", "max_backoff_ms", "jitter"}
        return retry.model_dump(include=fields)

    @property
    def fallback_name(self) -> str | None:
        """The name of its fallback; None without one."""
        return None if self.spec.fallback is None else name_of(self.spec.fallback)

    def reads(self, fields: frozenset[str]) -> bool:
        """Return whether it receives one of these fields of the inputs, or the whole inputs."""
        if not fields:
            return False
        return self._reads_all or not fields.isdisjoint(self.binding.fields)

    @property
    def fields_read(self) -> list[str]:
        """The fields of the inputs that it receives; `*` stands for the whole inputs."""
        return ["*"] if self._reads_all else [*self.binding.fields]

    def reads_new(self, known: Container[str | None]) -> bool:
        """Return whether it receives a field that is not in `known`. The whole inputs count as the field None."""
        return any(name not in known for name in self.binding.fields) or (
            self._reads_all and None not in known
        )

    @property
    def _reads_all(self) -> bool:
        takes_inputs = self.binding.takes_value and not self.dependencies
        return self.binding.wants_inputs or self.selects or takes_inputs

    def receives(self, inputs: Any, outputs: Mapping[str, Any]) -> Any:
        """Return what the step is called with: its arguments by name, or the one value of a Runnable.

        `ctx`, `config` and `runtime` are not included.

        Args:
            inputs: The inputs of the run as their model; the step gets a copy.
            outputs: The outputs of its dependencies by id, made for this call; None for a step without output.

        Raises:
            Exception: What an `input_selector` raises; a RuntimeError if that is not an `Exception`.
        """
        if self.spec.input_selector is not None:
            with UserCode(f"The input_selector of step '{self.id}'"):
                return self.spec.input_selector(StepSources(_copy(inputs), outputs))
        if self.binding.takes_value:
            return dict(outputs) if self.dependencies else _copy(inputs)
        arguments = {name: outputs[name] for name in self.binding.steps}
        arguments.update((name, _copy(InputType.field(inputs, name))) for name in self.binding.fields)
        if self.binding.wants_inputs:
            arguments["inputs"] = _copy(inputs)
        return arguments

    def input_hash(
        self,
        hashes: Mapping[str, str | None],
        hash_of_field: Callable[[str | None], str],
        selected: Any = None,
    ) -> str:
        """Return the hash of everything that the step receives, and of its version.

        Args:
            hashes: The content hash of the output of each dependency; None for a step without output.
            hash_of_field: Returns the content hash of a field of the inputs; for None, that of the whole inputs.
            selected: The result of its `input_selector`.

        Raises:
            UnhashableInputError: A value that it receives has no canonical encoding.
        """
        if self.selects:
            return content_hash({"version": self.version, **self._fixed_hashes, "selected": selected})
        # The prefixes keep apart a step, a field and a default of the same name.
        steps = self.dependencies if self.binding.takes_value else self.binding.steps
        received = {f"step:{name}": hashes[name] for name in steps}
        for name in self.binding.fields:
            received[f"field:{name}"] = hash_of_field(name)
        if self._reads_all:
            received["inputs"] = hash_of_field(None)
        if self._input_record is None:
            self._input_record = HashRecord({"version": self.version, **self._fixed_hashes}, received)
        return self._input_record.hash_of(received)

    async def run(self, call: StepCall, config: RunnableConfig) -> Outcome:
        """Run the step once through the node pipeline, on the event loop. A plain function runs in a thread.

        Args:
            call: What it is called with.
            config: A config with abort signal, collector and so on, as `runner_config()` makes it.

        Returns:
            The outcome. The value of a `Success` is a dict whose `output` is a `StepOutput`.
        """
        outcome: Outcome = await self._async_node.run({"call": call}, config)
        return outcome

    def run_blocking(self, call: StepCall, config: RunnableConfig) -> Outcome:
        """Run the step as `run` does, in this thread. Not possible if the step `needs_loop`."""
        outcome: Outcome = self._blocking_node.run({"call": call}, config)
        return outcome

    def failed(self, error: Exception) -> Failure:
        """Return the outcome of a step that could not be called, because making its arguments raised `error`."""
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


def _policies_of(spec: StepSpec) -> dict[str, Any]:
    """Return the policies with a state as options of `create_node()`; both nodes of the step share them."""
    clock = REAL_RUNTIMES.awaiting.monotonic
    return {
        option: policy_of(option, getattr(spec, option), name=spec.id, clock=clock)
        for option in SHARED_POLICIES
    }


def _copy(value: Any) -> Any:
    """Return a copy of a value that several steps receive."""
    if type(value) in _IMMUTABLE:
        return value
    try:
        return copy.deepcopy(value)
    except Exception:  # A model may hold an object that cannot be copied, such as a lock.
        return value
