"""Cyclomatic complexity of functions: one, and one more for each way to branch.

McCabe, "A Complexity Measure", IEEE Transactions on Software Engineering 2 (1976); the grades are radon's.
"""

import ast
from collections.abc import Iterator

from examples.package_audit.state import FunctionFigures

Function = ast.FunctionDef | ast.AsyncFunctionDef

GRADES = {"A": (1, 5), "B": (6, 10), "C": (11, 20), "D": (21, 30), "E": (31, 40), "F": (41, 10**9)}
"""Grade to the lowest and highest complexity it covers."""

_BRANCHES = (ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler)


def function_figures(tree: ast.Module) -> list[FunctionFigures]:
    """Measure every function and method; a nested function is measured separately."""
    return [
        {
            "name": name,
            "line": function.lineno,
            "lines": (function.end_lineno or function.lineno) - function.lineno + 1,
            "complexity": complexity(function),
        }
        for name, function in named_functions(tree, "")
    ]


def named_functions(parent: ast.AST, prefix: str) -> Iterator[tuple[str, Function]]:
    """Yield all functions, however deep, with their dotted names."""
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, Function):
            yield prefix + node.name, node
        inner = f"{prefix}{node.name}." if isinstance(node, Function | ast.ClassDef) else prefix
        yield from named_functions(node, inner)


def complexity(function: Function) -> int:
    """Compute the cyclomatic complexity of one function."""
    return 1 + sum(branches(node) for node in own_nodes(function))


def branches(node: ast.AST) -> int:
    """Count the branches that one node adds."""
    if isinstance(node, _BRANCHES):
        return 1
    if isinstance(node, ast.BoolOp):
        return len(node.values) - 1
    if isinstance(node, ast.comprehension):
        return 1 + len(node.ifs)
    if isinstance(node, ast.match_case):
        wildcard = isinstance(node.pattern, ast.MatchAs) and node.pattern.pattern is None
        return 0 if wildcard and node.guard is None else 1
    return 0


def own_nodes(parent: ast.AST) -> Iterator[ast.AST]:
    """Walk what belongs to a function itself, not to the functions and classes defined in it."""
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, Function | ast.ClassDef):
            continue
        yield node
        yield from own_nodes(node)


def grade(value: int) -> str:
    """Return the grade of one function."""
    return next(letter for letter, (low, high) in GRADES.items() if low <= value <= high)
