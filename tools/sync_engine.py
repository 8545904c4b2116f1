"""Write `engine/sync.py`: a blocking method for each public method of `RunEngine`.

Methods that `RunClient` also has are in a separate class, from which `SyncRunClient` inherits them.
`python tools/sync_engine.py` writes the file; with `--check` it fails if the file is out of date.
Signatures and docstrings come from `RunEngine`, so both versions of a method always agree.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "src" / "langgraph_runner"
TARGET = PACKAGE / "engine" / "sync.py"
ENGINE = (("engine/engine.py", "RunEngine"), ("engine/reading/reader.py", "RunReader"))
"""Files and classes of the engine, in the order of the methods in the result."""
CLIENT = (("client/writer.py", "ClientWriter"), ("client/reader.py", "ClientReader"))
BY_HAND = frozenset({"artifact_files", "close", "metrics_collector", "step_cache", "store", "sync"})
"""Public methods without a blocking counterpart: the base class has them, or they make the blocking engine."""
HEAD = '''"""`SyncRunEngine`: the engine for scripts and notebooks. Written by `tools/sync_engine.py`; do not edit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from langgraph_runner.engine.blocking import Blocking, BlockingEngine
{runtime_imports}

if TYPE_CHECKING:
{imports}

__all__ = ["SyncRunEngine", "SyncRunMethods"]


class SyncRunMethods(Blocking):
    """The methods of `SyncRunEngine` and `SyncRunClient`."""

{shared}

class SyncRunEngine(BlockingEngine, SyncRunMethods):
    """Every method of `RunEngine`, blocking; `events()` is an iterator. Thread-safe.

    Make one with `RunEngine.sync(...)`. Close it, or use it as `with`.
    """

{others}
'''


def main() -> int:
    """Write the file, or check it with `--check`."""
    code = formatted(sync_module())
    if "--check" not in sys.argv[1:]:
        TARGET.write_text(code)
    elif TARGET.read_text() != code:
        print(f"{TARGET.relative_to(PACKAGE)} is out of date: run `make sync-engine`.", file=sys.stderr)
        return 1
    return 0


def sync_module() -> str:
    """Return the source of the generated module, before formatting."""
    trees = {file: ast.parse((PACKAGE / file).read_text()) for file, _ in (*ENGINE, *CLIENT)}
    methods = [method for file, name in ENGINE for method in public_methods(trees[file], name)]
    of_client = {method.name for file, name in CLIENT for method in public_methods(trees[file], name)}
    # A default is evaluated when the class is made; annotations are not.
    in_defaults = {
        node.id for method in methods for default in defaults_of(method) for node in ast.walk(default)
        if isinstance(node, ast.Name)
    }  # fmt: skip
    homes: dict[str, str] = {}
    """The module that defines each of these names."""
    imports: list[ast.Import | ast.ImportFrom] = []
    for file, _ in ENGINE:
        here = f"langgraph_runner.{file.removesuffix('.py').replace('/', '.')}"
        homes |= {
            node.target.id: here
            for node in trees[file].body
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        }
        for node in import_nodes(trees[file]):
            if isinstance(node, ast.ImportFrom) and node.module:
                homes |= {alias.name: node.module for alias in node.names}
            node.names = [alias for alias in node.names if alias.name not in in_defaults]
            imports.append(node)
    return HEAD.format(
        runtime_imports="\n".join(f"from {homes[name]} import {name}" for name in sorted(in_defaults)),
        imports="\n".join(f"    {ast.unparse(node)}" for node in imports if node.names),
        shared="\n".join(blocking(each) for each in methods if each.name in of_client),
        others="\n".join(blocking(each) for each in methods if each.name not in of_client),
    )


def public_methods(tree: ast.Module, name: str) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return the methods of a class that have a blocking counterpart."""
    (found,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    return [
        each
        for each in found.body
        if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef))
        and not each.name.startswith("_")
        and each.name not in BY_HAND
    ]


def import_nodes(tree: ast.Module) -> list[ast.Import | ast.ImportFrom]:
    """Return all imports of a module; unused ones are removed later."""
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        and getattr(node, "module", "") not in {"__future__", "typing"}
        and not any(each.name.startswith("Sync") for each in node.names)
    ]


def defaults_of(method: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.expr]:
    """Return the default values of the parameters."""
    return [default for default in (*method.args.defaults, *method.args.kw_defaults) if default is not None]


def blocking(method: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Return the blocking version of a method."""
    returns = ast.unparse(method.returns) if method.returns else "None"
    call = f"self._engine.{method.name}"
    decorator = ""
    if any(ast.unparse(each) == "property" for each in method.decorator_list):
        decorator = "    @property\n"
    else:
        call += f"({arguments(method.args)})"
    if returns.startswith("AsyncGenerator["):
        item = returns.removeprefix("AsyncGenerator[").removesuffix(", None]")
        returns, call = f"Generator[{item}, None, None]", f"self._iterated({call})"
    elif isinstance(method, ast.AsyncFunctionDef):
        call = f"self._call({call})"
    statement = call if returns == "None" else f"return {call}"
    docstring = ast.get_docstring(method, clean=False)
    return (
        f"\n{decorator}    def {method.name}({ast.unparse(method.args)}) -> {returns}:\n"
        f'        """{docstring}"""\n        {statement}\n'
    )


def arguments(parameters: ast.arguments) -> str:
    """Return the arguments with which a method calls the async one."""
    positional = [each.arg for each in (*parameters.posonlyargs, *parameters.args)][1:]
    keywords = [f"{each.arg}={each.arg}" for each in parameters.kwonlyargs]
    rest = [f"**{parameters.kwarg.arg}"] if parameters.kwarg else []
    return ", ".join([*positional, *keywords, *rest])


def formatted(code: str) -> str:
    """Format the source with ruff, and remove unused imports."""
    if "Generator[" in code:
        code = code.replace("import AsyncGenerator", "import AsyncGenerator, Generator", 1)
    ruff = [str(Path(sys.executable).with_name("ruff"))]
    name = ["--stdin-filename", str(TARGET), "-"]
    for step in (["check", "--quiet", "--select", "I,F401", "--fix-only", *name], ["format", *name]):
        code = subprocess.run(  # noqa: S603 - our own tool
            [*ruff, *step], input=code, capture_output=True, text=True, check=True
        ).stdout
    return code


if __name__ == "__main__":
    sys.exit(main())
