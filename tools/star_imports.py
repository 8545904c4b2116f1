"""An extension of griffe, which reads the package for the reference in the docs: it follows `import *` of our stub.

griffe does not re-export names that another stub imports as `X as X`; type checkers and `_lazy.py` do.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import griffe


class StarImports(griffe.Extension):
    """Adds to each package the names of the packages that its `__init__.pyi` imports with `import *`."""

    def on_package(self, *, pkg: griffe.Module, **_options: Any) -> None:
        """Add them once the package is loaded, with all its modules and stubs."""
        stub = Path(str(pkg.filepath)).with_name("__init__.pyi")
        for node in ast.parse(stub.read_text()).body if stub.is_file() else ():
            if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
                inner = pkg[str(node.module).removeprefix(f"{pkg.path}.")]
                for name, member in inner.members.items():
                    if member.is_alias and name != "lazy_names":
                        pkg.set_member(name, griffe.Alias(name, f"{inner.path}.{name}"))
