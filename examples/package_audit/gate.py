"""The routes, and the gate between parsing and the figures.

A node that captures a failure sets the flag ``blocked``. If the distribution does not exist, the audit ends there. If
one file of hundreds cannot be parsed, it continues: the gate clears the flag unless no file could be parsed.
"""

from typing import Any, Literal

from langgraph.types import Send

from examples.package_audit.figures import parsed_modules
from examples.package_audit.state import AuditState, ParseTask
from langgraph_runner import update_state


def blocked(state: AuditState) -> bool:
    """Return whether a node has set the flag."""
    return bool(state.get("routing_flags", {}).get("blocked"))


def after_resolve(state: AuditState) -> Literal["inventory", "report"]:
    """Skip to the report if there is nothing to audit."""
    return "report" if blocked(state) else "inventory"


def after_inventory(state: AuditState) -> list[Send | str] | Literal["report"]:
    """Start a branch for each file, and the nodes that read the metadata."""
    if blocked(state):
        return "report"
    inventory = state["inventory"]
    tasks: list[ParseTask] = [
        {"root": inventory["root"], "source": source} for source in inventory["sources"]
    ]
    return [*(Send("parse", task) for task in tasks), "licence", "dependencies"]


def decide(state: AuditState) -> dict[str, Any]:
    """Continue with the parsed files. Reject if there were files and none could be parsed."""
    files, modules = len(state["inventory"]["sources"]), len(parsed_modules(state))
    rejected = files > 0 and modules == 0
    return update_state(
        routing_flags={"blocked": rejected, "proceed": not rejected},
        gate_decisions={
            "parsing": {
                "decision": "rejected" if rejected else "approved",
                "reason": f"{modules:,} of {files:,} files parsed" if files else "it has no Python source",
                "decided_by": "gate",
            }
        },
    )


def after_gate(state: AuditState) -> list[str] | Literal["report"]:
    """Compute the figures, or report why there are none."""
    return "report" if blocked(state) else ["figures", "imports"]
