"""`confirm()`: ask before a command deletes something, or runs something that costs."""

from __future__ import annotations

import sys

import typer

from langgraph_runner.cli.problems import CliCode, CliError

__all__ = ["confirm"]


def confirm(question: str, *, yes: bool, as_json: bool = False) -> None:
    """Ask the user, unless `--yes` was given.

    Raises:
        CliError: The answer is no, or there is no terminal to ask in.
        typer.Abort: The user left the prompt, with Ctrl-C or Ctrl-D.
    """
    if yes:
        return
    if as_json:
        raise CliError(CliCode.USAGE, f"{question} Give --yes to confirm: with --json there is no prompt.")
    if not sys.stdin.isatty():
        raise CliError(CliCode.USAGE, f"{question} Give --yes to confirm: there is no terminal to ask in.")
    try:
        is_confirmed = typer.confirm(question, err=True)
    except typer.Abort:  # Ctrl-C or Ctrl-D, which leave the cursor behind the question.
        sys.stderr.write("\nNothing was done.\n")
        raise
    if not is_confirmed:
        raise CliError(CliCode.DECLINED, "Nothing was done.")
