"""The encodings of scalars, which contain no other values, each as JSON text."""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import ipaddress
import uuid
import zoneinfo
from json.encoder import encode_basestring
from math import isfinite
from pathlib import PosixPath, PurePosixPath, PureWindowsPath, WindowsPath
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import TzInfo

from langgraph_runner.workflow.hashing.unhashable import UnhashablePart, not_finite

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MAX_INT", "SCALARS", "is_unicode", "microseconds", "quote"]

MAX_INT: Final = 2**53 - 1
"""The greatest integer that every JSON reader keeps exactly. RFC 8785 allows no greater one."""


def is_unicode(text: str) -> bool:
    """Whether UTF-8 can encode the text. It cannot if there is a lone surrogate."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def quote(text: str) -> str:
    """Return a text as JSON. The json module escapes exactly what RFC 8785 asks for.

    Raises:
        UnhashablePart: The text has a lone surrogate.
    """
    if not is_unicode(text):
        raise UnhashablePart("text with a lone surrogate", "Pass bytes, or decode with errors='replace'.")
    return encode_basestring(text)


def microseconds(delta: dt.timedelta) -> int:
    """Return the duration as a whole number of microseconds, exactly."""
    return delta // dt.timedelta(microseconds=1)


def _int(value: int) -> str:
    # In hex: decimal digits take quadratic time, and Python refuses more than 4300 of them.
    return repr(value) if -MAX_INT <= value <= MAX_INT else f'{{"$int":"{value:#x}"}}'


def _float(value: float) -> str:
    if not isfinite(value):
        raise not_finite(value)
    return f'{{"$float":"{value!r}"}}'


def _complex(value: complex) -> str:
    for part in (value.real, value.imag):
        if not isfinite(part):
            raise not_finite(part)
    return f'{{"$complex":["{value.real!r}","{value.imag!r}"]}}'


def _decimal(value: decimal.Decimal) -> str:
    if not value.is_finite():
        raise UnhashablePart("NaN" if value.is_nan() else "an infinity", "Pass None, or a text.")
    # upper(), because the decimal context of the thread may write the exponent with a small e.
    return f'{{"$decimal":"{str(value).upper()}"}}'


def _base64(tag: str) -> Callable[[Any], str]:
    return lambda value: f'{{"${tag}":"{base64.b64encode(value).decode()}"}}'


def _timedelta(value: dt.timedelta) -> str:
    return f'{{"$timedelta":[{value.days},{value.seconds},{value.microseconds}]}}'


def _zone(value: zoneinfo.ZoneInfo) -> str:
    if value.key is None:
        raise UnhashablePart("a ZoneInfo without a key", "Make it with ZoneInfo(key).")
    return f'{{"$zone":{quote(value.key)}}}'


def _offset(value: dt.tzinfo) -> str:
    """Encode a fixed offset: `timezone`, or `TzInfo`, which pydantic uses in its place."""
    offset = value.utcoffset(None) or dt.timedelta()
    return f'{{"$offset":[{microseconds(offset)},{quote(value.tzname(None) or "")}]}}'


def _by_class(tag: str) -> Callable[[Any], str]:
    return lambda value: f'{{"${tag}":["{type(value).__name__}",{quote(str(value))}]}}'


_PATHS: Final = (PurePosixPath, PosixPath, PureWindowsPath, WindowsPath)
_ADDRESSES: Final = (
    ipaddress.IPv4Address,
    ipaddress.IPv4Interface,
    ipaddress.IPv4Network,
    ipaddress.IPv6Address,
    ipaddress.IPv6Interface,
    ipaddress.IPv6Network,
)

SCALARS: Final[dict[type, Callable[[Any], str]]] = {
    str: quote,
    int: _int,
    bool: lambda value: "true" if value else "false",
    type(None): lambda _: "null",
    float: _float,
    complex: _complex,
    decimal.Decimal: _decimal,
    bytes: _base64("bytes"),
    bytearray: _base64("bytearray"),
    dt.date: lambda value: f'{{"$date":"{value.isoformat()}"}}',
    dt.timedelta: _timedelta,
    dt.timezone: _offset,
    TzInfo: _offset,
    zoneinfo.ZoneInfo: _zone,
    uuid.UUID: lambda value: f'{{"$uuid":"{value}"}}',
    **dict.fromkeys(_PATHS, _by_class("path")),
    **dict.fromkeys(_ADDRESSES, _by_class("ip")),
}
"""The function for each exact type."""
