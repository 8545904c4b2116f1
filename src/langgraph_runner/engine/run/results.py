"""`Results`: the outputs of one run's steps, and the cache keys of its steps."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

from langgraph_runner.engine.store import queries
from langgraph_runner.workflow import CacheScope
from langgraph_runner.workflow.calling import StepCall, content_hash_of_ref
from langgraph_runner.workflow.hashing import content_hash
from langgraph_runner.workflow.scheduler import ENDED
from langgraph_runner.workflow.values.input_type import InputType
from langgraph_runner.workflow.values.off_loop import LARGE_BYTES, read_json, run_off_loop

if TYPE_CHECKING:
    from collections.abc import Iterable

    from langgraph_runner.engine.store import RunStore
    from langgraph_runner.engine.store.records import RunRow, StepRow
    from langgraph_runner.workflow import Blueprint, StepContext
    from langgraph_runner.workflow.steps import BoundStep

__all__ = ["Results"]


class Results:
    """The outputs of one run, by reference. An output is loaded when a step receives it; hashes need no load.

    An output stays in memory until the last step that receives it has ended, so that a run does not hold all its
    outputs at once. It is loaded again if it is needed later.

    Args:
        store: Where outputs are kept.
        blueprint: The workflow.
        run: The run.
        inputs: The inputs of the run, as their model.
    """

    def __init__(self, store: RunStore, blueprint: Blueprint, run: RunRow, inputs: Any) -> None:
        self._store = store
        self._blueprint = blueprint
        self._run = run
        self.inputs = inputs
        self._refs: dict[str, str | None] = {}
        self._data: dict[str, bytes] = {}
        self._waiting = {step: len(after) for step, after in blueprint.dag.dependents.items()}
        """How many of the steps that receive the output of a step have not ended."""
        self._uses: Counter[str] = Counter()
        """The same by reference: steps with equal outputs share one reference."""
        self._fields: dict[str | None, str] = {}

    @classmethod
    async def of(
        cls, store: RunStore, blueprint: Blueprint, run: RunRow, rows: Iterable[StepRow]
    ) -> tuple[Blueprint, Results]:
        """Return the workflow as it was when the run was created, and the outputs so far.

        Raises:
            Exception: The inputs no longer fit the workflow.
        """
        recorded = {row.step: row for row in rows}
        ended = {step for step, row in recorded.items() if row.status in ENDED}
        blueprint = blueprint.for_run(recorded, ended)
        results = cls(store, blueprint, run, await read_json(blueprint.inputs.load, run.inputs))
        for step in blueprint.dag.order:
            if step in ended:
                results.note(step, recorded[step].output_ref)
                results.note_end(step)
        return blueprint, results

    def note(self, step: str, ref: str | None, data: bytes | None = None) -> None:
        """Record the output of a step; `data` is its JSON, if it is in memory."""
        self._refs[step] = ref
        if ref is None:
            return
        self._uses[ref] += self._waiting[step]
        if data is not None and self._uses[ref]:
            self._data[ref] = data

    def note_end(self, step: str) -> None:
        """Record that a step has ended and no longer needs its inputs."""
        for before in self._blueprint.dag.dependencies[step]:
            self._waiting[before] -= 1
            ref = self._refs.get(before)
            if ref is not None:
                self._uses[ref] -= 1
                if not self._uses[ref]:
                    self._data.pop(ref, None)

    async def fetch(self, step: BoundStep) -> None:
        """Load the outputs that `step` receives before it starts, so that a failing database does not fail the step.

        Raises:
            sqlalchemy.exc.DBAPIError: The database refused.
        """
        await self._fetch(self._delivered(step.dependencies))

    async def call(self, step: BoundStep, context: StepContext) -> StepCall:
        """Return the call of `step`, with its arguments."""
        size = await self._load(step.dependencies) + len(self._run.inputs)
        make = partial(self._received, step)
        return await run_off_loop(StepCall, make, context) if size > LARGE_BYTES else StepCall(make, context)

    def _received(self, step: BoundStep) -> Any:
        """Build the arguments of `step`: for each call again, so that no step sees changes that another one makes."""
        outputs: dict[str, Any] = {}
        for before in step.dependencies:
            ref = self._refs.get(before)
            output = self._blueprint.steps[before].output
            outputs[before] = None if ref is None else output.load(self._data[ref])
        return step.receives(self.inputs, outputs)

    async def input_hash(self, step: BoundStep) -> str:
        """Return the hash of the input of `step`.

        Raises:
            UnhashableInputError: The input has no canonical encoding.
        """
        selected = None
        if step.selects:
            size = await self._load(step.dependencies) + len(self._run.inputs)
            is_long = size > LARGE_BYTES
            selected = await run_off_loop(self._received, step) if is_long else self._received(step)
        hashes = {before: self._hash_of(before) for before in step.dependencies}
        is_large = len(self._run.inputs) > LARGE_BYTES and step.reads_new(self._fields)
        if is_large:
            return await run_off_loop(step.input_hash, hashes, self._hash_of_field, selected)
        return step.input_hash(hashes, self._hash_of_field, selected)

    def cache_key(self, step: BoundStep, input_hash: str) -> str | None:
        """Return the cache key of the result of `step`; None if the step is not cached."""
        if step.cache is CacheScope.NONE:
            return None
        key = f"{self._blueprint.id}:{step.id}:{input_hash}"
        # Runs that were rebuilt from one another share the scope of the first of them.
        return key if step.cache is CacheScope.GLOBAL else f"{key}@{self._run.root_run_id}"

    def _hash_of(self, step: str) -> str | None:
        ref = self._refs.get(step)
        return None if ref is None else content_hash_of_ref(ref)

    def _hash_of_field(self, name: str | None) -> str:
        if name not in self._fields:
            self._fields[name] = content_hash(
                self.inputs if name is None else InputType.field(self.inputs, name)
            )
        return self._fields[name]

    async def _load(self, steps: tuple[str, ...]) -> int:
        """Load the outputs of `steps`; return their size in bytes."""
        delivered = self._delivered(steps)
        await self._fetch(delivered)
        missing = [ref for ref in delivered if ref not in self._data]
        if missing:
            raise LookupError(f"The database has lost an output that this step receives: {missing[0]}.")
        return sum(len(self._data[ref]) for ref in delivered)

    async def _fetch(self, refs: list[str]) -> None:
        wanted = [ref for ref in refs if ref not in self._data]
        if wanted:
            self._data |= await self._store.read(queries.output_data, self._run.tenant, wanted)

    def _delivered(self, steps: tuple[str, ...]) -> list[str]:
        """Return the references of the outputs of these steps."""
        refs = map(self._refs.get, steps)
        return [ref for ref in refs if ref is not None]
