"""An extension of griffe, which reads the package for the reference in the docs: it shows `Example:` as code.

griffe knows only the heading `Examples:`. It would render the text after `Example:` as a quotation.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

HEADING = re.compile(r"^Example:$", re.MULTILINE)


class DocstringExamples(griffe.Extension):
    """Replaces the heading in each docstring."""

    def on_object(self, *, obj: griffe.Object, **_options: Any) -> None:
        """Replace it in the docstring of one object."""
        if obj.docstring is not None:
            obj.docstring.value = HEADING.sub("Examples:", obj.docstring.value)
