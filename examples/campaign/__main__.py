"""``python -m examples.campaign [BRIEF] [--out FOLDER] [--model NAME]``."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from sqlalchemy import URL

from examples.campaign.console import show_chapter, show_end
from examples.campaign.gallery import new_folder, note, write_index
from examples.campaign.models.brief import Brief
from examples.campaign.reading import SAMPLE, BriefError, read_brief
from examples.campaign.story import outcome_of, story, write_files
from examples.campaign.workflow import campaign
from langgraph_runner import NodeRunnerError
from langgraph_runner.engine import RunEngine, RunStatus

BUILT, FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Build a campaign, change it twice, and show which steps ran.

    Returns:
        The exit code: 0 if all runs completed, 1 if a run failed or a file could not be written, 2 for an invalid
        brief or command line, 130 after Ctrl-C.
    """
    options = parser().parse_args(arguments)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    try:
        brief = read_brief(options.brief, writer=options.model)
    except OSError as error:
        console.print(
            f"{options.brief} cannot be read: {error.strerror}", style="red", markup=False, soft_wrap=True
        )
        return REFUSED
    except BriefError as error:
        console.print(f"{options.brief} is not a valid brief:", style="red", markup=False, soft_wrap=True)
        console.print(str(error), markup=False, soft_wrap=True)
        return REFUSED
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        return asyncio.run(run_story(brief, options.out, console))
    except (NodeRunnerError, OSError) as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        return FAILED
    except KeyboardInterrupt:
        console.print("Stopped. Completed steps are stored: run the program again to continue.")
        return INTERRUPTED


def parser() -> argparse.ArgumentParser:
    """Define the command line."""
    command_line = argparse.ArgumentParser(
        prog="python -m examples.campaign",
        description="Build a campaign from a brief, change it twice, and see which steps that runs again.",
    )
    command_line.add_argument(
        "brief", nargs="?", type=Path, default=SAMPLE, help="a JSON file (default: a sample)"
    )
    command_line.add_argument(
        "--out", metavar="FOLDER", type=Path, default=Path("out", "campaign"), help="default: %(default)s"
    )
    command_line.add_argument(
        "--model",
        metavar="NAME",
        default=os.environ.get("CAMPAIGN_MODEL") or None,
        help="a chat model for the copy, as LangChain's init_chat_model() takes it (default: CAMPAIGN_MODEL)",
    )
    return command_line


async def run_story(brief: Brief, out: Path, console: Console) -> int:
    """Run the story, and show each chapter."""
    number, has_run = 0, False
    # A URL object, because in a text a question mark in the folder's name would begin the options.
    store = URL.create("sqlite", database=str(out / "runs.db"))
    async with RunEngine([campaign], store=store) as engine:
        async for chapter in story(engine, brief):
            number += 1
            has_run = has_run or any(outcome_of(step, chapter).word == "ran" for step in chapter.steps)
            folder = new_folder(out, chapter.title)
            await write_files(engine, chapter.run, folder)
            note(chapter, folder)
            show_chapter(chapter, number, folder, console)
            if chapter.run.status is not RunStatus.COMPLETED:
                return FAILED
    write_index(out)
    show_end(out, console, has_run=has_run)
    return BUILT


if __name__ == "__main__":
    sys.exit(main())
