"""Write `SyncRunEngine` and `SyncRunClient`: a blocking method for each public method of `RunEngine` and `RunClient`.

`python tools/sync_engine.py` writes both files; with `--check` it fails if one is out of date.
Signatures and docstrings come from the async classes, so both versions of a class always agree.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "src" / "langgraph_runner"


@dataclass(frozen=True)
class Form:
    """A blocking class to generate."""

    folder: str
    sources: tuple[tuple[str, str], ...]
    """Files of the async classes, in the order of the methods in the result."""
    by_hand: frozenset[str]
    """Public methods without a blocking counterpart: the base class has them, or they make the blocking class."""
    inner: str
    """The attribute of the base class that holds the async object."""
    head: str

    @property
    def target(self) -> Path:
        """The generated file."""
        return PACKAGE / self.folder / "sync.py"


HEAD = '''"""`{name}`: {what} for scripts and notebooks. Written by `tools/sync_engine.py`; do not edit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from langgraph_runner.{base_module} import {base}
{{runtime_imports}}

if TYPE_CHECKING:
{{imports}}

__all__ = ["{name}"]


class {name}({base}):
    """Every method of `{of}`, blocking; `events()` is an iterator. Thread-safe.

    Make one with `{of}.sync(...)`. Close it, or use it as `with`.
    """
'''

FORMS = (
    Form(
        folder="engine",
        sources=(("engine.py", "RunEngine"), ("reading/reader.py", "RunReader")),
        by_hand=frozenset({"artifact_files", "close", "metrics_collector", "step_cache", "store", "sync"}),
        inner="_engine",
        head=HEAD.format(
            name="SyncRunEngine",
            what="the engine",
            of="RunEngine",
            base="BlockingEngine",
            base_module="engine.blocking",
        ),
    ),
    Form(
        folder="client",
        sources=(("writer.py", "ClientWriter"), ("reader.py", "ClientReader")),
        by_hand=frozenset({"close"}),
        inner="_client",
        head=HEAD.format(
            name="SyncRunClient",
            what="the client",
            of="RunClient",
            base="BlockingClient",
            base_module="client.blocking",
        ),
    ),
)


def main() -> int:
    """Write the files, or check them with `--check`."""
    status = 0
    for form in FORMS:
        code = formatted(form, sync_module(form))
        if "--check" not in sys.argv[1:]:
            form.target.write_text(code)
        elif not form.target.exists() or form.target.read_text() != code:
            name = form.target.relative_to(PACKAGE)
            print(f"{name} is out of date: run `make sync-engine`.", file=sys.stderr)
            status = 1
    return status


def sync_module(form: Form) -> str:
    """Return the source of a generated module, before formatting."""
    trees = [
        (ast.parse((PACKAGE / form.folder / file).read_text()), file, name) for file, name in form.sources
    ]
    methods = [
        method for tree, _, name in trees for method in public_methods(class_named(tree, name), form.by_hand)
    ]
    # A default is evaluated when the class is made; annotations are not.
    in_defaults = {
        node.id for method in methods for default in defaults_of(method) for node in ast.walk(default)
        if isinstance(node, ast.Name)
    }  # fmt: skip
    homes: dict[str, str] = {}
    """Return the module that defines each of these names."""
    imports: list[ast.Import | ast.ImportFrom] = []
    for tree, file, _ in trees:
        here = f"langgraph_runner.{form.folder}.{file.removesuffix('.py')}"
        homes |= {
            node.target.id: here
            for node in tree.body
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        }
        for node in import_nodes(tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                homes |= {alias.name: node.module for alias in node.names}
            node.names = [alias for alias in node.names if alias.name not in in_defaults]
            imports.append(node)
    head = form.head.format(
        runtime_imports="\n".join(f"from {homes[name]} import {name}" for name in sorted(in_defaults)),
        imports="\n".join(f"    {ast.unparse(node)}" for node in imports if node.names),
    )
    return head + "\n".join(blocking(method, form.inner) for method in methods)


def class_named(tree: ast.Module, name: str) -> ast.ClassDef:
    """Return the class of this name."""
    return next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)


def public_methods(
    node: ast.ClassDef, by_hand: frozenset[str]
) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return the methods to generate."""
    return [
        each
        for each in node.body
        if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef))
        and not each.name.startswith("_")
        and each.name not in by_hand
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


def blocking(method: ast.FunctionDef | ast.AsyncFunctionDef, inner: str) -> str:
    """Return the blocking version of a method."""
    returns = ast.unparse(method.returns) if method.returns else "None"
    call = f"self.{inner}.{method.name}"
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


def formatted(form: Form, code: str) -> str:
    """Format the source with ruff, and remove unused imports."""
    if "Generator[" in code:
        code = code.replace("import AsyncGenerator", "import AsyncGenerator, Generator", 1)
    ruff = [str(Path(sys.executable).with_name("ruff"))]
    name = ["--stdin-filename", str(form.target), "-"]
    for step in (["check", "--quiet", "--select", "I,F401", "--fix-only", *name], ["format", *name]):
        code = subprocess.run(  # noqa: S603 - our own tool
            [*ruff, *step], input=code, capture_output=True, text=True, check=True
        ).stdout
    return code


if __name__ == "__main__":
    sys.exit(main())
