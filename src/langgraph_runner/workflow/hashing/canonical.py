"""The canonical bytes of a value, and the walk through values of any depth.

The walk keeps a stack of its own, so that depth costs memory and never the stack of Python, and so that it knows
the path to what is wrong. It is asked only where the quick way has given up.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from langgraph_runner.errors import UnhashableInputError
from langgraph_runner.workflow.hashing.branch import Branch, by_name, in_sequence
from langgraph_runner.workflow.hashing.refusal import Refusal
from langgraph_runner.workflow.hashing.registry import opened
from langgraph_runner.workflow.hashing.shallow import shallow_text

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MAX_DEPTH", "canonical_json", "content_hash"]

MAX_DEPTH: Final = 500
"""Levels of containers that a value may have. An object with fields is two: itself, and its fields."""

_ROOT: Final = "inputs"
_SLICE: Final = 65_536
_SHOWN_STEPS: Final = 12


def canonical_json(value: Any) -> bytes:
    """The canonical encoding of a value: RFC 8785 JSON, in which what JSON does not have is tagged.

    The table is in the docstring of `langgraph_runner.workflow.hashing`. The value is not changed; nobody may
    change it meanwhile. A pydantic secret is in it as a hash. Thread-safe.

    Raises:
        UnhashableInputError: Something in it has no content that could be told.
    """
    return _encoding(value).encode()


def content_hash(value: Any) -> str:
    """The SHA-256 of `canonical_json(value)`, as 64 lower-case hex digits.

    >>> content_hash({"b": 1, "a": (2, 3)}) == content_hash({"a": (2, 3), "b": 1})
    True
    >>> content_hash([1]) == content_hash([1.0])
    False

    Raises:
        UnhashableInputError: As `canonical_json` does.
    """
    text, hashed = _encoding(value), sha256()
    for start in range(0, len(text), _SLICE):  # A copy of a large text as bytes would be as large again.
        hashed.update(text[start : start + _SLICE].encode())
    return hashed.hexdigest()


def _encoding(root: Any) -> str:
    try:
        return shallow_text(root)
    except MemoryError:
        raise
    except Exception:  # Nested deeply, or wrong somewhere: the walk will say what, and where.
        return _walked(root)


def _walked(root: Any) -> str:
    stack = [Branch(None, (root,), in_sequence, by_name, names=(_ROOT,))]
    walked: set[int] = set()
    try:
        while True:
            branch = stack[-1]
            inner = _next_branch(branch)
            if inner is not None:
                _check(inner, walked, len(stack))
                walked.add(id(inner.value))
                stack.append(inner)
                continue
            text = branch.text()
            stack.pop()
            if not stack:
                return text
            walked.discard(id(branch.value))
            stack[-1].texts.append(text)
    except Refusal as refusal:
        path = _path(stack) + refusal.where
        raise UnhashableInputError(path=path, found=refusal.found, fix=refusal.fix) from refusal.__cause__
    except MemoryError:
        raise
    except Exception as error:  # Whatever the code of somebody's class has raised.
        found = f"an object that cannot be read ({type(error).__name__})"
        fix = "See the cause; or pass what the step needs of it."
        raise UnhashableInputError(path=_path(stack), found=found, fix=fix) from error


def _next_branch(branch: Branch) -> Branch | None:
    """Encode the children of a branch up to the first that has children of its own; give that one."""
    for child in branch.children:
        inner = opened(child)
        if isinstance(inner, Branch):
            return inner
        branch.texts.append(inner)
    return None


def _check(inner: Branch, walked: set[int], depth: int) -> None:
    if id(inner.value) in walked:
        raise Refusal("a value that contains itself (a cycle)", "Pass an id in place of the reference back.")
    if depth > MAX_DEPTH:
        raise Refusal(f"nested more than {MAX_DEPTH} levels deep", "Flatten it, or pass it as text.")


def _path(stack: Sequence[Branch]) -> str:
    steps = [branch.step() for branch in stack]
    if len(steps) > _SHOWN_STEPS:
        half = _SHOWN_STEPS // 2
        steps = [*steps[:half], "...", *steps[-half:]]
    return "".join(steps)
