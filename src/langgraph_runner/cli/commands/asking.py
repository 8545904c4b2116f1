"""Asking before something is done that cannot be taken back, or costs something."""

from __future__ import annotations

import sys

import typer

from langgraph_runner.cli.problems import CliCode, CliError

__all__ = ["confirm"]


def confirm(question: str, *, yes: bool, as_json: bool = False) -> None:
    """Ask, unless the answer was given with `--yes`.

    Raises:
        CliError: The answer is no, or there is nobody to ask.
    """
    if yes:
        return
    if as_json or not sys.stdin.isatty():
        raise CliError(CliCode.USAGE, f"{question} There is nobody to ask: give --yes.")
    if not typer.confirm(question, err=True):
        raise CliError(CliCode.DECLINED, "Nothing was done.")
