"""`canonical_json()` and `content_hash()`: the entries, and the three encoders, which produce the same text.

1. A large tree of plain JSON is encoded by one call of the json module.
2. Any other value is encoded with recursion, which is fast. This encoder gives up on the first difficulty.
3. Then the iterative encoder runs. It keeps its own stack, so nesting is not limited by Python's, and it knows the
   path to the part that it refuses.
"""

from __future__ import annotations

import json
from hashlib import sha256
from itertools import chain
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any, Final

from langgraph_runner.errors import UnhashableInputError
from langgraph_runner.workflow.hashing.containers import Frame, plain_keys
from langgraph_runner.workflow.hashing.objects import encode_or_open
from langgraph_runner.workflow.hashing.scalars import MAX_INT, SCALARS, is_unicode, quote
from langgraph_runner.workflow.hashing.unhashable import UnhashablePart

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["MAX_DEPTH", "HashRecord", "canonical_json", "content_hash"]

MAX_DEPTH: Final = 500
"""How deeply a value may be nested, in levels of containers. An object with fields is two: itself, and its fields."""

_ROOT: Final = "inputs"
_SLICE: Final = 65_536
_SHOWN_STEPS: Final = 12

_MAX_LEVELS: Final = 50
"""How deep the recursive encoder goes."""
_OUTER_LEVELS: Final = 4
"""Only this near to the root whole trees are tested for plain JSON; deeper down, each would be tested repeatedly."""
_MIN_PLAIN_ITEMS: Final = 16
"""For smaller containers, the test for plain JSON costs more than it saves."""

_ENCODE_PLAIN: Final = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, sort_keys=True, separators=(",", ":")
).encode
_CONTAINERS: Final = frozenset({dict, list})
_PLAIN: Final = frozenset({dict, list, str, int, bool, type(None)})
_TEXT_ONLY: Final = frozenset({str})
_MAX_REPETITION: Final = 3
"""How often the test may meet a container on average. In a value that contains itself, this grows without limit."""

_scalar_encoder = SCALARS.get


def canonical_json(value: Any) -> bytes:
    """Return the canonical encoding of a value: RFC 8785 JSON, with tags for what JSON does not have.

    The docstring of `langgraph_runner.workflow.hashing` has the table. The value is not changed; no other thread may
    change it meanwhile. The encoding contains a pydantic secret only as a hash. Thread-safe.

    Raises:
        UnhashableInputError: A part of the value has no canonical encoding.
    """
    return _encode(value).encode()


def content_hash(value: Any) -> str:
    """Return the SHA-256 of `canonical_json(value)` as 64 lower-case hex digits.

    >>> content_hash({"b": 1, "a": (2, 3)}) == content_hash({"a": (2, 3), "b": 1})
    True
    >>> content_hash([1]) == content_hash([1.0])
    False

    Raises:
        UnhashableInputError: As `canonical_json` does.
    """
    text, hashed = _encode(value), sha256()
    # In slices, because encoding a large text at once would need as much memory again.
    for start in range(0, len(text), _SLICE):
        hashed.update(text[start : start + _SLICE].encode())
    return hashed.hexdigest()


class HashRecord:
    """Computes `content_hash` of a dict of hashes, whose keys are known, from a template. Immutable.

    Args:
        fixed: Entries with the same value each time.
        keys: The keys of the other entries. No key may begin with `$`.

    Raises:
        ValueError: A key begins with `$`.
    """

    def __init__(self, fixed: Mapping[str, str], keys: Iterable[str]) -> None:
        # A `%s` for each value to fill in; any `%` of the texts themselves is doubled.
        texts = dict.fromkeys(keys, "%s")
        for key, value in fixed.items():
            texts[key] = quote(value).replace("%", "%%")
        ordered = plain_keys(texts)
        if ordered is None:
            raise ValueError("A key must not begin with '$'.")
        self._keys = [key for key in ordered if key not in fixed]
        entries = [f"{quote(key).replace('%', '%%')}:{texts[key]}" for key in ordered]
        self._template = f"{{{','.join(entries)}}}"

    def hash_of(self, hashes: Mapping[str, str | None]) -> str:
        """Return the hash of the dict with these values, each 64 hex digits or None."""
        texts: list[str] = []
        for key in self._keys:
            known = hashes[key]
            texts.append("null" if known is None else f'"{known}"')
        return sha256((self._template % tuple(texts)).encode()).hexdigest()


def _encode(root: Any) -> str:
    try:
        return _encode_recursively(root, _MAX_LEVELS)
    except MemoryError:
        raise
    except Exception:
        # Nested deeply, or not hashable: the iterative encoder finds out what is wrong, and where.
        return _encode_iteratively(root)


# Plain JSON: a tree that has only dicts with ASCII text keys without `$`, lists, texts, booleans, None and small
# integers. For such a tree the json module writes what RFC 8785 asks for: both escape the same characters, and ASCII
# keys have one order.


def _encode_plain(root: Any, levels: int) -> str | None:
    """Return the encoding of a dict or a list; None if it is not plain, or has more than `levels` levels."""
    if not _is_plain(root, levels):
        return None
    try:
        text = _ENCODE_PLAIN(root)
    except RecursionError:  # The caller's stack is almost full; the iterative encoder needs little of it.
        return None
    return text if is_unicode(text) else None


def _is_plain(root: Any, levels: int) -> bool:
    # Each round looks at a whole level of the tree at once, which saves a Python call for each value.
    containers, met, seen = [root], 0, set[int]()
    for _ in range(levels):
        met += len(containers)
        seen.update(map(id, containers))
        dicts = [each for each in containers if type(each) is dict]
        if met > _MAX_REPETITION * len(seen) or not _have_plain_keys(dicts):
            return False
        lists = [each for each in containers if type(each) is list]
        items = [*chain.from_iterable(lists), *chain.from_iterable(map(dict.values, dicts))]
        kinds = set(map(type, items))
        if not kinds <= _PLAIN or (int in kinds and not _are_small(items)):
            return False
        if kinds.isdisjoint(_CONTAINERS):
            return True
        containers = [each for each in items if type(each) in _CONTAINERS]
    return False


def _have_plain_keys(dicts: list[dict[Any, Any]]) -> bool:
    keys = [*chain.from_iterable(dicts)]
    if not _TEXT_ONLY.issuperset(map(type, keys)):
        return False
    joined = "".join(keys)
    return joined.isascii() and "$" not in joined


def _are_small(items: list[Any]) -> bool:
    numbers = [each for each in items if type(each) is int]
    return min(numbers) >= -MAX_INT and max(numbers) <= MAX_INT


def _encode_recursively(value: Any, levels: int) -> str:
    """Return the encoding of a value that is nested at most `levels` deep.

    Raises:
        Exception: The iterative encoder has to take over.
    """
    kind = type(value)
    encode = _scalar_encoder(kind)
    if encode is not None:
        return encode(value)
    if not levels:
        raise UnhashablePart("nested deeply", "Use the iterative encoder.")
    if kind is dict:
        keys = plain_keys(value)
        if keys is not None:
            return _encode_if_plain(value, levels) or _encode_object(value, keys, levels)
    elif kind is list:
        return _encode_if_plain(value, levels) or f"[{','.join(_encode_all(value, levels))}]"
    encoded = encode_or_open(value)
    if not isinstance(encoded, Frame):
        return encoded
    encoded.texts = _encode_all(encoded.children, levels)
    return encoded.text()


def _encode_if_plain(value: dict[str, Any] | list[Any], levels: int) -> str | None:
    if len(value) <= _MIN_PLAIN_ITEMS:
        return None
    return _encode_plain(value, levels if levels > _MAX_LEVELS - _OUTER_LEVELS else 1)


def _encode_object(value: dict[str, Any], keys: list[str], levels: int) -> str:
    texts = _encode_all([value[key] for key in keys], levels)
    # Not `quote`, which checks for lone surrogates: sorting the keys has checked them already.
    members = [f"{encode_basestring(key)}:{text}" for key, text in zip(keys, texts, strict=True)]
    return f"{{{','.join(members)}}}"


def _encode_all(children: Iterable[Any], levels: int) -> list[str]:
    # Scalars are encoded here rather than by a recursive call, which would double the time for them.
    return [
        encode(child) if (encode := _scalar_encoder(type(child))) else _encode_recursively(child, levels - 1)
        for child in children
    ]


def _encode_iteratively(root: Any) -> str:
    stack = [Frame(None, (root,), names=(_ROOT,))]
    open_ids: set[int] = set()
    try:
        while True:
            frame = stack[-1]
            inner = _encode_up_to_container(frame)
            if inner is not None:
                _check_nesting(inner, open_ids, len(stack))
                open_ids.add(id(inner.value))
                stack.append(inner)
                continue
            text = frame.text()
            stack.pop()
            if not stack:
                return text
            open_ids.discard(id(frame.value))
            stack[-1].texts.append(text)
    except UnhashablePart as part:
        path = _path(stack) + part.where
        raise UnhashableInputError(path=path, found=part.found, fix=part.fix) from part.__cause__
    except MemoryError:
        raise
    except Exception as error:  # Raised by a method of a user's class.
        found = f"an object that cannot be read ({type(error).__name__})"
        fix = "See the cause; or pass what the step needs of it."
        raise UnhashableInputError(path=_path(stack), found=found, fix=fix) from error


def _encode_up_to_container(frame: Frame) -> Frame | None:
    """Encode the next items of a container, up to the first that is a container; return the frame of that one."""
    for child in frame.children:
        encoded = encode_or_open(child)
        if isinstance(encoded, Frame):
            return encoded
        frame.texts.append(encoded)
    return None


def _check_nesting(inner: Frame, open_ids: set[int], depth: int) -> None:
    if id(inner.value) in open_ids:
        raise UnhashablePart(
            "a value that contains itself (a cycle)", "Pass an id in place of the reference back."
        )
    if depth > MAX_DEPTH:
        raise UnhashablePart(f"nested more than {MAX_DEPTH} levels deep", "Flatten it, or pass it as text.")


def _path(stack: Sequence[Frame]) -> str:
    steps = [frame.label() for frame in stack]
    if len(steps) > _SHOWN_STEPS:
        half = _SHOWN_STEPS // 2
        steps = [*steps[:half], "...", *steps[-half:]]
    return "".join(steps)
