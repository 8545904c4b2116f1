"""Values on the command line: JSON from a file, stdin or the argument itself, durations, tags."""

from __future__ import annotations

import json
import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, NoReturn

from langgraph_runner.cli.problems import CliCode, CliError, first_line
from langgraph_runner.engine import checks

__all__ = ["read_duration", "read_json", "read_json_or_text", "read_tags"]

_DURATION: Final = re.compile(r"(?P<amount>\d+(\.\d+)?)\s*(?P<unit>ms|s|m|min|h|d|w)?")
_SECONDS: Final = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
_MAX_S: Final = 366 * 86_400


def read_json(given: str | None, option: str) -> Any:
    """Read JSON from the argument itself, from the file that it names, or from stdin for `-`.

    Args:
        given: The argument; None gives None.
        option: The name of the option, for the error message.

    Raises:
        CliError: There is no such file, or it holds no valid JSON.
    """
    if given is None:
        return None
    if given == "-":
        return _parse(sys.stdin.read(), f"{option}: stdin")
    if given.lstrip().startswith(("{", "[")):
        return _parse(given, option)
    try:
        text = Path(given).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise CliError(CliCode.JSON_INVALID, f"{option}: {given} is not UTF-8: {error}") from error
    except (OSError, ValueError) as error:
        raise CliError(
            CliCode.USAGE,
            f"{option} must be JSON, the name of a file, or -, got {given!r} ({first_line(error)}).",
        ) from error
    return _parse(text, f"{option}: {given}")


def read_json_or_text(text: str) -> Any:
    """Return the JSON value that `text` is, or else the text itself."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except ValueError:
        return text


def read_duration(given: str, option: str) -> timedelta:
    """Read a duration such as `500ms`, `30s`, `5m`, `2h` or `7d`. A bare number is in seconds.

    Raises:
        CliError: It is not a duration, or it is longer than a year.
    """
    found = _DURATION.fullmatch(given.strip())
    if found is not None:
        seconds = float(found["amount"]) * _SECONDS[found["unit"] or "s"]
        if seconds <= _MAX_S:
            return timedelta(seconds=seconds)
    raise CliError(
        CliCode.USAGE,
        f"{option} must be a duration of up to a year, such as 500ms, 30s, 5m, 2h or 7d, got {given!r}.",
    )


def read_tags(given: list[str] | None) -> dict[str, str] | None:
    """Read tags that were given as `NAME=VALUE`; None if there are none.

    Raises:
        CliError: A tag is not NAME=VALUE, or a name or a value is too long.
    """
    if not given:
        return None
    tags = {}
    for each in given:
        name, _, value = each.partition("=")
        if not name or not value:
            raise CliError(
                CliCode.USAGE, f"--tag must be NAME=VALUE, such as customer=acme, got {each!r:.80}."
            )
        tags[name] = value
    try:
        return checks.tags(tags, field="--tag")
    except ValueError as error:
        raise CliError(CliCode.USAGE, str(error)) from error


def _parse(text: str, source: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        reason = f"{error.msg} (line {error.lineno}, column {error.colno})."
        raise CliError(CliCode.JSON_INVALID, f"{source} is not valid JSON: {reason}") from error
    except (ValueError, RecursionError) as error:
        raise CliError(CliCode.JSON_INVALID, f"{source} is not valid JSON: {first_line(error)}") from error


def _refuse_constant(constant: str) -> NoReturn:
    """Refuse NaN and Infinity, which Python's JSON parser takes."""
    raise ValueError(f"{constant} is not a JSON value.")
