"""Write `engine/sync.py`: `SyncRunEngine`, with a blocking method for each public method of `RunEngine`.

`python tools/sync_engine.py` writes the file; with `--check` it fails if the file is not up to date.
Signatures and docstrings are taken from the source, so both classes always have the same ones.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "src" / "langgraph_runner" / "engine"
TARGET = FOLDER / "sync.py"
# In the order of their methods in the result.
SOURCES = (("engine.py", "RunEngine"), ("reading.py", "RunReader"))
# What `BlockingEngine` has, what makes this class, and what is for the service only.
BY_HAND = {"close", "metrics_collector", "store", "sync"}

HEAD = '''"""`SyncRunEngine`: the engine for scripts and notebooks. Written by `tools/sync_engine.py`; do not edit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from langgraph_runner.engine.blocking import BlockingEngine
{runtime_imports}

if TYPE_CHECKING:
{imports}

__all__ = ["SyncRunEngine"]


class SyncRunEngine(BlockingEngine):
    """Every method of `RunEngine`, blocking; `events()` is an iterator. Thread-safe.

    Make one with `RunEngine.sync(...)`. Close it, or use it as `with`.
    """
'''


def main() -> int:
    """Write the file, or check it."""
    code = formatted(sync_module())
    if "--check" not in sys.argv[1:]:
        TARGET.write_text(code)
    elif not TARGET.exists() or TARGET.read_text() != code:
        print(f"{TARGET.name} is not up to date: run python tools/sync_engine.py", file=sys.stderr)
        return 1
    return 0


def sync_module() -> str:
    """The source of the module, before formatting."""
    trees = [(ast.parse((FOLDER / file).read_text()), name) for file, name in SOURCES]
    methods = [method for tree, name in trees for method in public_methods(class_named(tree, name))]
    # A default is evaluated when the class is made; annotations are not.
    in_defaults = {
        node.id for method in methods for default in defaults_of(method) for node in ast.walk(default)
        if isinstance(node, ast.Name)
    }  # fmt: skip
    defined_here = {
        target.id: f"langgraph_runner.engine.{file.removesuffix('.py')}"
        for (tree, _), (file, _) in zip(trees, SOURCES, strict=True)
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and isinstance(target := node.target, ast.Name)
    }
    at_run_time = in_defaults & defined_here.keys()
    imports = [node for tree, _ in trees for node in import_nodes(tree)]
    for node in imports:
        node.names = [alias for alias in node.names if alias.name not in at_run_time]
    head = HEAD.format(
        runtime_imports="\n".join(f"from {defined_here[name]} import {name}" for name in sorted(at_run_time)),
        imports="\n".join(f"    {ast.unparse(node)}" for node in imports if node.names),
    )
    return head + "\n".join(blocking(method) for method in methods)


def class_named(tree: ast.Module, name: str) -> ast.ClassDef:
    """The class of that name."""
    return next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)


def public_methods(node: ast.ClassDef) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The methods to be written."""
    return [
        each
        for each in node.body
        if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef))
        and not each.name.startswith("_")
        and each.name not in BY_HAND
    ]


def import_nodes(tree: ast.Module) -> list[ast.Import | ast.ImportFrom]:
    """All imports of a module; those that the result does not use are removed later."""
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        and getattr(node, "module", "") not in {"__future__", "typing", "langgraph_runner.engine.sync"}
    ]


def defaults_of(method: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.expr]:
    """The default values of the parameters."""
    return [default for default in (*method.args.defaults, *method.args.kw_defaults) if default is not None]


def blocking(method: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """The same method, blocking."""
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
    """How a method hands on what it was given."""
    positional = [each.arg for each in (*parameters.posonlyargs, *parameters.args)][1:]
    keywords = [f"{each.arg}={each.arg}" for each in parameters.kwonlyargs]
    rest = [f"**{parameters.kwarg.arg}"] if parameters.kwarg else []
    return ", ".join([*positional, *keywords, *rest])


def formatted(code: str) -> str:
    """As ruff writes it, without the imports that nothing uses."""
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
