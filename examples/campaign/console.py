"""The output of the demo, in a terminal or in a pipe."""

from collections import Counter
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from examples.campaign.story import Chapter, outcome_of

__all__ = ["counts", "show_chapter", "show_end"]

_HINT: Final = "Run the program again with the same folder, and all results come from the cache."
_NOTHING: Final = "No step had to run: all results came from earlier runs."
_STYLES: Final = {"ran": "bold green", "reused": "dim", "cached": "cyan", "failed": "bold red"}


def show_chapter(chapter: Chapter, number: int, folder: Path, console: Console) -> None:
    """Show a table of the steps, their counts, and the folder of the files."""
    console.print()
    console.print(Text.assemble((f"{number}. {chapter.title}", "bold"), f": {chapter.about}"), soft_wrap=True)
    if chapter.plan is not None:
        console.print(_plan_line(chapter))
    console.print(_table(chapter))
    console.print(Text(f"{counts(chapter)}, in {chapter.run.duration_ms or 0:.0f} ms"))
    console.print(Text.assemble("Files: ", (str(folder), "underline")), soft_wrap=True)


def show_end(out: Path, console: Console, *, has_run: bool) -> None:
    """Show the address of the index page."""
    console.print()
    console.print(Text.assemble("Open ", ((out / "index.html").resolve().as_uri(), "bold")), soft_wrap=True)
    console.print(Text(_HINT if has_run else _NOTHING, style="dim"))


def counts(chapter: Chapter) -> str:
    """Return the counts, such as `5 ran, 8 reused, 0 cached`."""
    found = Counter(outcome_of(step, chapter).word for step in chapter.steps)
    others = [word for word in found if word not in {"ran", "reused", "cached"}]
    return ", ".join(f"{found[word]} {word}" for word in ("ran", "reused", "cached", *others))


def _plan_line(chapter: Chapter) -> Text:
    """Summarise the plan that was made before the run."""
    assert chapter.plan is not None  # noqa: S101 - the caller has checked
    found = Counter(each.action.value for each in chapter.plan.steps)
    words = {"run": "must run", "maybe": "may run", "cached": "in the cache", "reuse": "reused"}
    counted = ", ".join(f"{found[action]} {word}" for action, word in words.items() if found[action])
    return Text(f"Plan before the run: {counted}.", style="dim")


def _table(chapter: Chapter) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("step", no_wrap=True)
    if chapter.plan is not None:
        table.add_column("plan", no_wrap=True)
    table.add_column("result", no_wrap=True)
    table.add_column("ms", justify="right", no_wrap=True)
    table.add_column("why")
    planned = {} if chapter.plan is None else {each.step: each.action.value for each in chapter.plan.steps}
    for step in chapter.steps:
        word, why = outcome_of(step, chapter)
        took = f"{step.duration_ms}" if word == "ran" and step.duration_ms is not None else ""
        plan = [Text(planned[step.step], style="dim")] if planned else []
        table.add_row(
            Text(step.step), *plan, Text(word, style=_STYLES.get(word, "red")), took, Text(why, style="dim")
        )
    return table
