"""What a user hands to the engine, checked: each refusal names the option, what was given, and what is allowed."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from langgraph_runner.errors.hints import did_you_mean
from langgraph_runner.workflow.errors import UnknownStepError
from langgraph_runner.workflow.hashing.scalars import is_unicode

if TYPE_CHECKING:
    from enum import StrEnum

    from langgraph_runner.workflow import Blueprint

__all__ = [
    "DEFAULT_TENANT",
    "MAX_AT_ONCE",
    "MAX_KEY",
    "MAX_PRIORITY",
    "MAX_REASON",
    "MAX_TAGS",
    "MAX_TAG_NAME",
    "MAX_TAG_VALUE",
    "MAX_TENANT",
    "age_ms",
    "is_loopback",
    "metadata",
    "moment_ms",
    "of_kind",
    "one_of",
    "run_limits",
    "statuses",
    "step_queues",
    "steps",
    "tags",
    "text",
    "whole",
]

DEFAULT_TENANT: Final = "default"
MAX_TENANT: Final = 128
MAX_KEY: Final = 256
MAX_REASON: Final = 2_000
MAX_PRIORITY: Final = 2**31 - 1
MAX_TAGS: Final = 32
MAX_TAG_NAME: Final = 64
MAX_TAG_VALUE: Final = 256
MAX_METADATA_BYTES: Final = 16 * 1024
MAX_METADATA_DEPTH: Final = 64
"""pydantic neither writes more than 254 levels of JSON nor reads more than 200, and a run is a part of a page."""
MAX_AT_ONCE: Final = 100_000
"""Steps, or runs."""
StatusT = TypeVar("StatusT", bound="StrEnum")


def of_kind(value: Any, kind: type, *, field: str, fix: str) -> None:
    """Refuse what is of another type.

    Raises:
        TypeError: It is.
    """
    if not isinstance(value, kind):
        raise TypeError(f"{field}: expected {kind.__name__}, got {type(value).__name__}; give {fix}.")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def whole(value: Any, low: int, high: int, *, field: str) -> int:
    """A whole number from `low` to `high`.

    Raises:
        ValueError: It is not.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{field}: {value!r:.80} is not a whole number from {low:,} to {high:,}.")
    return value


def text(value: Any, longest: int, *, field: str) -> str:
    """Text that a database can keep: of 1 to `longest` characters.

    Raises:
        ValueError: It is not.
    """
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise ValueError(f"{field}: {value!r:.80} is not text of 1 to {longest:,} characters.")
    if "\0" in value or not is_unicode(value):
        raise ValueError(f"{field}: {value!r:.80} holds what no database keeps as text.")
    return value


def step_queues(value: Any) -> tuple[str, ...]:
    """The names of step queues.

    Raises:
        TypeError: It is no list of them.
        ValueError: One is no name.
    """
    from langgraph_runner.workflow.definition.checks import is_queue_name  # noqa: PLC0415 - imports LangGraph

    of_kind(value, Iterable, field="step_queues", fix='such as ["gpu"]')
    if isinstance(value, str):
        raise TypeError(f"step_queues: {value!r:.80} is one text; give a list, such as [{value!r:.80}].")
    for name in (names := tuple(dict.fromkeys(value))):
        if not is_queue_name(name):
            raise ValueError(
                f"step_queues: {name!r:.80} is no name; use letters, digits, '.', '_' and '-', up to 64."
            )
    return names


def run_limits(value: Any) -> int | Mapping[str, int]:
    """How many runs of a tenant may run at once: of each, or by tenant.

    Raises:
        ValueError: It is neither such a number nor a mapping of tenants to them.
    """
    field = "max_active_runs_per_tenant"
    if not isinstance(value, Mapping):
        return whole(value, 1, MAX_AT_ONCE, field=field)
    return {
        text(tenant, MAX_TENANT, field=f"{field}: a tenant"): whole(
            limit, 1, MAX_AT_ONCE, field=f"{field}[{tenant!r:.80}]"
        )
        for tenant, limit in value.items()
    }


def age_ms(value: Any, *, field: str) -> int:
    """A time that has passed, in milliseconds.

    Raises:
        TypeError: It is no `timedelta`.
        ValueError: It is negative.
    """
    of_kind(value, timedelta, field=field, fix="such as timedelta(days=30)")
    if value < timedelta():
        raise ValueError(f"{field}: {value!r} is negative.")
    milliseconds: int = round(value.total_seconds() * 1000)
    return milliseconds


def tags(value: Any, *, field: str = "tags") -> dict[str, str]:
    """The tags of a run: up to 32 names of up to 64 characters, with values of up to 256.

    Raises:
        TypeError: It is no mapping.
        ValueError: There are too many, or a name or a value is not text of 1 character or more, or is too long.
    """
    of_kind(value, Mapping, field=field, fix='such as {"customer": "acme"}')
    if len(value) > MAX_TAGS:
        raise ValueError(f"{field}: a run has at most {MAX_TAGS} tags, got {len(value):,}; use metadata=.")
    return {
        text(name, MAX_TAG_NAME, field=f"{field}: a name"): text(
            each, MAX_TAG_VALUE, field=f"{field}[{name!r:.80}]"
        )
        for name, each in value.items()
    }


def metadata(value: Any) -> str | None:
    """The metadata of a run as JSON, of up to 16 KB and 64 levels; None if there is no entry.

    Raises:
        TypeError: It is no mapping.
        ValueError: It cannot be written as JSON, is too long, is nested too deeply, or holds half of a surrogate
            pair.
    """
    of_kind(value, Mapping, field="metadata", fix='JSON values by name, such as {"ticket": 7}')
    if any(not isinstance(name, str) for name in value):
        raise ValueError("metadata: every name must be text.")
    try:
        written = json.dumps(dict(value), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"metadata: it cannot be written as JSON: {error}") from error
    if len(written) > MAX_METADATA_BYTES:
        raise ValueError(
            f"metadata: it takes {len(written):,} bytes as JSON, at most {MAX_METADATA_BYTES:,} are kept;"
            " put large values into the inputs."
        )
    if not is_unicode(json.dumps(dict(value), ensure_ascii=False)):
        raise ValueError("metadata: it holds half of a surrogate pair, which is not text.")
    level: list[Any] = [value]
    for _ in range(MAX_METADATA_DEPTH):
        parts = [each.values() if isinstance(each, Mapping) else each for each in level]
        level = [each for part in parts for each in part if isinstance(each, (Mapping, list, tuple))]
    if level:
        raise ValueError(f"metadata: it is nested more than {MAX_METADATA_DEPTH} levels deep; flatten it.")
    return written if value else None


def moment_ms(value: datetime | None, *, field: str) -> int | None:
    """A time as milliseconds since 1970; None for None.

    Raises:
        TypeError: It is no datetime.
        ValueError: It has no time zone.
    """
    if value is None:
        return None
    of_kind(value, datetime, field=field, fix="such as datetime.now(UTC)")
    if value.utcoffset() is None:
        raise ValueError(f"{field}: {value!r} has no time zone; use datetime(..., tzinfo=UTC).")
    return round(value.timestamp() * 1000)


def one_of(value: Any, known: Iterable[str], *, field: str) -> str:
    """One of some words.

    Raises:
        ValueError: It is not.
    """
    words = [*map(str, known)]
    if value not in words:
        raise ValueError(f"{field}: {value!r:.80} is not one of {', '.join(map(repr, words))}.")
    return str(value)


def steps(ids: Any, blueprint: Blueprint, *, field: str) -> tuple[str, ...]:
    """The ids of steps of a workflow.

    Raises:
        TypeError: It is no list of ids.
        UnknownStepError: The workflow does not have one of them.
    """
    if isinstance(ids, str) or not isinstance(ids, Iterable):
        raise TypeError(f"{field}: expected a list of step ids, got {ids!r:.80}; put it in [ ].")
    found = tuple(ids)
    for step in found:
        if not isinstance(step, str) or step not in blueprint.steps:
            hint = did_you_mean(step, blueprint.steps) or f" It has: {', '.join(blueprint.steps):.200}."
            problem = f"{field}: workflow '{blueprint.id}' has no step {step!r:.80}.{hint}"
            raise UnknownStepError(workflow=blueprint.id, step=str(step), problem=problem)
    return found


def statuses(value: str | Iterable[str] | None, known: type[StatusT]) -> list[StatusT] | None:
    """One status or several; None for all of them.

    Raises:
        ValueError: There is no such status.
    """
    if value is None:
        return None
    asked = [value] if isinstance(value, str) else value
    return [known(one_of(each, [*known], field="status")) for each in asked]
