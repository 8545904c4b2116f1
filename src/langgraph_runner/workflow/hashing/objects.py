"""The encodings of values whose class others have written, by what kind of class it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import Enum, Flag
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from pydantic import AnyUrl, BaseModel, Secret, SecretBytes, SecretStr

from langgraph_runner.workflow.hashing.branch import Branch, by_name
from langgraph_runner.workflow.hashing.containers import class_text, parts
from langgraph_runner.workflow.hashing.refusal import Refusal, compiled_subclass
from langgraph_runner.workflow.hashing.scalars import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["opener_of"]

_AS_BASE: Final[dict[type, Callable[[Any], Any]]] = {
    str: str.__str__,
    int: int.__int__,
    float: float.__float__,
    bytes: bytes.__bytes__,
    dict: lambda value: dict(dict.items(value)),  # dict.copy() asks a subclass for its keys.
    list: lambda value: [*list.__iter__(value)],
    tuple: lambda value: (*tuple.__iter__(value),),
    set: lambda value: {*set.__iter__(value)},
    frozenset: lambda value: frozenset(frozenset.__iter__(value)),
}
"""A value as exactly its base: what the subclass overrides is not called."""
_WRITTEN_IN_PYTHON: Final = 1 << 9  # Py_TPFLAGS_HEAPTYPE


def opener_of(cls: type) -> Callable[[Any], Branch | str] | None:
    """How values of this class are opened, where its exact type has no rule; None if they are not.

    Raises:
        Refusal: What such a value holds cannot be known.
    """
    if issubclass(cls, Enum):
        return _enum
    for base in cls.__mro__:
        if base in _AS_BASE:
            return _subclass_opener(cls, base)
    for classes, opener in _KINDS:
        if issubclass(cls, classes):
            return opener
    if isinstance(getattr(cls, "__dataclass_fields__", None), dict):
        return _dataclass
    if isinstance(getattr(cls, "__attrs_attrs__", None), tuple):
        return _attrs
    return _mapping if issubclass(cls, Mapping) else None


def _enum(value: Any) -> Branch:
    # Members with other names may have values that look the same; of a flag the name is made up from its parts.
    name = None if isinstance(value, Flag) else value._name_
    return _parts(value, "enum", (name, value._value_), ("", ".value"))


def _subclass_opener(cls: type, base: type) -> Callable[[Any], Branch]:
    for between in cls.__mro__[: cls.__mro__.index(base)]:
        if not between.__flags__ & _WRITTEN_IN_PYTHON:
            raise compiled_subclass(cls, base)
    as_base = _AS_BASE[base]

    def opened(value: Any) -> Branch:
        content, attributes = as_base(value), object.__getstate__(value)
        names = getattr(type(value), "_fields", None)
        if base is tuple and _are_fields(names, len(content)):
            return _parts(value, "namedtuple", (attributes, dict(zip(names, content, strict=True))), ("", ""))
        return _parts(value, "subclass", (attributes, content), ("", ""))

    return opened


def _are_fields(names: Any, count: int) -> TypeGuard[tuple[str, ...]]:
    """Whether these name so many items, each of them one: anybody may write `_fields` by hand."""
    return (
        isinstance(names, tuple)
        and len(names) == count
        and all(type(name) is str for name in names)
        and len({*names}) == count
    )


def _model(value: BaseModel) -> Branch:
    stored = value.__dict__  # It has the cached properties, too.
    fields = {name: stored[name] for name in type(value).model_fields if name in stored}
    return _parts(value, "model", (fields, value.model_extra or None), ("", ""))


def _dataclass(value: Any) -> Branch:
    return _parts(value, "dataclass", (_read(value, (f.name for f in dataclasses.fields(value))),), ("",))


def _attrs(value: Any) -> Branch:
    return _parts(value, "attrs", (_read(value, (each.name for each in value.__attrs_attrs__)),), ("",))


def _read(value: Any, names: Iterable[str]) -> dict[str, Any]:
    fields = {}
    for name in names:
        try:
            fields[name] = getattr(value, name)
        except MemoryError:
            raise
        except Exception as error:  # A property may raise what it likes.
            found = f"a field that cannot be read ({type(error).__name__})"
            raise Refusal(found, "Set it, or let it return a value.", where=f".{name}") from error
    return fields


def _mapping(value: Mapping[Any, Any]) -> Branch:
    return _parts(value, "mapping", (dict(value.items()),), ("",))


def _secret(value: Any) -> Branch:
    begin = f'{{"$secret":[{class_text(type(value))},'
    return Branch(value, (value.get_secret_value(),), _hashed, by_name, begin=begin, end="]}", names=("",))


def _hashed(branch: Branch) -> str:
    """The canonical bytes are not secret, so what they have of a secret is its hash."""
    return f'"{sha256(branch.texts[0].encode()).hexdigest()}"'


def _url(value: AnyUrl) -> str:
    return f'{{"$url":[{class_text(type(value))},{quoted(str(value))}]}}'


def _parts(value: Any, tag: str, children: tuple[Any, ...], names: tuple[str, ...]) -> Branch:
    return parts(value, tag, children, names, head=class_text(type(value)))


_KINDS: Final[tuple[tuple[tuple[type, ...], Callable[[Any], Branch | str]], ...]] = (
    ((BaseModel,), _model),
    ((SecretStr, SecretBytes, Secret), _secret),
    ((AnyUrl,), _url),
)
