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
from examples.campaign.story import happened, story, write_files
from examples.campaign.workflow import campaign
from langgraph_runner import NodeRunnerError
from langgraph_runner.engine import RunEngine, RunStatus

BUILT, FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Build a campaign, change it twice, and show what that took.

    Returns:
        The exit code: 0 when all runs completed, 1 when one failed or nothing could be written, 2 for a brief or a
        command line that is wrong, 130 after Ctrl-C.
    """
    options = parser().parse_args(arguments)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    try:
        brief = read_brief(options.brief, writer=options.model)
    except (BriefError, OSError) as error:
        console.print(f"{options.brief} is no brief:", style="red", markup=False, soft_wrap=True)
        why = error.strerror if isinstance(error, OSError) else error
        console.print(str(why), markup=False, soft_wrap=True)
        return REFUSED
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        return asyncio.run(shown(brief, options.out, console))
    except (NodeRunnerError, OSError) as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        return FAILED
    except KeyboardInterrupt:
        console.print("Stopped. What is done is kept: run it again to go on.")
        return INTERRUPTED


def parser() -> argparse.ArgumentParser:
    """Say what the command line takes."""
    made = argparse.ArgumentParser(
        prog="python -m examples.campaign",
        description="Build a campaign from a brief, change it twice, and see which steps that runs again.",
    )
    made.add_argument("brief", nargs="?", type=Path, default=SAMPLE, help="a JSON file (default: a sample)")
    made.add_argument(
        "--out", metavar="FOLDER", type=Path, default=Path("out", "campaign"), help="default: %(default)s"
    )
    made.add_argument(
        "--model",
        metavar="NAME",
        default=os.environ.get("CAMPAIGN_MODEL") or None,
        help="a chat model for the copy, as LangChain's init_chat_model() takes it (default: CAMPAIGN_MODEL)",
    )
    return made


async def shown(brief: Brief, out: Path, console: Console) -> int:
    """Run the story, and show each chapter of it."""
    number, has_run = 0, False
    # Not as text: what follows a question mark in the folder's name would be taken for options.
    store = URL.create("sqlite", database=str(out / "runs.db"))
    async with RunEngine([campaign], store=store) as engine:
        async for chapter in story(engine, brief):
            number += 1
            has_run = has_run or any(happened(step, chapter).word == "ran" for step in chapter.steps)
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
