"""Read one Python file and measure it. Nothing is imported or run."""

import ast
import base64
import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from examples.package_audit.complexity import function_figures
from examples.package_audit.state import ImportStatement, ModuleFigures, ParseTask, SourceFile, When

# Before Python 3.11.8 all threads share one counter for the depth of the tree, so parallel parsers may fail with a
# SystemError. The lock costs no time, because the parser holds the interpreter's lock anyway. A library may still
# run a parser in another thread, so the graph retries.
_PARSER = threading.Lock()

Documentable = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def parse_module(task: ParseTask) -> dict[str, Any]:
    """Read and measure one file.

    Raises:
        OSError: The file cannot be read.
        SyntaxError: It is not Python, or not in the encoding it claims.
    """
    source = task["source"]
    content = Path(task["root"], source["path"]).read_bytes()
    return {"parsed": {source["module"]: measured(source, content)}}


def measured(source: SourceFile, content: bytes) -> ModuleFigures:
    """Measure the content of one file."""
    tree = parsed(source, content)
    documentable = dict(documentable_things(tree))
    return {
        "module": source["module"],
        "path": source["path"],
        **line_counts(content, tree),  # type: ignore[typeddict-item]
        "functions": function_figures(tree),
        "documentable": len(documentable),
        "undocumented": [name for name, thing in documentable.items() if ast.get_docstring(thing) is None],
        "imports": list(import_statements(tree, source)),
        "altered": bool(source["sha256"]) and source["sha256"] != record_digest(content),
    }


def parsed(source: SourceFile, content: bytes) -> ast.Module:
    """Parse the source; a SyntaxError has the whole path."""
    try:
        with _PARSER:
            return ast.parse(content, filename=source["path"])
    except SyntaxError as error:
        raise SyntaxError(f"{source['path']}, line {error.lineno}: {error.msg}") from None
    except ValueError as error:  # null bytes, before Python 3.12
        raise SyntaxError(f"{source['path']}: {error}") from None


def record_digest(content: bytes) -> str:
    """Return the digest as ``RECORD`` writes it: url-safe base64 without padding."""
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def line_counts(content: bytes, tree: ast.Module) -> dict[str, int]:
    """Count lines of code, comment, docstring and blank ones."""
    lines = content.splitlines()
    docstring = {
        number for doc in docstrings(tree) for number in range(doc.lineno, (doc.end_lineno or 0) + 1)
    }
    rest = [line.strip() for number, line in enumerate(lines, start=1) if number not in docstring]
    blank = sum(not line for line in rest)
    comment = sum(line.startswith(b"#") for line in rest)
    return {
        "lines": len(lines),
        "code": len(rest) - blank - comment,
        "comment": comment,
        "docstring": len(lines) - len(rest),
        "blank": blank,
    }


def docstrings(tree: ast.Module) -> Iterator[ast.expr]:
    """Yield the docstring of everything that has one."""
    for node in ast.walk(tree):
        if isinstance(node, Documentable) and ast.get_docstring(node, clean=False) is not None:
            yield cast("ast.Expr", node.body[0]).value


def documentable_things(tree: ast.Module) -> Iterator[tuple[str, Documentable]]:
    """Yield the module and its public classes, functions and methods, with their dotted names."""
    yield "(module)", tree
    yield from public_definitions(tree, "")


def public_definitions(parent: ast.Module | ast.ClassDef, prefix: str) -> Iterator[tuple[str, Documentable]]:
    """Yield public definitions, also inside public classes, but no overloads and setters, which repeat others."""
    for node in definitions(parent):
        if node.name.startswith("_") or any(repeats(decorator) for decorator in node.decorator_list):
            continue
        yield prefix + node.name, node
        if isinstance(node, ast.ClassDef):
            yield from public_definitions(node, f"{prefix}{node.name}.")


def definitions(parent: ast.AST) -> Iterator[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield the definitions in a module or class, also conditional ones, but not those inside functions."""
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
        elif isinstance(node, ast.If | ast.Try | ast.TryStar | ast.ExceptHandler | ast.With):
            yield from definitions(node)


def repeats(decorator: ast.expr) -> bool:
    """Return whether a decorator marks an overload or a setter, which is documented elsewhere."""
    name = decorator.attr if isinstance(decorator, ast.Attribute) else getattr(decorator, "id", "")
    return name in {"overload", "setter", "deleter", "override"}


def import_statements(tree: ast.Module, source: SourceFile) -> Iterator[ImportStatement]:
    """Yield every import statement, and when it runs."""
    package = source["module"].split(".")
    if not source["path"].endswith("__init__.py"):
        package = package[:-1]
    for node, when in timed(tree, "always"):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield {"module": alias.name, "names": [], "when": when}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield {"module": module, "names": [alias.name for alias in node.names], "when": when}


def timed(node: ast.AST, when: When) -> Iterator[tuple[ast.AST, When]]:
    """Walk the tree and yield each node with the time when it runs; the outermost condition decides."""
    for child in ast.iter_child_nodes(node):
        yield child, when
        yield from timed(child, moment(child) if when == "always" else when)


def moment(node: ast.AST) -> When:
    """Return when the body of a node runs."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return "deferred"
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return "typing"
    return "guarded" if isinstance(node, ast.If | ast.Try | ast.TryStar) else "always"
