"""Sums over all parsed modules."""

from collections import defaultdict
from typing import Any

from examples.package_audit.complexity import GRADES, grade
from examples.package_audit.state import Area, AuditState, Figures, ModuleFigures, RankedFunction

MOST_COMPLEX = 12
FEW = 4


def parsed_modules(state: AuditState) -> list[ModuleFigures]:
    """Return the figures of this run's modules, in order. A thread may also contain those of an earlier run."""
    parsed = state.get("parsed", {})
    wanted = [source["module"] for source in state["inventory"]["sources"]]
    return [parsed[module] for module in wanted if module in parsed]


def sum_figures(state: AuditState) -> dict[str, Any]:
    """Add up size, complexity and docstring coverage."""
    return {"figures": figures(parsed_modules(state))}


def figures(modules: list[ModuleFigures]) -> Figures:
    """Add up the figures of these modules."""
    functions = ranked_functions(modules)
    undocumented = sum(len(module["undocumented"]) for module in modules)
    documentable = sum(module["documentable"] for module in modules)
    complexities = [function["complexity"] for function in functions]
    return {
        "modules": len(modules),
        "lines": sum(module["lines"] for module in modules),
        "code": sum(module["code"] for module in modules),
        "functions": len(functions),
        "mean_complexity": sum(complexities) / len(complexities) if complexities else 0.0,
        "grades": {letter: sum(grade(value) == letter for value in complexities) for letter in GRADES},
        "most_complex": functions[:MOST_COMPLEX],
        "documentable": documentable,
        "documented": documentable - undocumented,
        "areas": areas(modules),
    }


def ranked_functions(modules: list[ModuleFigures]) -> list[RankedFunction]:
    """List all functions, the most complex first."""
    functions: list[RankedFunction] = [
        {
            "module": module["module"],
            "name": function["name"],
            "line": function["line"],
            "complexity": function["complexity"],
        }
        for module in modules
        for function in module["functions"]
    ]
    return sorted(functions, key=lambda function: -function["complexity"])


def areas(modules: list[ModuleFigures]) -> list[Area]:
    """Sum up by area, the largest first."""
    depth = area_depth([module["module"] for module in modules])
    members: defaultdict[str, list[ModuleFigures]] = defaultdict(list)
    for module in modules:
        members[area_name(module["module"], depth)].append(module)
    found = [area(name, inside) for name, inside in members.items()]
    return sorted(found, key=lambda area: -area["lines"])


def area(name: str, modules: list[ModuleFigures]) -> Area:
    """Sum up the modules of one area."""
    documentable = sum(module["documentable"] for module in modules)
    return {
        "name": name,
        "modules": len(modules),
        "lines": sum(module["lines"] for module in modules),
        "code": sum(module["code"] for module in modules),
        "comment": sum(module["comment"] for module in modules),
        "docstring": sum(module["docstring"] for module in modules),
        "blank": sum(module["blank"] for module in modules),
        "documentable": documentable,
        "documented": documentable - sum(len(module["undocumented"]) for module in modules),
    }


def area_name(module: str, depth: int) -> str:
    """Cut a module's name to the depth of the areas."""
    return ".".join(module.split(".")[:depth])


def area_depth(modules: list[str]) -> int:
    """Return the first level of packages with enough areas to compare, or the last level."""
    deepest = max((module.count(".") + 1 for module in modules), default=1)
    depths = range(1, deepest + 1)
    return next((depth for depth in depths if len({area_name(m, depth) for m in modules}) >= FEW), deepest)
