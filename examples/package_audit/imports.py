"""The imports between the areas of the distribution, and of external distributions."""

import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from importlib import metadata
from typing import Any

from packaging.utils import NormalizedName, canonicalize_name

from examples.package_audit.cycles import cycles
from examples.package_audit.figures import area_depth, area_name, parsed_modules
from examples.package_audit.inventory import kind, source_file
from examples.package_audit.record import recorded_files
from examples.package_audit.state import AuditState, ExternalImport, ImportStatement, ModuleFigures, When

MOST_AREAS = 24
_WEAKNESS: dict[When, int] = {"always": 0, "guarded": 1, "deferred": 2, "testing": 3, "typing": 4}
_TESTS = {"test", "tests", "testing", "conftest"}


def map_imports(state: AuditState) -> dict[str, Any]:
    """Build the import graph, and compare what is imported with what is declared."""
    modules = parsed_modules(state)
    internal = {source["module"] for source in state["inventory"]["sources"]}
    edges = list(internal_edges(modules, internal))
    pairs = {(source, target) for source, target, _ in edges}
    areas, matrix = area_matrix([module["module"] for module in modules], pairs)
    requirements = state.get("dependencies")
    declared = [dependency["name"] for dependency in requirements or []]
    external = external_imports(
        modules, internal, None if requirements is None else set(map(canonicalize_name, declared))
    )
    used = {canonicalize_name(found["distribution"]) for found in external}
    return {
        "imports": {
            "areas": areas,
            "matrix": matrix,
            "edges": len(pairs),
            "cycles": cycles((source, target) for source, target, when in edges if when == "always"),
            "external": external,
            "unused": [name for name in declared if modules and canonicalize_name(name) not in used],
        }
    }


def internal_edges(modules: list[ModuleFigures], internal: set[str]) -> Iterator[tuple[str, str, When]]:
    """Yield importer, imported module and time for imports inside the distribution."""
    for module in modules:
        for statement in module["imports"]:
            for target in targets(statement):
                inside = nearest(target, internal)
                if inside and inside != module["module"]:
                    yield module["module"], inside, statement["when"]


def targets(statement: ImportStatement) -> list[str]:
    """Return the modules that a statement may import: ``from a import b`` may mean ``a.b``."""
    return [f"{statement['module']}.{name}" for name in statement["names"]] or [statement["module"]]


def nearest(target: str, internal: set[str]) -> str:
    """Return the module itself, or the module that defines the name; empty if neither is internal."""
    if target in internal:
        return target
    holder = target.rpartition(".")[0]
    return holder if holder in internal else ""


def area_matrix(modules: list[str], pairs: set[tuple[str, str]]) -> tuple[list[str], list[list[int]]]:
    """Count imports between the largest areas, importers before imported as far as cycles allow."""
    depth = area_depth(modules)
    sizes = Counter(area_name(module, depth) for module in modules)
    counts = Counter((area_name(source, depth), area_name(target, depth)) for source, target in pairs)
    order = layered({name for name, _ in sizes.most_common(MOST_AREAS)}, counts)
    return order, [[counts[row, column] for column in order] for row in order]


def layered(areas: set[str], counts: Counter[tuple[str, str]]) -> list[str]:
    """Order areas so that few imports go upwards: the next area is the one that the others import least."""
    order: list[str] = []
    remaining = sorted(areas)
    while remaining:
        imports = {
            area: sum(counts[other, area] for other in remaining if other != area) for area in remaining
        }
        order.append(min(remaining, key=imports.__getitem__))
        remaining.remove(order[-1])
    return order


def external_imports(
    modules: list[ModuleFigures], internal: set[str], declared: set[NormalizedName] | None
) -> list[ExternalImport]:
    """List external packages without the standard library, the most used first."""
    owners = Owners({name.partition(".")[0] for name in internal})
    users: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    moments: dict[tuple[str, str], When] = {}
    for module in modules:
        for statement in module["imports"]:
            if not is_foreign(statement, internal, owners):
                continue
            key = owners.label(statement["module"]), owners.distribution(statement["module"])
            when = "testing" if in_tests(module["module"]) else statement["when"]
            users[key].add(module["module"])
            moments[key] = min(moments.get(key, when), when, key=_WEAKNESS.__getitem__)
    found: list[ExternalImport] = [
        {
            "name": label,
            "distribution": distribution,
            "modules": len(users[label, distribution]),
            "when": moments[label, distribution],
            "declared": None if declared is None else canonicalize_name(distribution) in declared,
        }
        for label, distribution in users
    ]
    return sorted(found, key=lambda external: (-external["modules"], external["name"]))


def in_tests(module: str) -> bool:
    """Return whether a module belongs to tests, which some distributions include."""
    return not _TESTS.isdisjoint(module.split("."))


def is_foreign(statement: ImportStatement, internal: set[str], owners: "Owners") -> bool:
    """Return whether a statement imports neither the distribution itself nor the standard library."""
    top = statement["module"].partition(".")[0]
    if not top or top in sys.stdlib_module_names or owners.all_ours(top):
        return False
    return not any(nearest(target, internal) for target in targets(statement))


class Owners:
    """Finds the installed distribution of a module, also if several distributions share a namespace package."""

    def __init__(self, own_tops: set[str]) -> None:
        self._by_top = metadata.packages_distributions()
        self._own = {top: len(set(self._by_top.get(top, ()))) > 1 for top in own_tops}
        self._by_module: dict[str, str] = {}
        for top, shared in self._own.items():
            for name in set(self._by_top[top]) if shared else ():
                self._by_module.update(dict.fromkeys(modules_of(name), name))

    def all_ours(self, top: str) -> bool:
        """Return whether all modules of a top-level package belong to the audited distribution."""
        return self._own.get(top) is False

    def label(self, module: str) -> str:
        """Return the name to show: two levels if other distributions share the namespace, else one."""
        return area_name(module, 2 if module.partition(".")[0] in self._own else 1)

    def distribution(self, module: str) -> str:
        """Name the distribution, or give an empty string when none is installed."""
        top = module.partition(".")[0]
        if top in self._own:
            return self._by_module.get(module, "")
        return next(iter(sorted(self._by_top.get(top, ()))), "")


def modules_of(distribution: str) -> Iterator[str]:
    """Yield the modules of another distribution."""
    for file in recorded_files(metadata.distribution(distribution)):
        if kind(file.path) == "Python source":
            yield source_file(file.path)["module"]
