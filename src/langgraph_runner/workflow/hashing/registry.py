"""Which rule opens a value: by its exact type, by an encoding that somebody has registered, by its kind of class."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import WeakKeyDictionary

from pydantic import AnyUrl, BaseModel, Secret, SecretBytes, SecretStr

from langgraph_runner.workflow.hashing.containers import CONTAINERS, class_text, parts
from langgraph_runner.workflow.hashing.objects import opener_of
from langgraph_runner.workflow.hashing.refusal import refusal_of
from langgraph_runner.workflow.hashing.scalars import SCALARS

if TYPE_CHECKING:
    from collections.abc import Callable

    from langgraph_runner.workflow.hashing.branch import Branch

__all__ = ["RESERVED_TAGS", "opened", "register_encoding"]

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
"""The tags of the package itself."""
_TAG: Final = re.compile(r"[a-z][a-z0-9_.-]*")
_FIXED: Final = frozenset(
    {*SCALARS, *CONTAINERS, object, type, BaseModel, AnyUrl, Secret, SecretBytes, SecretStr}
)

_registered: dict[type, tuple[str, Callable[[Any], Any]]] = {}
_openers: WeakKeyDictionary[type, Callable[[Any], Branch | str]] = WeakKeyDictionary()
_lock = threading.RLock()  # Held while ABCs are asked, which may run others' code.


def register_encoding(cls: type[T], tag: str, encode: Callable[[T], Any]) -> None:
    """Say what of a class counts, so that its values, and those of its subclasses, can be hashed.

    It goes before what the package itself would do with a dataclass or a model. Register when the module of the
    class is imported: in every process, before anything is hashed. Thread-safe.

    Args:
        cls: The class.
        tag: The name of the encoding, such as `ndarray`: a lower-case letter, then letters, digits, `_`, `.`, `-`.
            It stands in the encoding, so a new one invalidates what was cached.
        encode: Gives for a value all that tells it from others, as any value that can be hashed itself. The class
            of the value is added. It has to give the same in every process; what it raises becomes an
            `UnhashableInputError`.

    Raises:
        ValueError: The tag is reserved, taken or malformed; or the class has an encoding already, or is one of
            those that the package gives one.
        TypeError: `cls` is no class, or `encode` no function.
    """
    if not isinstance(cls, type) or not callable(encode):
        raise TypeError("register_encoding: a class, a tag and a function")
    if not _TAG.fullmatch(tag):
        raise ValueError(f"tag: a lower-case letter, then letters, digits, '_', '.' or '-'; not {tag!r}")
    if tag in RESERVED_TAGS:
        raise ValueError(f"tag: {tag!r} is one of the package's own")
    if cls in _FIXED:
        raise ValueError(f"cls: {cls.__qualname__} has an encoding of the package's own")
    with _lock:
        if cls in _registered:
            raise ValueError(f"cls: {cls.__qualname__} is registered already, as {_registered[cls][0]!r}")
        if any(tag == taken for taken, _ in _registered.values()):
            raise ValueError(f"tag: {tag!r} is taken")
        _registered[cls] = (tag, encode)
        _openers.clear()


def opened(value: Any) -> Branch | str:
    """The encoding of a value, or, if it holds others, the level of the walk that makes it.

    Raises:
        Refusal: It has none.
    """
    cls = type(value)
    opener = SCALARS.get(cls) or CONTAINERS.get(cls) or _openers.get(cls)
    if opener is None:
        with _lock:
            opener = _registered_opener(cls) or opener_of(cls)
            if opener is None:
                raise refusal_of(value)
            _openers[cls] = opener
    return opener(value)


def _registered_opener(cls: type) -> Callable[[Any], Branch] | None:
    for base in cls.__mro__:
        if base in _registered:
            tag, encode = _registered[base]
            return lambda value: parts(value, tag, (encode(value),), ("",), head=class_text(type(value)))
    return None
