"""Packages that import a name when it is first used.

The `__init__.pyi` beside a package's `__init__.py` lists its public names, once each, as ordinary imports.
Type checkers, editors and documentation tools read that file, and so does `lazy_names()` here, so that a
name cannot be in one place and missing in the other. Importing a package therefore loads none of its modules.
This is the scheme of SPEC 1 of Scientific Python, "Lazy Loading of Submodules and Functions".
"""

from __future__ import annotations

import ast
import sys
from importlib import import_module
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

__all__ = ["lazy_names"]

_EXTRAS: Final = {
    "alembic": "engine",
    "bullmq": "bullmq",
    "fsspec": "fsspec",
    "httpx": "client",
    "redis": "redis",
    "sqlalchemy": "engine",
}
"""The libraries of an extra, with the extra."""


def lazy_names(
    package: str, *, not_in_all: Collection[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Make the `__getattr__`, `__dir__` and `__all__` of a package from its `__init__.pyi`.

    Args:
        package: The `__name__` of the package that calls this.
        not_in_all: Modules whose names need an extra. `from package import *` leaves them out, because it
            must work without the extra.

    Returns:
        What the package assigns to `__getattr__`, `__dir__` and `__all__`.
    """
    namespace = vars(sys.modules[package])
    sources = _sources(namespace, package)

    def get(name: str) -> Any:
        if name not in sources:
            raise AttributeError(f"module {package!r} has no attribute {name!r}.{_hint(name, sources)}")
        module, original = sources[name]
        try:
            value = getattr(import_module(module), original)
        except ModuleNotFoundError as error:
            extra = _EXTRAS.get((error.name or "").partition(".")[0])
            if extra is None:
                raise
            raise ModuleNotFoundError(
                f"{name} needs the extra '{extra}': pip install 'langgraph-runner[{extra}]'", name=error.name
            ) from error
        namespace[name] = value  # From now on Python finds it without asking here.
        return value

    def names() -> list[str]:
        return sorted({*namespace, *sources} - {"lazy_names"})

    in_all = (name for name, (module, _) in sources.items() if module not in not_in_all)
    return get, names, sorted(in_all, key=lambda name: (not name.isupper(), name))


def _sources(namespace: dict[str, Any], package: str) -> dict[str, tuple[str, str]]:
    """Each public name with its module and its name there."""
    stub = str(PurePath(namespace["__file__"]).with_name("__init__.pyi"))
    # The loader can read from a zip archive too.
    tree = ast.parse(namespace["__spec__"].loader.get_data(stub), stub)
    sources = {
        alias.asname or alias.name: (node.module, alias.name)
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    for name, (module, _) in sources.items():
        if module == f"{package}.{name}":
            # Python binds a module in its package when it is imported, and then nobody calls __getattr__.
            raise ImportError(f"{stub}: the module {module} hides the name {name}. Rename the module.")
    return sources


def _hint(name: str, known: Collection[str]) -> str:
    if name.startswith("__"):  # Tools ask for these all the time and print no message.
        return ""
    from langgraph_runner.errors.hints import did_you_mean  # noqa: PLC0415 - only for a message

    return did_you_mean(name, known)
