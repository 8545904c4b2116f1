"""The annotations and the signature of a function whose annotations may name what is defined later.

Python 3.14 computes annotations when they are read (PEP 649). A decorator reads them while the module is still
executed, so it takes a `ForwardRef` for a name that is not defined yet; LangGraph resolves it in `add_node()`.
"""

from __future__ import annotations

import functools
import inspect
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["annotations_of", "signature_of"]

annotations_of: Callable[[Any], dict[str, Any]]
signature_of: Callable[[Callable[..., Any]], inspect.Signature]

if sys.version_info >= (3, 14):
    import annotationlib

    annotations_of = functools.partial(annotationlib.get_annotations, format=annotationlib.Format.FORWARDREF)
    signature_of = functools.partial(inspect.signature, annotation_format=annotationlib.Format.FORWARDREF)
else:
    annotations_of = inspect.get_annotations
    signature_of = inspect.signature
