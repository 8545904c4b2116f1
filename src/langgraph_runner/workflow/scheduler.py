"""`Scheduler`: which steps may run now, and which never will. Decides; does no I/O, knows no time.

What it decides depends only on the workflow and on how steps have ended. So whoever is handed the same facts, in
another process after a crash, decides the same.
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
    """Where a step is."""

    PENDING = "pending"
    """It waits for its dependencies, or for a free slot."""
    RUNNING = "running"
    """It runs, or waits for its next attempt."""
    COMPLETED = "completed"
    """It ran, and its output is kept."""
    SKIPPED = "skipped"
    """It did not run; the reason says why, and whether there is an output."""
    FAILED = "failed"
    """It failed after all attempts."""
    CANCELLED = "cancelled"
    """It was stopped, or never started, because the run stopped."""


class Reason(StrEnum):
    """Why a step was skipped or cancelled, or what is special about its success."""

    CACHE_HIT = "cache_hit"
    """Its output was known."""
    REUSED_FROM_BASE = "reused_from_base"
    """A rebuild took it over from the run before."""
    FALLBACK = "fallback"
    """It failed, and its fallback has delivered in its place."""
    UPSTREAM_FAILED = "upstream_failed"
    """What it waits for did not deliver."""
    FAIL_FAST = "fail_fast"
    """Another step has failed, and the run stops at the first failure."""
    RUN_TIMEOUT = "run_timeout"
    """The time of the run was up."""
    CANCELLED = "cancelled"
    """Somebody has cancelled the run."""


ENDED: Final = frozenset({StepStatus.COMPLETED, StepStatus.SKIPPED, StepStatus.FAILED, StepStatus.CANCELLED})
DELIVERING: Final = frozenset({Reason.CACHE_HIT, Reason.REUSED_FROM_BASE})


class Decision(NamedTuple):
    """A step that will not run."""

    step: str
    status: StepStatus
    reason: Reason


class Scheduler:
    """The state of one run. Not thread-safe: it belongs to whoever runs it.

    Args:
        dag: The workflow's.
        joins: For each step when it may run.
        mode: What a failure does to other branches: let them `continue`, or stop at the first (`fail_fast`).
    """

    def __init__(self, dag: Dag, joins: Mapping[str, JoinRule], mode: FailureMode = "continue") -> None:
        self._dag = dag
        self._joins = joins
        self._mode = mode
        self._status: dict[str, StepStatus] = dict.fromkeys(dag.order, StepStatus.PENDING)
        self._delivered: dict[str, bool] = {}
        self._waiting_for = {step: len(before) for step, before in dag.dependencies.items()}
        self._ready: deque[str] = deque(step for step in dag.order if not dag.dependencies[step])
        self._open = len(dag.order)
        self.failed = False
        """Whether a step has failed."""

    def status(self, step: str) -> StepStatus:
        """Where `step` is."""
        return self._status[step]

    def delivered(self, step: str) -> bool:
        """Whether `step` has ended with an output."""
        return self._delivered.get(step, False)

    @property
    def is_over(self) -> bool:
        """Whether every step has ended."""
        return self._open == 0

    @property
    def is_stopping(self) -> bool:
        """Whether a failure keeps further steps from starting."""
        return self.failed and self._mode == "fail_fast"

    def take_ready(self, limit: int | None = None) -> list[str]:
        """Steps that may run now, in the workflow's order of their becoming ready; each is given once.

        Args:
            limit: At most so many; None for all.
        """
        taken: list[str] = []
        while self._ready and not self.is_stopping and (limit is None or len(taken) < limit):
            step = self._ready.popleft()
            if self._status[step] is StepStatus.PENDING:  # It may have been cancelled, or stand there twice.
                self._status[step] = StepStatus.RUNNING
                taken.append(step)
        return taken

    def ended(self, step: str, status: StepStatus, reason: Reason | None = None) -> list[Decision]:
        """Note how a step has ended; gives those that therefore never run, which are noted as well.

        Args:
            step: A step that has not ended.
            status: How it ended.
            reason: Why, where the status does not say it all.

        Raises:
            ValueError: It has ended before, or that is no end.
        """
        self._note(step, status, reason)
        decided: list[Decision] = []
        queue = deque(self._consequences(step))
        while queue:
            decision = queue.popleft()
            decided.append(decision)
            self._note(*decision)
            queue.extend(self._consequences(decision.step))
        return decided

    def resume(self, facts: Mapping[str, tuple[StepStatus, Reason | None]]) -> list[Decision]:
        """Take up a run whose steps have ended as `facts` say; gives those that therefore never run, noted.

        Only before anything was taken or has ended.

        Args:
            facts: For each step that has ended how, and why. What such a step waited for has ended as well.

        Raises:
            ValueError: A status is no end.
        """
        for step, (status, reason) in facts.items():
            self._note(step, status, reason)
            for after in self._dag.dependents[step]:
                self._waiting_for[after] -= 1
        self._ready.clear()
        decided: list[Decision] = []
        for step in self._dag.order:
            if self._status[step] is not StepStatus.PENDING or self._waiting_for[step]:
                continue
            if self._may_run(step):
                self._ready.append(step)
            else:
                decision = Decision(step, StepStatus.SKIPPED, Reason.UPSTREAM_FAILED)
                decided += [decision, *self.ended(*decision)]
        return decided

    def stop(self, reason: Reason) -> list[Decision]:
        """Cancel every step that has not started; gives them, noted."""
        decided = [
            Decision(step, StepStatus.CANCELLED, reason)
            for step in self._dag.order
            if self._status[step] is StepStatus.PENDING
        ]
        for step, status, why in decided:
            self._note(step, status, why)
        self._ready.clear()
        return decided

    def _note(self, step: str, status: StepStatus, reason: Reason | None) -> None:
        if self._status[step] in ENDED or status not in ENDED:
            raise ValueError(f"Step '{step}' is {self._status[step]}; it cannot become {status}.")
        self._status[step] = status
        self._delivered[step] = status is StepStatus.COMPLETED or reason in DELIVERING
        self._open -= 1
        if status is StepStatus.FAILED:
            self.failed = True

    def _consequences(self, step: str) -> list[Decision]:
        """Note what this end makes ready; gives what it keeps from ever running."""
        never: list[Decision] = []
        for after in self._dag.dependents[step]:
            self._waiting_for[after] -= 1
            if self._waiting_for[after] or self._status[after] is not StepStatus.PENDING:
                continue
            if self._may_run(after):
                self._ready.append(after)
            else:
                never.append(Decision(after, StepStatus.SKIPPED, Reason.UPSTREAM_FAILED))
        return never

    def _may_run(self, step: str) -> bool:
        return self._joins[step].allows([self._delivered[before] for before in self._dag.dependencies[step]])
