"""`canonical_json()` and `content_hash()`, and the iterative encoder for values of any depth.

The recursive encoder in `recursive` is faster and handles most values. Where it gives up, `_encode_iteratively` runs:
it keeps its own stack, so nesting is not limited by Python's, and it knows the path to the part that it refuses.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from langgraph_runner.errors import UnhashableInputError
from langgraph_runner.workflow.hashing.frame import Frame, join_items, name_label
from langgraph_runner.workflow.hashing.recursive import encode_recursively
from langgraph_runner.workflow.hashing.registry import encode_or_open
from langgraph_runner.workflow.hashing.unhashable import UnhashablePart

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MAX_DEPTH", "canonical_json", "content_hash"]

MAX_DEPTH: Final = 500
"""How deeply a value may be nested, in levels of containers. An object with fields is two: itself, and its fields."""

_ROOT: Final = "inputs"
_SLICE: Final = 65_536
_SHOWN_STEPS: Final = 12


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


def _encode(root: Any) -> str:
    try:
        return encode_recursively(root)
    except MemoryError:
        raise
    except Exception:
        # Nested deeply, or not hashable: the iterative encoder finds out what is wrong, and where.
        return _encode_iteratively(root)


def _encode_iteratively(root: Any) -> str:
    stack = [Frame(None, (root,), join_items, name_label, names=(_ROOT,))]
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
