"""The annotations and the signature of a function, also if its annotations contain undefined names.

Python 3.14 computes annotations when they are read (PEP 649). A decorator reads them while the module is still
executed, and a type may exist for type checkers only, so an undefined name is read as a `ForwardRef`.
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
    from annotationlib import Format, get_annotations

    annotations_of = functools.partial(get_annotations, format=Format.FORWARDREF)
    signature_of = functools.partial(inspect.signature, annotation_format=Format.FORWARDREF)
else:
    annotations_of = inspect.get_annotations
    signature_of = inspect.signature
