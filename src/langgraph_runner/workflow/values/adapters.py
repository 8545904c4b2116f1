"""`type_adapter()`: pydantic's adapter of a type, made once."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from pydantic import PydanticUndefinedAnnotation, PydanticUserError, TypeAdapter

__all__ = ["type_adapter"]


def type_adapter(annotation: Any) -> TypeAdapter[Any]:
    """Return the adapter of a type; the same one for the same type.

    Raises:
        Exception: pydantic cannot handle the type, or it names something that is not defined.
    """
    try:
        # Equal unions may list their members in another order, which matters when JSON is read. repr() tells them
        # apart.
        return _cached_adapter(annotation, repr(annotation))
    except TypeError:  # The type is not hashable, such as Annotated[int, []].
        return _make_adapter(annotation)


@lru_cache(maxsize=1024)
def _cached_adapter(annotation: Any, _text: str) -> TypeAdapter[Any]:
    return _make_adapter(annotation)


def _make_adapter(annotation: Any) -> TypeAdapter[Any]:
    try:
        adapter = TypeAdapter(annotation)
        adapter.rebuild()
    except (PydanticUserError, PydanticUndefinedAnnotation) as error:
        # The first line says what is wrong. The rest is advice for authors of pydantic types.
        raise ValueError(error.message.partition("\n")[0]) from error
    return adapter
