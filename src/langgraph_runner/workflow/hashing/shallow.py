"""The quick way through a value that is not nested deeply, which most are: by recursion.

It gives up where the walk of `canonical` is needed, and does not say why: that one finds out what is wrong, and
where. Both put a text together in the same way.
"""

from __future__ import annotations

from json.encoder import encode_basestring as quote
from typing import TYPE_CHECKING, Any, Final

from langgraph_runner.workflow.hashing.branch import Branch
from langgraph_runner.workflow.hashing.containers import plain_keys
from langgraph_runner.workflow.hashing.plain import plain_text
from langgraph_runner.workflow.hashing.refusal import Refusal
from langgraph_runner.workflow.hashing.registry import opened
from langgraph_runner.workflow.hashing.scalars import SCALARS

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["SHALLOW_LEVELS", "shallow_text"]

SHALLOW_LEVELS: Final = 50
_OUTER_LEVELS: Final = 4
"""Only near the root whole trees are looked at: further down, each would be looked at again and again."""
_WORTH_A_LOOK: Final = 16
"""Items. Below, to ask whether a container is plain JSON costs more than to walk it."""

_scalar = SCALARS.get


def shallow_text(value: Any, levels: int = SHALLOW_LEVELS) -> str:
    """The encoding of a value of not more than so many levels.

    Raises:
        Exception: The walk has to do it.
    """
    kind = type(value)
    encode = _scalar(kind)
    if encode is not None:
        return encode(value)
    if not levels:
        raise Refusal("nested deeply", "Walk it.")
    if kind is dict:
        keys = plain_keys(value)
        if keys is not None:
            return _plain_text(value, levels) or _object_text(value, keys, levels)
    elif kind is list:
        return _plain_text(value, levels) or f"[{','.join(_texts(value, levels))}]"
    inner = opened(value)
    if not isinstance(inner, Branch):
        return inner
    inner.texts = _texts(inner.children, levels)
    return inner.text()


def _plain_text(value: dict[str, Any] | list[Any], levels: int) -> str | None:
    if len(value) <= _WORTH_A_LOOK:
        return None
    return plain_text(value, levels if levels > SHALLOW_LEVELS - _OUTER_LEVELS else 1)


def _object_text(value: dict[str, Any], keys: list[str], levels: int) -> str:
    texts = _texts([value[key] for key in keys], levels)
    # The keys are known to be Unicode, having been sorted.
    return f"{{{','.join([f'{quote(key)}:{text}' for key, text in zip(keys, texts, strict=True)])}}}"


def _texts(children: Iterable[Any], levels: int) -> list[str]:
    return [
        encode(child) if (encode := _scalar(type(child))) else shallow_text(child, levels - 1)
        for child in children
    ]
