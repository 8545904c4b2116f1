"""What is given on the command line, read: JSON from a file, stdin or the argument, single values, durations."""

from __future__ import annotations

import json
import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, NoReturn

from langgraph_runner.cli.problems import CliCode, CliError, one_line
from langgraph_runner.engine import checks

__all__ = ["read_duration", "read_json", "read_tags", "read_value"]

_DURATION: Final = re.compile(r"(?P<amount>\d+(\.\d+)?)\s*(?P<unit>ms|s|m|min|h|d|w)?")
_SECONDS: Final = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
_MAX_S: Final = 366 * 86_400


def read_json(given: str | None, option: str) -> Any:
    """JSON that was given as itself, as the name of a file, or as `-` for stdin; None for none.

    Raises:
        CliError: There is no such file, or that is no JSON.
    """
    if given is None:
        return None
    if given == "-":
        return _parsed(sys.stdin.read(), f"{option}: stdin")
    if given.lstrip().startswith(("{", "[")):
        return _parsed(given, option)
    try:
        text = Path(given).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise CliError(CliCode.JSON_INVALID, f"{option}: {given} is not UTF-8: {error}") from error
    except (OSError, ValueError) as error:
        raise CliError(
            CliCode.USAGE,
            f"{option}: {given!r} is neither JSON nor a file that can be read ({one_line(error)}).",
        ) from error
    return _parsed(text, f"{option}: {given}")


def read_value(text: str) -> Any:
    """What was written for a single value: JSON, or else text."""
    try:
        return json.loads(text, parse_constant=_refused)
    except ValueError:
        return text


def read_duration(given: str, option: str) -> timedelta:
    """A duration such as `500ms`, `30s`, `5m`, `2h`, `7d`; a bare number is in seconds.

    Raises:
        CliError: It is none.
    """
    found = _DURATION.fullmatch(given.strip())
    if found is None or (seconds := float(found["amount"]) * _SECONDS[found["unit"] or "s"]) > _MAX_S:
        raise CliError(
            CliCode.USAGE, f"{option}: {given!r} is no duration up to a year; use 500ms, 30s, 5m, 2h or 7d."
        )
    return timedelta(seconds=seconds)


def read_tags(given: list[str] | None) -> dict[str, str] | None:
    """Tags that were given as `NAME=VALUE`; None if there are none.

    Raises:
        CliError: One of them is not NAME=VALUE, or a name or a value is too long.
    """
    if not given:
        return None
    pairs = [each.partition("=") for each in given]
    for each, (name, _, value) in zip(given, pairs, strict=True):
        if not name or not value:
            raise CliError(CliCode.USAGE, f"--tag: {each!r:.80} is not NAME=VALUE, such as customer=acme.")
    try:
        return checks.tags({name: value for name, _, value in pairs}, field="--tag")
    except ValueError as error:
        raise CliError(CliCode.USAGE, str(error)) from error


def _parsed(text: str, what: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refused)
    except json.JSONDecodeError as error:
        raise CliError(
            CliCode.JSON_INVALID,
            f"{what} is no JSON: {error.msg} (line {error.lineno}, column {error.colno}).",
        ) from error
    except (ValueError, RecursionError) as error:
        raise CliError(CliCode.JSON_INVALID, f"{what} is no JSON: {one_line(error)}") from error


def _refused(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON value.")
