"""The errors of this audit, and their section in the report."""

from collections.abc import Iterator

from examples.package_audit.figures import parsed_modules
from examples.package_audit.markdown import code, counted, listed, section, table
from examples.package_audit.state import AuditState
from langgraph_runner import NodeErrorRecord

SHOWN = 20


def audit_errors(state: AuditState) -> list[NodeErrorRecord]:
    """Return the captured errors of this audit. A thread may contain those of earlier audits."""
    return [error for error in state.get("errors", []) if error["trace_id"] == state["trace_id"]]


def reason(error: NodeErrorRecord) -> str:
    """Return the message without node and class, which are in separate columns."""
    return error["message"].partition(f"{error['error_type']}: ")[2] or error["message"]


def errors_section(state: AuditState) -> Iterator[str]:
    """Yield the section on errors, if there were any."""
    errors = audit_errors(state)
    if errors:
        yield from section("Errors", error_lines(state, errors))


def error_lines(state: AuditState, errors: list[NodeErrorRecord]) -> Iterator[str]:
    """Yield the errors, and the files that are missing from the figures."""
    if lost := lost_files(state):
        yield from (f"{counted(len(lost), 'file')} missing from all figures: {listed(lost)}.", "")
    yield from table(
        ("Node", "Error", "Message", "Code", "Attempts", "Retryable"),
        [
            (
                error["node_id"],
                code(error["error_type"]),
                reason(error),
                code(error["code"]),
                error["attempts"],
                "yes" if error["recoverable"] else "no",
            )
            for error in errors[:SHOWN]
        ],
    )
    if len(errors) > SHOWN:
        yield from ("", f"And {len(errors) - SHOWN} more.")


def lost_files(state: AuditState) -> list[str]:
    """List the files of the inventory that could not be parsed."""
    if not state.get("inventory"):
        return []
    parsed = {module["path"] for module in parsed_modules(state)}
    return [source["path"] for source in state["inventory"]["sources"] if source["path"] not in parsed]
