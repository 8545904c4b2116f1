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
    """
    if yes:
        return
    if as_json:
        raise CliError(CliCode.USAGE, f"{question} Give --yes to confirm: with --json there is no prompt.")
    if not sys.stdin.isatty():
        raise CliError(CliCode.USAGE, f"{question} Give --yes to confirm: there is no terminal to ask in.")
    if not typer.confirm(question, err=True):
        raise CliError(CliCode.DECLINED, "Nothing was done.")
