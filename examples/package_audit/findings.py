"""The findings: the most important facts of the audit."""

from collections.abc import Iterator

from examples.package_audit.figures import parsed_modules
from examples.package_audit.markdown import code, counted, listed, percent
from examples.package_audit.state import AuditState, Figures, ImportGraph

LOW_COVERAGE = 0.5


def findings(state: AuditState) -> list[str]:
    """Collect the findings."""
    found = [*altered_files(state), *licence_doubts(state), *unmet_requirements(state)]
    if state.get("imports"):
        found += import_findings(state["imports"])
    if state.get("figures"):
        found += figure_findings(state["figures"])
    return found or [
        "Nothing: files as recorded, requirements met, no import cycles, no very complex functions."
    ]


def altered_files(state: AuditState) -> Iterator[str]:
    """Compare with the digests that were recorded on install."""
    altered = [module["path"] for module in parsed_modules(state) if module["altered"]]
    if altered:
        yield f"{counted(len(altered), 'file')} changed since the install: {listed(altered)}."


def licence_doubts(state: AuditState) -> Iterator[str]:
    """Say when the licence is not known from its text."""
    licence = state.get("licence")
    if licence and licence["doubt"]:
        known = f"is {licence['name']} by its metadata only" if licence["name"] else "is not known"
        yield f"The licence {known}: {licence['doubt']}."


def unmet_requirements(state: AuditState) -> Iterator[str]:
    """Name the requirements that this environment does not meet."""
    unmet = [
        dependency["name"] for dependency in state.get("dependencies") or [] if not dependency["satisfied"]
    ]
    if unmet:
        yield f"{counted(len(unmet), 'requirement')} not met here: {listed(unmet)}."


def import_findings(imports: ImportGraph) -> Iterator[str]:
    """Name undeclared imports, unused requirements and cycles."""
    undeclared = [
        external["name"]
        for external in imports["external"]
        if external["when"] == "always" and external["declared"] is False
    ]
    if undeclared:
        yield f"Imported, but not declared as a requirement: {listed(undeclared)}."
    if imports["unused"]:
        yield f"Declared as a requirement, but never imported: {listed(imports['unused'])}."
    if imports["cycles"]:
        largest = imports["cycles"][0]
        yield f"{counted(len(imports['cycles']), 'import cycle')}, the largest of {len(largest)} modules."


def figure_findings(figures: Figures) -> Iterator[str]:
    """Name very complex functions and a low docstring coverage."""
    tangled = figures["grades"]["E"] + figures["grades"]["F"]
    if tangled:
        worst = figures["most_complex"][0]
        name = code(f"{worst['module']}.{worst['name']}")
        yield f"{counted(tangled, 'function')} with a complexity above 30; {name} has {worst['complexity']}."
    documented, documentable = figures["documented"], figures["documentable"]
    if documented < LOW_COVERAGE * documentable:
        yield f"Only {percent(documented, documentable)} of the public API has docstrings."
