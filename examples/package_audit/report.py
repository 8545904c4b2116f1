"""The report: Markdown, written at the end of every audit, also after errors."""

from collections.abc import Iterator
from typing import Any

from examples.package_audit.errors import audit_errors, errors_section
from examples.package_audit.findings import findings
from examples.package_audit.gate import blocked
from examples.package_audit.markdown import code, counted, section
from examples.package_audit.output import output_folder
from examples.package_audit.sections import SECTIONS
from examples.package_audit.state import AuditState
from langgraph_runner import update_state


def write_report(state: AuditState) -> dict[str, Any]:
    """Write ``report.md``.

    Raises:
        OSError: The output folder cannot be written.
    """
    folder = output_folder(state)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "report.md"
    path.write_text("\n".join([*document(state), ""]), encoding="utf-8")
    return update_state(artifact_paths={"report": str(path)}, routing_flags={"complete": not blocked(state)})


def document(state: AuditState) -> Iterator[str]:
    """Yield the lines of the report. Sections without data are left out."""
    yield from heading(state)
    yield from errors_section(state)
    if state.get("figures"):
        yield from section("Findings", [f"- {finding}" for finding in findings(state)])
    for title, fact, lines in SECTIONS:
        if state.get(fact):
            yield from section(title, lines(state))


def heading(state: AuditState) -> Iterator[str]:
    """Yield the audited distribution, and the verdict."""
    if state.get("identity"):
        identity = state["identity"]
        yield from (f"# Audit of {identity['name']} {identity['version']}", "", identity["summary"], "")
    else:
        yield from (f"# Audit of {code(state.get('distribution', ''))}", "")
    yield verdict(state)


def verdict(state: AuditState) -> str:
    """Return the verdict in one line."""
    errors = counted(len(audit_errors(state)), "error")
    if blocked(state) and not state.get("figures"):
        return f"**Blocked** by {errors}."
    reason = state["gate_decisions"]["parsing"].get("reason", "")
    return f"**Complete**: {reason}, {errors}."
