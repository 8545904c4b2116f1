"""The encodings of objects whose class has no entry in `SCALARS` or `CONTAINERS`, by the kind of the class."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import Enum, Flag
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from pydantic import AnyUrl, BaseModel, Secret, SecretBytes, SecretStr

from langgraph_runner.workflow.hashing.containers import class_text, parts_frame
from langgraph_runner.workflow.hashing.frame import Frame, name_label
from langgraph_runner.workflow.hashing.scalars import quote
from langgraph_runner.workflow.hashing.unhashable import UnhashablePart, compiled_subclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["class_encoder"]

_AS_BASE: Final[dict[type, Callable[[Any], Any]]] = {
    str: str.__str__,
    int: int.__int__,
    float: float.__float__,
    bytes: bytes.__bytes__,
    dict: lambda value: dict(dict.items(value)),  # dict.copy() calls keys() of the subclass.
    list: lambda value: [*list.__iter__(value)],
    tuple: lambda value: (*tuple.__iter__(value),),
    set: lambda value: {*set.__iter__(value)},
    frozenset: lambda value: frozenset(frozenset.__iter__(value)),
}
"""Converts a value of a subclass to its base. Methods that the subclass overrides are not called."""
_WRITTEN_IN_PYTHON: Final = 1 << 9  # Py_TPFLAGS_HEAPTYPE


def class_encoder(cls: type) -> Callable[[Any], Frame | str] | None:
    """Return the encoder for values of this class; None if there is no rule for it.

    Raises:
        UnhashablePart: The class is written in C, so its content cannot be known.
    """
    if issubclass(cls, Enum):
        return _enum
    for base in cls.__mro__:
        if base in _AS_BASE:
            return _subclass_encoder(cls, base)
    for classes, encoder in _ENCODERS:
        if issubclass(cls, classes):
            return encoder
    if isinstance(getattr(cls, "__dataclass_fields__", None), dict):
        return _dataclass
    if isinstance(getattr(cls, "__attrs_attrs__", None), tuple):
        return _attrs
    return _mapping if issubclass(cls, Mapping) else None


def _enum(value: Any) -> Frame:
    # The name counts, because members may have values that encode alike. The name of a Flag only lists its bits.
    name = None if isinstance(value, Flag) else value._name_
    return _parts_frame(value, "enum", (name, value._value_), ("", ".value"))


def _subclass_encoder(cls: type, base: type) -> Callable[[Any], Frame]:
    for between in cls.__mro__[: cls.__mro__.index(base)]:
        if not between.__flags__ & _WRITTEN_IN_PYTHON:
            raise compiled_subclass(cls, base)
    as_base = _AS_BASE[base]

    def encode_subclass(value: Any) -> Frame:
        content, attributes = as_base(value), object.__getstate__(value)
        names = getattr(type(value), "_fields", None)
        if base is tuple and _are_fields(names, len(content)):
            return _parts_frame(
                value, "namedtuple", (attributes, dict(zip(names, content, strict=True))), ("", "")
            )
        return _parts_frame(value, "subclass", (attributes, content), ("", ""))

    return encode_subclass


def _are_fields(names: Any, count: int) -> TypeGuard[tuple[str, ...]]:
    """Whether `names` gives each of `count` items a name. A class may define `_fields` by hand."""
    return (
        isinstance(names, tuple)
        and len(names) == count
        and all(type(name) is str for name in names)
        and len({*names}) == count
    )


def _model(value: BaseModel) -> Frame:
    stored = value.__dict__  # Has cached properties, too.
    fields = {name: stored[name] for name in type(value).model_fields if name in stored}
    return _parts_frame(value, "model", (fields, value.model_extra or None), ("", ""))


def _dataclass(value: Any) -> Frame:
    return _parts_frame(
        value, "dataclass", (_read(value, (f.name for f in dataclasses.fields(value))),), ("",)
    )


def _attrs(value: Any) -> Frame:
    return _parts_frame(value, "attrs", (_read(value, (each.name for each in value.__attrs_attrs__)),), ("",))


def _read(value: Any, names: Iterable[str]) -> dict[str, Any]:
    fields = {}
    for name in names:
        try:
            fields[name] = getattr(value, name)
        except MemoryError:
            raise
        except Exception as error:  # A property may raise anything.
            found = f"a field that cannot be read ({type(error).__name__})"
            raise UnhashablePart(found, "Set it, or let it return a value.", where=f".{name}") from error
    return fields


def _mapping(value: Mapping[Any, Any]) -> Frame:
    return _parts_frame(value, "mapping", (dict(value.items()),), ("",))


def _secret(value: Any) -> Frame:
    begin = f'{{"$secret":[{class_text(type(value))},'
    return Frame(
        value, (value.get_secret_value(),), _join_to_hash, name_label, begin=begin, end="]}", names=("",)
    )


def _join_to_hash(frame: Frame) -> str:
    """Join to a hash: canonical bytes may be shown, so they must not contain a secret."""
    return f'"{sha256(frame.texts[0].encode()).hexdigest()}"'


def _url(value: AnyUrl) -> str:
    return f'{{"$url":[{class_text(type(value))},{quote(str(value))}]}}'


def _parts_frame(value: Any, tag: str, children: tuple[Any, ...], names: tuple[str, ...]) -> Frame:
    return parts_frame(value, tag, children, names, head=class_text(type(value)))


_ENCODERS: Final[tuple[tuple[tuple[type, ...], Callable[[Any], Frame | str]], ...]] = (
    ((BaseModel,), _model),
    ((SecretStr, SecretBytes, Secret), _secret),
    ((AnyUrl,), _url),
)
