"""The encodings of values that hold no others, each as JSON text."""

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

from langgraph_runner.workflow.hashing.refusal import Refusal, not_finite

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MAX_INT", "SCALARS", "is_unicode", "microseconds", "quoted"]

MAX_INT: Final = 2**53 - 1
"""The greatest integer that JSON keeps everywhere; RFC 8785 allows none beyond."""


def is_unicode(text: str) -> bool:
    """Whether UTF-8 has it: a lone surrogate it has not."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def quoted(text: str) -> str:
    """A text as JSON. What RFC 8785 escapes, and how, is what the json module does."""
    if not is_unicode(text):
        raise Refusal("text with a lone surrogate", "Pass bytes, or decode with errors='replace'.")
    return encode_basestring(text)


def microseconds(delta: dt.timedelta) -> int:
    """All of it, exactly."""
    return delta // dt.timedelta(microseconds=1)


def _int(value: int) -> str:
    # In hex, since the decimal digits of a huge one cost their square, and Python refuses more than 4300.
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
        raise Refusal("NaN" if value.is_nan() else "an infinity", "Pass None, or a text.")
    # The context of the thread may ask for a small e.
    return f'{{"$decimal":"{str(value).upper()}"}}'


def _bytes(value: bytes) -> str:
    return f'{{"$bytes":"{base64.b64encode(value).decode()}"}}'


def _bytearray(value: bytearray) -> str:
    return f'{{"$bytearray":"{base64.b64encode(value).decode()}"}}'


def _timedelta(value: dt.timedelta) -> str:
    return f'{{"$timedelta":[{value.days},{value.seconds},{value.microseconds}]}}'


def _zone(value: zoneinfo.ZoneInfo) -> str:
    if value.key is None:
        raise Refusal("a ZoneInfo without a key", "Make it with ZoneInfo(key).")
    return f'{{"$zone":{quoted(value.key)}}}'


def _offset(value: dt.tzinfo) -> str:
    """A fixed offset. pydantic has a class of its own, which does all that `timezone` does."""
    offset = value.utcoffset(None) or dt.timedelta()
    return f'{{"$offset":[{microseconds(offset)},{quoted(value.tzname(None) or "")}]}}'


def _by_class(tag: str) -> Callable[[Any], str]:
    def encode(value: Any) -> str:
        return f'{{"${tag}":["{type(value).__name__}",{quoted(str(value))}]}}'

    return encode


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
    str: quoted,
    int: _int,
    bool: lambda value: "true" if value else "false",
    type(None): lambda _: "null",
    float: _float,
    complex: _complex,
    decimal.Decimal: _decimal,
    bytes: _bytes,
    bytearray: _bytearray,
    dt.date: lambda value: f'{{"$date":"{value.isoformat()}"}}',
    dt.timedelta: _timedelta,
    dt.timezone: _offset,
    TzInfo: _offset,
    zoneinfo.ZoneInfo: _zone,
    uuid.UUID: lambda value: f'{{"$uuid":"{value}"}}',
    **dict.fromkeys(_PATHS, _by_class("path")),
    **dict.fromkeys(_ADDRESSES, _by_class("ip")),
}
"""By exact type."""
