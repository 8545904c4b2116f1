"""`Scheduler`: decides which steps may run now, and which never will. Does no I/O and reads no clock.

Its decisions depend only on the workflow and on how steps have ended. So after a crash, another process that gets the
same facts decides the same.
"""

from __future__ import annotations

from collections import deque
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langgraph_runner.workflow.dag import Dag
    from langgraph_runner.workflow.definition.spec import JoinRule

__all__ = ["Decision", "FailureMode", "Reason", "Scheduler", "StepStatus"]

FailureMode = Literal["continue", "fail_fast"]


class StepStatus(StrEnum):
    """The status of a step."""

    PENDING = "pending"
    """It waits for its dependencies, or for a free slot."""
    RUNNING = "running"
    """It runs, or waits for its next attempt."""
    COMPLETED = "completed"
    """It ran, and its output is stored."""
    SKIPPED = "skipped"
    """It did not run. The reason says why, and whether it has an output all the same."""
    FAILED = "failed"
    """It failed after all attempts."""
    CANCELLED = "cancelled"
    """It was stopped, or never started, because the run stopped."""


class Reason(StrEnum):
    """Why a step was skipped or cancelled, or how it succeeded."""

    CACHE_HIT = "cache_hit"
    """Its output was in the cache."""
    REUSED_FROM_BASE = "reused_from_base"
    """A rebuild took its output from the base run."""
    FALLBACK = "fallback"
    """It failed, and the output is that of its fallback."""
    UPSTREAM_FAILED = "upstream_failed"
    """Steps that it depends on have no output, and its join rule does not allow that."""
    FAIL_FAST = "fail_fast"
    """Another step failed, and the run stops at the first failure."""
    RUN_TIMEOUT = "run_timeout"
    """The time limit of the run passed."""
    CANCELLED = "cancelled"
    """The run was cancelled."""


ENDED: Final = frozenset({StepStatus.COMPLETED, StepStatus.SKIPPED, StepStatus.FAILED, StepStatus.CANCELLED})
DELIVERING: Final = frozenset({Reason.CACHE_HIT, Reason.REUSED_FROM_BASE})
"""The reasons of skipped steps that have an output."""


class Decision(NamedTuple):
    """A step that will not run, with its final status."""

    step: str
    status: StepStatus
    reason: Reason


class Scheduler:
    """The scheduling state of one run. Not thread-safe.

    Args:
        dag: The DAG of the workflow.
        joins: The join rule of each step.
        mode: What happens after a failure: other branches `continue`, or no further step starts (`fail_fast`).
    """

    def __init__(self, dag: Dag, joins: Mapping[str, JoinRule], mode: FailureMode = "continue") -> None:
        self._dag = dag
        self._joins = joins
        self._mode = mode
        self._status: dict[str, StepStatus] = dict.fromkeys(dag.order, StepStatus.PENDING)
        self._delivered: dict[str, bool] = {}  # For each step that has ended.
        self._waiting_for = {step: len(before) for step, before in dag.dependencies.items()}
        self._ready: deque[str] = deque(step for step in dag.order if not dag.dependencies[step])
        self.failed = False
        """Whether a step has failed."""

    def status(self, step: str) -> StepStatus:
        """Return the status of `step`."""
        return self._status[step]

    def delivered(self, step: str) -> bool:
        """Return whether `step` has ended with an output."""
        return self._delivered.get(step, False)

    @property
    def is_over(self) -> bool:
        """Whether every step has ended."""
        return len(self._delivered) == len(self._status)

    @property
    def is_stopping(self) -> bool:
        """Whether a failure keeps further steps from starting."""
        return self.failed and self._mode == "fail_fast"

    def take_ready(self, limit: int | None = None) -> list[str]:
        """Return steps that may run now, in the order in which they became ready. Each step is returned once.

        Args:
            limit: Maximum number of steps; None for all.
        """
        taken: list[str] = []
        while self._ready and not self.is_stopping and (limit is None or len(taken) < limit):
            step = self._ready.popleft()
            if self._status[step] is StepStatus.PENDING:  # It may have been cancelled, or be queued twice.
                self._status[step] = StepStatus.RUNNING
                taken.append(step)
        return taken

    def ended(self, step: str, status: StepStatus, reason: Reason | None = None) -> list[Decision]:
        """Record how a step ended. Return the steps that can therefore never run; these are recorded, too.

        Args:
            step: A step that has not ended.
            status: Its final status.
            reason: Why, if the status alone does not say.

        Raises:
            ValueError: The step has ended before, or the status is not final.
        """
        self._record(step, status, reason)
        decided: list[Decision] = []
        queue = deque(self._release_dependents(step))
        while queue:
            decision = queue.popleft()
            decided.append(decision)
            self._record(*decision)
            queue.extend(self._release_dependents(decision.step))
        return decided

    def resume(self, facts: Mapping[str, tuple[StepStatus, Reason | None]]) -> list[Decision]:
        """Continue a run some of whose steps have ended. Return the steps that can therefore never run, recorded.

        Call it first, before any other method that changes the state.

        Args:
            facts: Status and reason of each step that has ended. All steps that such a step waits for are included.

        Raises:
            ValueError: A status is not final.
        """
        for step, (status, reason) in facts.items():
            self._record(step, status, reason)
            for after in self._dag.dependents[step]:
                self._waiting_for[after] -= 1
        self._ready.clear()
        decided: list[Decision] = []
        for step in self._dag.order:
            for decision in self._release(step):
                decided += [decision, *self.ended(*decision)]
        return decided

    def stop(self, reason: Reason) -> list[Decision]:
        """Cancel every step that has not started. Return these steps, recorded."""
        decided = [
            Decision(step, StepStatus.CANCELLED, reason)
            for step in self._dag.order
            if self._status[step] is StepStatus.PENDING
        ]
        for step, status, why in decided:
            self._record(step, status, why)
        self._ready.clear()
        return decided

    def _record(self, step: str, status: StepStatus, reason: Reason | None) -> None:
        if self._status[step] in ENDED or status not in ENDED:
            raise ValueError(f"Step '{step}' is {self._status[step]}; it cannot become {status}.")
        self._status[step] = status
        self._delivered[step] = status is StepStatus.COMPLETED or reason in DELIVERING
        if status is StepStatus.FAILED:
            self.failed = True

    def _release_dependents(self, step: str) -> list[Decision]:
        """Make ready the steps that waited only for `step`. Return those of them that can never run."""
        never: list[Decision] = []
        for after in self._dag.dependents[step]:
            self._waiting_for[after] -= 1
            never += self._release(after)
        return never

    def _release(self, step: str) -> list[Decision]:
        """Make a step ready if it waits for nothing any more. If it can never run, return that decision."""
        if self._waiting_for[step] or self._status[step] is not StepStatus.PENDING:
            return []
        if self._joins[step].allows([self._delivered[before] for before in self._dag.dependencies[step]]):
            self._ready.append(step)
            return []
        return [Decision(step, StepStatus.SKIPPED, Reason.UPSTREAM_FAILED)]
