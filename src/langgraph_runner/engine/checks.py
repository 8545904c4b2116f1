"""Checks of arguments. Each error names the argument, the allowed values and the given one."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from langgraph_runner.errors.hints import as_choice, did_you_mean
from langgraph_runner.workflow.errors import UnknownStepError
from langgraph_runner.workflow.hashing.scalars import is_unicode
from langgraph_runner.workflow.tenant import DEFAULT_TENANT

if TYPE_CHECKING:
    from enum import StrEnum

    from langgraph_runner.workflow import Blueprint

__all__ = [
    "DEFAULT_TENANT",
    "HEADER_TEXT",
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
    "storable",
    "tags",
    "text",
    "whole",
]

MAX_TENANT: Final = 128
MAX_KEY: Final = 256
MAX_REASON: Final = 2_000
MAX_PRIORITY: Final = 2**31 - 1
MAX_TAGS: Final = 32
MAX_TAG_NAME: Final = 64
MAX_TAG_VALUE: Final = 256
MAX_METADATA_BYTES: Final = 16 * 1024
MAX_METADATA_DEPTH: Final = 64
"""pydantic writes up to 254 levels of JSON and reads up to 200, and metadata is nested in a page of runs."""
HEADER_TEXT: Final = r"^[!-~]([ -~]*[!-~])?$"
"""Text that an HTTP header holds unchanged: printable ASCII without blanks at its ends."""
MAX_AT_ONCE: Final = 100_000
"""The largest limit of steps or runs."""
StatusT = TypeVar("StatusT", bound="StrEnum")


def of_kind(value: Any, kind: type, *, field: str, fix: str) -> None:
    """Raise unless `value` is of a type, and text that a database can compare.

    Raises:
        TypeError: `value` is of another type.
        ValueError: It is text with a NUL or a lone surrogate, which nothing in a database has.
    """
    if not isinstance(value, kind):
        raise TypeError(f"{field} must be of type {kind.__name__}, got {type(value).__name__}; give {fix}.")
    if isinstance(value, str):
        storable(value, field=field)


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a host."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def whole(value: Any, low: int, high: int, *, field: str) -> int:
    """Return `value` if it is a whole number from `low` to `high`.

    Raises:
        ValueError: It is not.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{field} must be a whole number from {low:,} to {high:,}, got {value!r:.80}.")
    return value


def text(value: Any, longest: int, *, field: str) -> str:
    """Return `value` if it is text of 1 to `longest` characters that a database can store.

    Raises:
        ValueError: It is not.
    """
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise ValueError(f"{field} must be text of 1 to {longest:,} characters, got {value!r:.80}.")
    storable(value, field=field)
    return value


def storable(value: str, *, field: str) -> None:
    """Raise unless a database can store `value`.

    Raises:
        ValueError: It has a NUL or a lone surrogate.
    """
    if "\0" in value or not is_unicode(value):
        raise ValueError(f"{field} must be text without NUL and lone surrogates, got {value!r:.80}.")


def step_queues(value: Any) -> tuple[str, ...] | None:
    """Return the names of step queues, without duplicates; None for None.

    Raises:
        TypeError: `value` is not a list.
        ValueError: An item is not a valid name.
    """
    if value is None:
        return None
    from langgraph_runner.workflow.definition.checks import is_queue_name  # noqa: PLC0415 - imports LangGraph

    of_kind(value, Iterable, field="step_queues", fix='such as ["gpu"]')
    if isinstance(value, str):
        raise TypeError(f"step_queues must be a list of names, got {value!r:.80}; put it in [ ].")
    names = tuple(dict.fromkeys(value))
    for name in names:
        if not is_queue_name(name):
            raise ValueError(
                f"step_queues must be names of up to 64 letters, digits, '.', '_' and '-', got {name!r:.80}."
            )
    return names


def run_limits(value: Any) -> int | Mapping[str, int] | None:
    """Return how many runs of a tenant may run at once: one number for each, or some by name; None for None.

    Raises:
        ValueError: `value` is neither such a number nor a mapping of tenants to such numbers.
    """
    if value is None:
        return None
    field = "max_active_runs_per_tenant"
    if not isinstance(value, Mapping):
        return whole(value, 1, MAX_AT_ONCE, field=field)
    limits: dict[str, int] = {}
    for tenant, limit in value.items():
        text(tenant, MAX_TENANT, field=f"a tenant in {field}")
        limits[tenant] = whole(limit, 1, MAX_AT_ONCE, field=f"{field}[{tenant!r:.80}]")
    return limits


def age_ms(value: Any, *, field: str) -> int:
    """Return an age in milliseconds.

    Raises:
        TypeError: It is not a `timedelta`.
        ValueError: It is negative.
    """
    of_kind(value, timedelta, field=field, fix="such as timedelta(days=30)")
    if value < timedelta():
        raise ValueError(f"{field} must not be negative, got {value!r}.")
    milliseconds: int = round(value.total_seconds() * 1000)
    return milliseconds


def tags(value: Any, *, field: str = "tags") -> dict[str, str]:
    """Return the tags of a run: up to 32 names of up to 64 characters, with values of up to 256.

    Raises:
        TypeError: `value` is not a mapping.
        ValueError: There are too many, or a name or a value is not text of 1 character or more, or is too long.
    """
    of_kind(value, Mapping, field=field, fix='such as {"customer": "acme"}')
    if len(value) > MAX_TAGS:
        raise ValueError(
            f"{field} must have at most {MAX_TAGS} entries, got {len(value):,}; use metadata= for more."
        )
    checked: dict[str, str] = {}
    for name, each in value.items():
        text(name, MAX_TAG_NAME, field=f"a name in {field}")
        checked[name] = text(each, MAX_TAG_VALUE, field=f"{field}[{name!r:.80}]")
    return checked


def metadata(value: Any) -> str | None:
    """Return the metadata of a run as JSON, of up to 16 KB and 64 levels; None if it is empty.

    Raises:
        TypeError: `value` is not a mapping.
        ValueError: It cannot be written as JSON, is too long, is nested too deeply, or has a lone surrogate.
    """
    of_kind(value, Mapping, field="metadata", fix='JSON values by name, such as {"ticket": 7}')
    if any(not isinstance(name, str) for name in value):
        raise ValueError("metadata must have names that are text.")
    try:
        written = json.dumps(dict(value), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"metadata must be JSON values: {error}") from error
    if len(written) > MAX_METADATA_BYTES:
        raise ValueError(
            f"metadata must take at most {MAX_METADATA_BYTES:,} bytes as JSON, got {len(written):,};"
            " put large values into the inputs."
        )
    if not is_unicode(json.dumps(dict(value), ensure_ascii=False)):
        raise ValueError("metadata must be text without lone surrogates.")
    level: list[Any] = [value]
    for _ in range(MAX_METADATA_DEPTH):
        below: list[Any] = []
        for each in level:
            items = each.values() if isinstance(each, Mapping) else each
            below += [item for item in items if isinstance(item, (Mapping, list, tuple))]
        level = below
    if level:
        raise ValueError(f"metadata must be nested at most {MAX_METADATA_DEPTH} levels deep; flatten it.")
    return written if value else None


def moment_ms(value: datetime | None, *, field: str) -> int | None:
    """Return a time as milliseconds since 1970; None for None.

    Raises:
        TypeError: It is not a datetime.
        ValueError: It has no time zone.
    """
    if value is None:
        return None
    of_kind(value, datetime, field=field, fix="such as datetime.now(UTC)")
    if value.utcoffset() is None:
        raise ValueError(f"{field} must have a time zone, got {value!r}; use datetime(..., tzinfo=UTC).")
    return round(value.timestamp() * 1000)


def one_of(value: Any, known: Iterable[str], *, field: str) -> str:
    """Return `value` if it is one of the known words.

    Raises:
        ValueError: It is not.
    """
    as_choice(value, tuple(map(str, known)), field=field)
    return str(value)


def steps(ids: Any, blueprint: Blueprint, *, field: str) -> tuple[str, ...]:
    """Return ids of steps of a workflow.

    Raises:
        TypeError: `ids` is not a list.
        UnknownStepError: The workflow does not have one of the steps.
    """
    if isinstance(ids, str) or not isinstance(ids, Iterable):
        raise TypeError(f"{field} must be a list of step ids, got {ids!r:.80}; put it in [ ].")
    found = tuple(ids)
    for step in found:
        if not isinstance(step, str) or step not in blueprint.steps:
            hint = did_you_mean(step, blueprint.steps) or f" It has: {', '.join(blueprint.steps):.200}."
            problem = f"{field}: workflow '{blueprint.id}' has no step {step!r:.80}.{hint}"
            raise UnknownStepError(workflow=blueprint.id, step=str(step), problem=problem)
    return found


def statuses(value: str | Iterable[str] | None, known: type[StatusT]) -> list[StatusT] | None:
    """Return one status or several as a list; None for all.

    Raises:
        ValueError: A status is unknown.
    """
    if value is None:
        return None
    asked = [value] if isinstance(value, str) else value
    return [known(one_of(each, known, field="status")) for each in asked]
