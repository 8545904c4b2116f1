"""Packages that import a name when it is first used.

The `__init__.pyi` beside the `__init__.py` of a package lists its public names, as ordinary imports. Type checkers,
editors and documentation tools read that file, and `lazy_names()` reads it, too, so that the two never differ.
Importing a package therefore loads none of its modules.
This is the scheme of SPEC 1 of Scientific Python, "Lazy Loading of Submodules and Functions".

Each name is in one stub. The stub of `langgraph_runner` takes over those of its packages with `import *`, so every
name in one of these is public. In all other lines type checkers require the form `from module import X as X`: a stub
does not export a name that is imported in another way (PEP 484).
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
"""The extra that installs a library."""


def lazy_names(
    package: str, *, not_in_all: Collection[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Make the `__getattr__`, `__dir__` and `__all__` of a package from its `__init__.pyi`.

    Args:
        package: The `__name__` of the package that calls this.
        not_in_all: Modules whose names need an extra. `from package import *` leaves them out, because it
            must work without the extra.

    Returns:
        The values for `__getattr__`, `__dir__` and `__all__` of the package.
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
        namespace[name] = value  # From now on Python finds it without calling this function.
        return value

    def names() -> list[str]:
        return sorted({*namespace, *sources} - {"lazy_names"})

    in_all = (name for name, (module, _) in sources.items() if module not in not_in_all)
    return get, names, sorted(in_all, key=lambda name: (not name.isupper(), name))


def _sources(namespace: dict[str, Any], package: str) -> dict[str, tuple[str, str]]:
    """Return each public name of the package, with its module and its name there."""
    folder = PurePath(namespace["__file__"]).parent
    sources: dict[str, tuple[str, str]] = {}
    for module, name, original in _imports(namespace["__spec__"].loader, folder / "__init__.pyi"):
        if name != "*":
            sources[name] = (module, original)
            continue
        inner = folder.joinpath(*module.removeprefix(f"{package}.").split("."))
        for _, inner_name, _ in _imports(namespace["__spec__"].loader, inner / "__init__.pyi"):
            sources[inner_name] = (module, inner_name)
    for name, (module, _) in sources.items():
        if module == f"{package}.{name}":
            # Python binds a module in its package when it is imported, and then does not call __getattr__.
            raise ImportError(f"{folder}: the module {module} hides the name {name}. Rename the module.")
    return sources


def _imports(loader: Any, stub: PurePath) -> list[tuple[str, str, str]]:
    """Return each name that the stub imports: its module, its name here, and its name there."""
    # The loader can read from a zip archive, too.
    tree = ast.parse(loader.get_data(str(stub)), str(stub))
    return [
        (node.module, alias.asname or alias.name, alias.name)
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    ]


def _hint(name: str, known: Collection[str]) -> str:
    if name.startswith("__"):  # Tools ask for these all the time and print no message.
        return ""
    from langgraph_runner.errors.hints import did_you_mean  # noqa: PLC0415 - only for a message

    return did_you_mean(name, known)
