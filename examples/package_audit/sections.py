"""The sections of the report. A section is left out if the state lacks the field that ``SECTIONS`` names."""

from collections.abc import Callable, Iterator
from pathlib import Path

from examples.package_audit.markdown import code, counted, listed, percent, table
from examples.package_audit.output import output_folder
from examples.package_audit.state import AuditState, When

_WHEN: dict[When, str] = {
    "always": "on import",
    "guarded": "on a condition",
    "deferred": "inside functions",
    "testing": "in tests",
    "typing": "for type checkers",
}

_REQUIRED = {True: "yes", False: "no", None: "unknown"}


def size(state: AuditState) -> Iterator[str]:
    """Yield lines by package."""
    figures = state["figures"]
    modules = counted(figures["modules"], "module")
    yield f"{figures['lines']:,} lines in {modules}, {figures['code']:,} of them code."
    yield from chart(state, "size_chart", "Lines by package")
    if state.get("text_charts"):
        yield from ("", "```text", state["text_charts"], "```")


def complexity(state: AuditState) -> Iterator[str]:
    """Yield the complexity of the functions, and the most complex ones."""
    figures = state["figures"]
    functions = counted(figures["functions"], "function")
    yield f"{functions}, with an average complexity of {figures['mean_complexity']:.1f}."
    yield from chart(state, "complexity_chart", "Functions by cyclomatic complexity")
    if figures["most_complex"]:
        yield ""
        yield from table(
            ("Complexity", "Function", "Module"),
            [
                (
                    function["complexity"],
                    code(function["name"]),
                    f"{code(function['module'])} line {function['line']}",
                )
                for function in figures["most_complex"]
            ],
        )


def docstrings(state: AuditState) -> Iterator[str]:
    """Yield the docstring coverage."""
    figures = state["figures"]
    share = percent(figures["documented"], figures["documentable"])
    counts = f"{figures['documented']:,} of {figures['documentable']:,}"
    yield f"{share} of all modules and public classes, functions and methods have a docstring ({counts})."
    yield from chart(state, "docstrings_chart", "Docstring coverage by package")


def imports(state: AuditState) -> Iterator[str]:
    """Yield the imports between the packages, and of external packages."""
    found = state["imports"]
    cycles = counted(len(found["cycles"]), "cycle")
    yield f"{counted(found['edges'], 'import')} between the modules, {cycles}."
    for cycle in found["cycles"]:
        yield f"- These {len(cycle)} import each other: {listed(cycle)}."
    yield from chart(state, "imports_chart", "Imports between packages")
    if len(found["areas"]) > 1:
        yield ""
        yield "Importers come before what they import. Numbers below the diagonal are imports against this order."
    if found["external"]:
        yield ""
        yield from table(
            ("External package", "Distribution", "Modules", "Imported", "Required"),
            [
                (
                    code(external["name"]),
                    external["distribution"] or "not installed",
                    external["modules"],
                    _WHEN[external["when"]],
                    _REQUIRED[external["declared"]],
                )
                for external in found["external"]
            ],
        )


def requirements(state: AuditState) -> Iterator[str]:
    """Yield the requirements in this environment."""
    yield from table(
        ("Requirement", "Version", "Installed", "Licence"),
        [
            (
                dependency["name"],
                code(dependency["requirement"]),
                (dependency["installed"] or "no") + ("" if dependency["satisfied"] else " (not met)"),
                dependency["licence"],
            )
            for dependency in state["dependencies"] or []
        ],
    )


def licence(state: AuditState) -> Iterator[str]:
    """Yield the licence and its source."""
    found = state["licence"]
    yield f"{found['name']}, according to {found['source']}." if found["name"] else "Unknown."
    if found["doubt"]:
        yield f"The licence text could not be used: {found['doubt']}."
    elif found["declared"]:
        yield f"The metadata says: {found['declared']}."


def files(state: AuditState) -> Iterator[str]:
    """Yield the files by kind."""
    inventory = state["inventory"]
    if inventory["editable"]:
        yield from (f"An editable install; its sources are in {code(inventory['root'])}.", "")
    yield from table(
        ("Kind", "Files", "KiB"),
        [
            (kind, count, round(inventory["sizes"][kind] / 1024))
            for kind, count in inventory["counts"].items()
        ],
    )


def chart(state: AuditState, name: str, title: str) -> Iterator[str]:
    """Show a chart of this audit. A thread may have the path of an older chart in another folder."""
    path = Path(state.get("artifact_paths", {}).get(name, ""))
    if path.name and path.parent == output_folder(state) and not state.get("text_charts"):
        yield from ("", f"![{title}]({path.name})")


SECTIONS: list[tuple[str, str, Callable[[AuditState], Iterator[str]]]] = [
    ("Size", "figures", size),
    ("Complexity", "figures", complexity),
    ("Docstrings", "figures", docstrings),
    ("Imports", "imports", imports),
    ("Requirements", "dependencies", requirements),
    ("Licence", "licence", licence),
    ("Files", "inventory", files),
]
