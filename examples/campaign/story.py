"""The three runs of the demo, with the plan and the steps of each."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

from examples.campaign.craft.wording import joined
from examples.campaign.models.brief import Brief
from examples.campaign.workflow import CAMPAIGN, campaign
from langgraph_runner.engine import Run, RunEngine, RunPlan, RunStatus, RunStep
from langgraph_runner.workflow import ChangeRequest, Reason, StepStatus

__all__ = ["Chapter", "Outcome", "outcome_of", "story", "write_files"]


class Chapter(NamedTuple):
    """One run of the demo."""

    title: str
    about: str
    run: Run
    steps: list[RunStep]
    plan: RunPlan | None
    """The plan that was made before the run; None for the first build, which has no base run."""


class Outcome(NamedTuple):
    """How a step ended, as one word and a reason."""

    word: str
    why: str


async def story(engine: RunEngine, brief: Brief) -> AsyncIterator[Chapter]:
    """Build the campaign, then change the theme, then one headline. Stop after a run that does not complete."""
    run = await engine.run(CAMPAIGN, brief)
    yield await _chapter(engine, "First build", "the brief as it is", run)
    for title, about, change in _changes(brief):
        if run.status is not RunStatus.COMPLETED:
            return
        plan = await engine.plan(run.id, change)
        run = await engine.update(run.id, change)
        yield await _chapter(engine, title, about, run, plan)


def _changes(brief: Brief) -> list[tuple[str, str, ChangeRequest]]:
    hue = (brief.look.hue + 150) % 360
    headline = f"{brief.product.name}. {brief.product.benefits[1].title}."
    return [
        ("Another theme", f"hue {brief.look.hue} becomes {hue}", ChangeRequest("change_theme", {"hue": hue})),
        ("One headline", f"“{headline}”", ChangeRequest("change_headline", {"text": headline})),
    ]


async def _chapter(
    engine: RunEngine, title: str, about: str, run: Run, plan: RunPlan | None = None
) -> Chapter:
    return Chapter(title, about, run, await engine.get_run_steps(run.id), plan)


def outcome_of(step: RunStep, chapter: Chapter) -> Outcome:
    """Return how a step of a chapter ended."""
    if step.reason is Reason.CACHE_HIT:
        return Outcome("cached", "its arguments are the same as in an earlier run")
    if step.reason is Reason.REUSED_FROM_BASE:
        return Outcome("reused", "its arguments do not change")
    if step.status is StepStatus.COMPLETED:
        return Outcome("ran", _why_it_ran(step, chapter))
    if step.error is not None:
        return Outcome(step.status.value, step.error["message"])
    return Outcome(step.status.value, step.reason.value if step.reason else "")


def _why_it_ran(step: RunStep, chapter: Chapter) -> str:
    if chapter.plan is None:
        return "not computed before"
    ran = {each.step for each in chapter.steps if each.status is StepStatus.COMPLETED}
    before = [each for each in campaign.blueprint().steps[step.step].dependencies if each in ran]
    if before:
        return f"receives the new output of {joined(before)}"
    return next(each.why for each in chapter.plan.steps if each.step == step.step)


async def write_files(engine: RunEngine, run: Run, folder: Path) -> list[Path]:
    """Copy the files of a run into a folder, with the names from the steps."""
    written = []
    for refs in (await engine.get_run_artifacts(run.id)).values():
        for ref in refs:
            path = folder / ref.name
            await asyncio.to_thread(_write, path, await engine.read_artifact(ref))
            written.append(path)
    return written


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
