"""The output of the program."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from examples.package_audit.errors import SHOWN, audit_errors, reason
from examples.package_audit.findings import findings
from examples.package_audit.gate import blocked
from examples.package_audit.graph import METRICS
from examples.package_audit.report import verdict
from examples.package_audit.state import AuditState
from langgraph_runner import NodeErrorRecord

Show = Callable[[str, Any], None]


@contextmanager
def progress(console: Console) -> Iterator[Show]:
    """Show a progress bar of parsed files; nothing outside a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task("Auditing", total=None)

        def show(mode: str, chunk: Any) -> None:
            if mode == "values" and chunk.get("inventory"):
                bars.update(task, total=len(chunk["inventory"]["sources"]))
            elif mode == "updates" and "parse" in chunk:
                bars.advance(task)

        yield show


def show_result(state: AuditState, console: Console) -> None:
    """Show errors, metrics, the summary and the path of the report."""
    if errors := audit_errors(state):
        console.print(errors_table(errors))
    console.print(METRICS)
    console.print()
    console.print(plain(title(state)), style="bold red" if blocked(state) else "bold green", markup=False)
    if state.get("figures"):
        for finding in findings(state):
            console.print(f"  - {plain(finding)}", markup=False)
    console.print(f"Report: {state['artifact_paths']['report']}", markup=False, soft_wrap=True)


def title(state: AuditState) -> str:
    """Return the summary, or why there is no audit."""
    identity = state.get("identity")
    if not identity:
        return " ".join(map(reason, audit_errors(state)))
    return f"{identity['name']} {identity['version']}: {verdict(state)}"


def plain(markdown: str) -> str:
    """Remove the Markdown marks."""
    return markdown.replace("**", "").replace("`", "")


def errors_table(errors: list[NodeErrorRecord]) -> Table:
    """Return a table of the captured errors."""
    table = Table(title="Errors", title_justify="left")
    for column in ("node", "error", "message", "attempts"):
        table.add_column(column)
    for error in errors[:SHOWN]:
        # As Text, because rich would read "[a]" in a message as markup.
        cells = (error["node_id"], error["error_type"], reason(error), str(error["attempts"]))
        table.add_row(*map(Text, cells))
    if len(errors) > SHOWN:
        table.caption = f"and {len(errors) - SHOWN} more, see the report"
    return table
