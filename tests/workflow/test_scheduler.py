"""The scheduler: which steps may run now, and which never will."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from langgraph_runner.workflow import Dag, FailureMode, JoinRule, Reason, Scheduler, StepStatus
from langgraph_runner.workflow.scheduler import ENDED
from tests.workflow.test_dag import dags

MODES: list[FailureMode] = ["continue", "fail_fast"]
ENDS = [
    (StepStatus.COMPLETED, None),
    (StepStatus.SKIPPED, Reason.CACHE_HIT),
    (StepStatus.SKIPPED, Reason.REUSED_FROM_BASE),
    (StepStatus.FAILED, None),
    (StepStatus.CANCELLED, Reason.CANCELLED),
]


def scheduler_of(
    dependencies: dict[str, Any], joins: dict[str, JoinRule] | None = None, mode: FailureMode = "continue"
) -> Scheduler:
    """Return the scheduler of a workflow. Join rules default to `all_success`."""
    return Scheduler(
        Dag(dependencies), {**dict.fromkeys(dependencies, JoinRule.ALL_SUCCESS), **(joins or {})}, mode
    )


class Runs(RuleBasedStateMachine):
    """Steps end in any order and in any way. A second scheduler resumes from the facts of each state."""

    def __init__(self) -> None:
        super().__init__()
        self.running: list[str] = []
        self.facts: dict[str, tuple[StepStatus, Reason | None]] = {}
        self.stopped = False

    @initialize(dependencies=dags(8), mode=st.sampled_from(MODES), data=st.data())
    def begin(self, dependencies: dict[str, list[str]], mode: FailureMode, data: Any) -> None:
        """Make a workflow."""
        self.dag = Dag(dependencies)
        self.joins = {step: data.draw(st.sampled_from([*JoinRule])) for step in dependencies}
        self.mode = mode
        self.scheduler = Scheduler(self.dag, self.joins, mode)

    def note(self, decisions: Any) -> None:
        """Record that a step ended."""
        for step, status, reason in decisions:
            assert step not in self.facts
            assert step not in self.running
            self.facts[step] = (status, reason)

    @rule(limit=st.none() | st.integers(0, 3))
    def take(self, limit: int | None) -> None:
        """Each ready step has only ended dependencies, and its join rule holds."""
        taken = self.scheduler.take_ready(limit)
        assert limit is None or len(taken) <= limit
        for step in taken:
            assert step not in self.facts
            assert step not in self.running
            before = self.dag.dependencies[step]
            assert all(each in self.facts for each in before)
            assert self.joins[step].allows([self.scheduler.delivered(each) for each in before])
            self.running.append(step)
        assert not (taken and (self.stopped or (self.mode == "fail_fast" and self.scheduler.failed)))

    @precondition(lambda self: self.running)
    @rule(data=st.data(), end=st.sampled_from(ENDS))
    def end(self, data: Any, end: tuple[StepStatus, Reason | None]) -> None:
        """A running step ends."""
        step = data.draw(st.sampled_from(self.running))
        self.running.remove(step)
        self.facts[step] = end
        self.note(self.scheduler.ended(step, *end))

    @precondition(lambda self: self.facts or self.running)
    @rule(reason=st.sampled_from([Reason.CANCELLED, Reason.FAIL_FAST]))
    def stop(self, reason: Reason) -> None:
        """No further step starts, and those that have not started are cancelled."""
        self.stopped = True
        decided = self.scheduler.stop(reason)
        assert {status for _, status, _ in decided} <= {StepStatus.CANCELLED}
        self.note(decided)
        assert self.scheduler.take_ready() == []

    @invariant()
    def agrees(self) -> None:
        """The scheduler agrees with the facts, and so does a new one that resumes from them."""
        if not hasattr(self, "scheduler"):
            return
        for step in self.dag.order:
            status = self.scheduler.status(step)
            assert (status in ENDED) == (step in self.facts)
            if step in self.facts:
                assert status is self.facts[step][0]
        assert self.scheduler.is_over == (len(self.facts) == len(self.dag.order))
        again = Scheduler(self.dag, self.joins, self.mode)
        assert again.resume(self.facts) == []
        assert again.failed == self.scheduler.failed
        can_start = {step for step in again.take_ready() if step not in self.running}
        twin_ready = {
            step
            for step in self.dag.order
            if self.scheduler.status(step) is StepStatus.PENDING
            and all(each in self.facts for each in self.dag.dependencies[step])
        }
        assert can_start == (set() if self.scheduler.is_stopping else twin_ready)

    def teardown(self) -> None:
        """When all running steps have ended, no step is left pending."""
        if not hasattr(self, "scheduler") or self.scheduler.is_stopping:
            return
        while not self.scheduler.is_over:
            self.take(None)
            assert self.running
            for step in [*self.running]:
                self.running.remove(step)
                self.facts[step] = (StepStatus.COMPLETED, None)
                self.note(self.scheduler.ended(step, StepStatus.COMPLETED))


Runs.TestCase.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)


@pytest.mark.req("R-3", "R-41", "R-42")
class TestRuns(Runs.TestCase):
    """Run the state machine on any workflow."""


def run_out(scheduler: Scheduler, failing: set[str], order: Any, facts: dict[str, Any]) -> dict[str, Any]:
    """Run until all steps have ended; `order` draws which step ends next."""
    running: list[str] = []
    while not scheduler.is_over:
        running += scheduler.take_ready()
        step = running.pop(order(len(running)))
        status = StepStatus.FAILED if step in failing else StepStatus.COMPLETED
        facts[step] = (status, None)
        facts.update((each, (how, why)) for each, how, why in scheduler.ended(step, status))
    return facts


@pytest.mark.req("R-42")
@given(dags(), st.data())
def test_a_resumed_run_ends_like_an_uninterrupted_one(dependencies: dict[str, list[str]], data: Any) -> None:
    """Neither the set of steps that had ended before the crash nor the order of the others matters."""
    joins = {step: data.draw(st.sampled_from([*JoinRule])) for step in dependencies}
    failing = data.draw(st.sets(st.sampled_from([*dependencies])))

    def order(count: int) -> int:
        return int(data.draw(st.integers(0, count - 1)))

    whole = run_out(scheduler_of(dependencies, joins), failing, order, {})
    kept = data.draw(st.integers(0, len(whole)))
    committed = dict([*whole.items()][:kept])
    resumed = scheduler_of(dependencies, joins)
    decided = {step: (status, reason) for step, status, reason in resumed.resume(committed)}
    assert run_out(resumed, failing, order, {**committed, **decided}) == whole


@pytest.mark.parametrize(
    ("join", "ends", "status"),
    [
        (JoinRule.ALL_SUCCESS, [True, True], "running"),
        (JoinRule.ALL_SUCCESS, [True, False], "skipped"),
        (JoinRule.ANY_SUCCESS, [True, False], "running"),
        (JoinRule.ANY_SUCCESS, [False, False], "skipped"),
        (JoinRule.ALL_DONE, [False, False], "running"),
    ],
)
def test_a_join_rule_decides_whether_a_step_runs(join: JoinRule, ends: list[bool], status: str) -> None:
    """It decides when all dependencies have ended, and never before."""
    scheduler = scheduler_of({"a": (), "b": (), "c": ("a", "b")}, {"c": join})
    assert scheduler.take_ready() == ["a", "b"]
    for step, delivers in zip("ab", ends, strict=True):
        assert scheduler.take_ready() == []
        scheduler.ended(step, StepStatus.COMPLETED if delivers else StepStatus.FAILED)
    scheduler.take_ready()
    assert scheduler.status("c") == status


@pytest.mark.parametrize("join", [*JoinRule])
def test_a_step_without_dependencies_runs_with_any_join_rule(join: JoinRule) -> None:
    """No dependency can have failed."""
    assert scheduler_of({"a": ()}, {"a": join}).take_ready() == ["a"]


@pytest.mark.req("R-41")
def test_a_failure_skips_exactly_the_steps_that_need_it() -> None:
    """They are returned at once, each with its reason."""
    scheduler = scheduler_of({"a": (), "b": ("a",), "c": ("b",), "d": ()})
    scheduler.take_ready()
    decided = scheduler.ended("a", StepStatus.FAILED)
    assert decided == [
        ("b", StepStatus.SKIPPED, Reason.UPSTREAM_FAILED),
        ("c", StepStatus.SKIPPED, Reason.UPSTREAM_FAILED),
    ]
    assert scheduler.status("d") is StepStatus.RUNNING


@pytest.mark.req("R-41")
def test_fail_fast_starts_nothing_after_a_failure() -> None:
    """Running steps may end; `stop` cancels the rest."""
    scheduler = scheduler_of({"a": (), "b": (), "c": ("b",)}, mode="fail_fast")
    scheduler.take_ready()
    scheduler.ended("a", StepStatus.FAILED)
    assert scheduler.is_stopping
    scheduler.ended("b", StepStatus.COMPLETED)
    assert scheduler.take_ready() == []
    assert scheduler.stop(Reason.FAIL_FAST) == [("c", StepStatus.CANCELLED, Reason.FAIL_FAST)]
    assert scheduler.is_over


@pytest.mark.parametrize("status", [StepStatus.PENDING, StepStatus.RUNNING])
def test_only_a_final_status_can_be_recorded(status: StepStatus) -> None:
    """This also holds for `resume`."""
    with pytest.raises(ValueError, match="cannot become"):
        scheduler_of({"a": ()}).ended("a", status)
    with pytest.raises(ValueError, match="cannot become"):
        scheduler_of({"a": ()}).resume({"a": (status, None)})


def test_a_step_can_end_only_once() -> None:
    """A second end raises."""
    scheduler = scheduler_of({"a": ()})
    scheduler.ended("a", StepStatus.COMPLETED)
    with pytest.raises(ValueError, match="'a' is completed"):
        scheduler.ended("a", StepStatus.FAILED)


def test_a_failure_at_the_head_of_a_long_chain_skips_all_of_it() -> None:
    """It uses no recursion."""
    scheduler = scheduler_of({f"s{n}": (f"s{n - 1}",) if n else () for n in range(10_000)})
    scheduler.take_ready()
    assert len(scheduler.ended("s0", StepStatus.FAILED)) == 9_999
    assert scheduler.is_over
