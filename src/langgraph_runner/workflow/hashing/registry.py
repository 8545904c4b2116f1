"""Which encoder a value gets: by its exact type, else a registered one, else by the kind of its class."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import WeakKeyDictionary

from pydantic import AnyUrl, BaseModel, Secret, SecretBytes, SecretStr

from langgraph_runner.workflow.hashing.containers import CONTAINERS, class_text, parts_frame
from langgraph_runner.workflow.hashing.objects import class_encoder
from langgraph_runner.workflow.hashing.scalars import SCALARS
from langgraph_runner.workflow.hashing.unhashable import unhashable_part

if TYPE_CHECKING:
    from collections.abc import Callable

    from langgraph_runner.workflow.hashing.frame import Frame

__all__ = ["RESERVED_TAGS", "encode_or_open", "register_encoding"]

T = TypeVar("T")

RESERVED_TAGS: Final = frozenset(
    [
        "attrs",
        "bytearray",
        "bytes",
        "complex",
        "dataclass",
        "date",
        "datetime",
        "decimal",
        "defaultdict",
        "deque",
        "dict",
        "enum",
        "float",
        "fraction",
        "frozenset",
        "int",
        "ip",
        "mapping",
        "model",
        "namedtuple",
        "offset",
        "ordereddict",
        "path",
        "pattern",
        "range",
        "secret",
        "set",
        "subclass",
        "time",
        "timedelta",
        "tuple",
        "url",
        "uuid",
        "zone",
    ]
)
"""The tags of built-in encodings."""
_TAG: Final = re.compile(r"[a-z][a-z0-9_.-]*")
_FIXED: Final = frozenset(
    {*SCALARS, *CONTAINERS, object, type, BaseModel, AnyUrl, Secret, SecretBytes, SecretStr}
)

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
            encoder = _registered_encoder(cls) or class_encoder(cls)
            if encoder is None:
                raise unhashable_part(value)
            _encoders[cls] = encoder
    return encoder(value)


def _registered_encoder(cls: type) -> Callable[[Any], Frame] | None:
    for base in cls.__mro__:
        if base in _registered:
            tag, encode = _registered[base]
            return lambda value: parts_frame(
                value, tag, (encode(value),), ("",), head=class_text(type(value))
            )
    return None
