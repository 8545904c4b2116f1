"""injection.py as with `from __future__ import annotations`: annotations are strings."""

import __future__

from pathlib import Path

from tests.transparency.graphs import injection

_FILE = Path(injection.__file__)
_CODE = compile(
    _FILE.read_text(encoding="utf-8"), str(_FILE), "exec", flags=__future__.annotations.compiler_flag
)
exec(_CODE, globals())  # noqa: S102 - the code is ours
