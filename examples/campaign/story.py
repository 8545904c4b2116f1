"""What the demo does, and what is known of each run of it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

from examples.campaign.craft.wording import joined
from examples.campaign.models.brief import Brief
from examples.campaign.workflow import CAMPAIGN, campaign
from langgraph_runner.engine import Run, RunEngine, RunPlan, RunStatus, RunStep
from langgraph_runner.workflow import ChangeRequest, Reason, StepStatus

__all__ = ["Chapter", "Happened", "happened", "story", "write_files"]


class Chapter(NamedTuple):
    """One run."""

    title: str
    about: str
    run: Run
    steps: list[RunStep]
    plan: RunPlan | None
    """What was said before; None for the first build, which has no base."""


class Happened(NamedTuple):
    """What became of a step, in a word and a reason."""

    word: str
    why: str


async def story(engine: RunEngine, brief: Brief) -> AsyncIterator[Chapter]:
    """Build the campaign; then change the theme; then one headline. A run that does not complete is the last one."""
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


def happened(step: RunStep, chapter: Chapter) -> Happened:
    """What became of a step of a chapter."""
    if step.reason is Reason.CACHE_HIT:
        return Happened("cached", "the cache knows the result for what it receives")
    if step.reason is Reason.REUSED_FROM_BASE:
        return Happened("reused", "nothing that it receives changes")
    if step.status is StepStatus.COMPLETED:
        return Happened("ran", _why_it_ran(step, chapter))
    if step.error is not None:
        return Happened(step.status.value, step.error["message"])
    return Happened(step.status.value, step.reason.value if step.reason else "")


def _why_it_ran(step: RunStep, chapter: Chapter) -> str:
    if chapter.plan is None:
        return "not computed before"
    ran = {each.step for each in chapter.steps if each.status is StepStatus.COMPLETED}
    before = [each for each in campaign.blueprint().steps[step.step].dependencies if each in ran]
    if before:
        return f"receives what {joined(before)} now give{'s' if len(before) == 1 else ''}"
    return next(each.why for each in chapter.plan.steps if each.step == step.step)


async def write_files(engine: RunEngine, run: Run, folder: Path) -> list[Path]:
    """Copy the files of a run into a folder, under the names that the steps gave them."""
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
