"""Which encoder a value gets: by its exact type, else a registered one, else by the kind of its class."""

from __future__ import annotations

import dataclasses
import re
import threading
from collections.abc import Mapping
from enum import Enum, Flag
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, TypeGuard, TypeVar
from weakref import WeakKeyDictionary

from pydantic import AnyUrl, BaseModel, Secret, SecretBytes, SecretStr

from langgraph_runner.workflow.hashing.containers import CONTAINERS, Frame, class_text, parts_frame
from langgraph_runner.workflow.hashing.scalars import SCALARS, quote
from langgraph_runner.workflow.hashing.unhashable import UnhashablePart, compiled_subclass, unhashable_part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["RESERVED_TAGS", "encode_or_open", "register_encoding"]

T = TypeVar("T")

RESERVED_TAGS: Final = frozenset(
    [
        *("attrs", "bytearray", "bytes", "complex", "dataclass", "date", "datetime", "decimal"),
        *("defaultdict", "deque", "dict", "enum", "float", "fraction", "frozenset", "int", "ip"),
        *("mapping", "model", "namedtuple", "offset", "ordereddict", "path", "pattern", "range"),
        *("secret", "set", "subclass", "time", "timedelta", "tuple", "url", "uuid", "zone"),
    ]
)
"""The tags of built-in encodings."""
_TAG: Final = re.compile(r"[a-z][a-z0-9_.-]*")
_SECRETS: Final = (SecretStr, SecretBytes, Secret)
_FIXED: Final = frozenset({*SCALARS, *CONTAINERS, object, type, BaseModel, AnyUrl, *_SECRETS})
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

_registered: dict[type, tuple[str, Callable[[Any], Any]]] = {}
_encoders: WeakKeyDictionary[type, Callable[[Any], Frame | str]] = WeakKeyDictionary()
_lock = threading.RLock()  # Reentrant: issubclass() with an ABC may run a user's code while it is held.


def register_encoding(cls: type[T], tag: str, encode: Callable[[T], Any]) -> None:
    """Define how values of a class, and of its subclasses, are hashed.

    A registered encoding takes precedence over the package's own for dataclasses and models. Register where the class
    is defined, so that each process does it before it hashes anything. Thread-safe.

    Args:
        cls: The class.
        tag: The name of the encoding, such as `ndarray`: a lower-case letter, then letters, digits, `_`, `.`, `-`.
            It is part of the encoding, so a new tag invalidates cached results.
        encode: Returns everything that tells a value from others, as a value that can be hashed itself. It must
            return the same in every process. The class of the value is added. An exception that it raises becomes
            an `UnhashableInputError`.

    Raises:
        ValueError: The tag is reserved, taken or malformed; or the class already has an encoding, registered or built
            in.
        TypeError: `cls` is not a class, or `encode` not a function.
    """
    if not isinstance(cls, type) or not callable(encode):
        raise TypeError(
            f"register_encoding() needs a class and a function, got {cls!r:.80} and {encode!r:.80}."
        )
    if not _TAG.fullmatch(tag):
        raise ValueError(
            f"tag must be a lower-case letter, then lower-case letters, digits, '_', '.' or '-', got {tag!r:.80}."
        )
    if tag in RESERVED_TAGS:
        raise ValueError(f"tag must not be one of the package's own, got {tag!r}.")
    if cls in _FIXED:
        raise ValueError(f"cls must be a class without a built-in encoding, got {cls.__qualname__}.")
    with _lock:
        if cls in _registered:
            raise ValueError(
                f"cls must be registered once, got {cls.__qualname__}, which has the tag {_registered[cls][0]!r}."
            )
        if any(tag == taken for taken, _ in _registered.values()):
            raise ValueError(f"tag must be unique, got {tag!r}, which another class has.")
        _registered[cls] = (tag, encode)
        _encoders.clear()


def encode_or_open(value: Any) -> Frame | str:
    """Encode a scalar to text; for a container, return its `Frame`.

    Raises:
        UnhashablePart: There is no encoding for the value.
    """
    cls = type(value)
    encoder = SCALARS.get(cls) or CONTAINERS.get(cls) or _encoders.get(cls)
    if encoder is None:
        with _lock:
            encoder = _registered_encoder(cls) or _class_encoder(cls)
            if encoder is None:
                raise unhashable_part(value)
            _encoders[cls] = encoder
    return encoder(value)


def _registered_encoder(cls: type) -> Callable[[Any], Frame] | None:
    for base in cls.__mro__:
        if base in _registered:
            tag, encode = _registered[base]
            return lambda value: _object_frame(value, tag, (encode(value),), ("",))
    return None


def _class_encoder(cls: type) -> Callable[[Any], Frame | str] | None:
    """Return the encoder for values of a class without an encoding of its own; None if no rule covers it.

    Raises:
        UnhashablePart: The class is written in C, so its content cannot be known.
    """
    if issubclass(cls, Enum):
        return _enum
    for base in cls.__mro__:
        if base in _AS_BASE:
            return _subclass_encoder(cls, base)
    if issubclass(cls, BaseModel):
        return _model
    if issubclass(cls, _SECRETS):
        return _secret
    if issubclass(cls, AnyUrl):
        return _url
    if isinstance(getattr(cls, "__dataclass_fields__", None), dict):
        return _dataclass
    if isinstance(getattr(cls, "__attrs_attrs__", None), tuple):
        return _attrs
    return _mapping if issubclass(cls, Mapping) else None


def _object_frame(value: Any, tag: str, children: tuple[Any, ...], names: tuple[str, ...]) -> Frame:
    return parts_frame(value, tag, children, names, head=class_text(type(value)))


def _enum(value: Any) -> Frame:
    # The name counts, because members may have values that encode alike. The name of a Flag only lists its bits.
    name = None if isinstance(value, Flag) else value._name_
    return _object_frame(value, "enum", (name, value._value_), ("", ".value"))


def _subclass_encoder(cls: type, base: type) -> Callable[[Any], Frame]:
    for between in cls.__mro__[: cls.__mro__.index(base)]:
        if not between.__flags__ & _WRITTEN_IN_PYTHON:
            raise compiled_subclass(cls, base)
    as_base = _AS_BASE[base]

    def encode_subclass(value: Any) -> Frame:
        content, attributes = as_base(value), object.__getstate__(value)
        names = getattr(type(value), "_fields", None)
        if base is tuple and _are_fields(names, len(content)):
            fields = dict(zip(names, content, strict=True))
            return _object_frame(value, "namedtuple", (attributes, fields), ("", ""))
        return _object_frame(value, "subclass", (attributes, content), ("", ""))

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
    return _object_frame(value, "model", (fields, value.model_extra or None), ("", ""))


def _dataclass(value: Any) -> Frame:
    fields = _read(value, (each.name for each in dataclasses.fields(value)))
    return _object_frame(value, "dataclass", (fields,), ("",))


def _attrs(value: Any) -> Frame:
    fields = _read(value, (each.name for each in value.__attrs_attrs__))
    return _object_frame(value, "attrs", (fields,), ("",))


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
    return _object_frame(value, "mapping", (dict(value.items()),), ("",))


def _secret(value: Any) -> Frame:
    begin = f'{{"$secret":[{class_text(type(value))},'
    return Frame(value, (value.get_secret_value(),), _join_to_hash, begin=begin, end="]}", names=("",))


def _join_to_hash(frame: Frame) -> str:
    """Join to a hash: canonical bytes may be shown, so they must not contain a secret."""
    return f'"{sha256(frame.texts[0].encode()).hexdigest()}"'


def _url(value: AnyUrl) -> str:
    return f'{{"$url":[{class_text(type(value))},{quote(str(value))}]}}'
