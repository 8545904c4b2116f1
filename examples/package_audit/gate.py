"""The routes, and the gate between parsing and the figures.

A node that captures a failure raises the flag ``blocked``. For a distribution that does not exist that is the
end of the audit. For one file among hundreds it is not: the gate looks at what was parsed, decides, and
lowers the flag again or leaves it up.
"""

from typing import Any, Literal

from langgraph.types import Send

from examples.package_audit.figures import parsed_modules
from examples.package_audit.state import AuditState, ParseTask
from langgraph_runner import update_state


def blocked(state: AuditState) -> bool:
    """Tell whether some node has raised the flag."""
    return bool(state.get("routing_flags", {}).get("blocked"))


def after_resolve(state: AuditState) -> Literal["inventory", "report"]:
    """Go straight to the report when there is nothing to audit."""
    return "report" if blocked(state) else "inventory"


def after_inventory(state: AuditState) -> list[Send | str] | Literal["report"]:
    """Open a branch for each file, and one for each reader of metadata."""
    if blocked(state):
        return "report"
    inventory = state["inventory"]
    tasks: list[ParseTask] = [
        {"root": inventory["root"], "source": source} for source in inventory["sources"]
    ]
    return [*(Send("parse", task) for task in tasks), "licence", "dependencies"]


def decide(state: AuditState) -> dict[str, Any]:
    """Go on with what could be parsed; reject only if there were files and none could be."""
    files, modules = len(state["inventory"]["sources"]), len(parsed_modules(state))
    rejected = files > 0 and modules == 0
    return update_state(
        routing_flags={"blocked": rejected, "proceed": not rejected},
        gate_decisions={
            "parsing": {
                "decision": "rejected" if rejected else "approved",
                "reason": f"{modules:,} of {files:,} files could be parsed"
                if files
                else "it holds no Python source",
                "decided_by": "gate",
            }
        },
    )


def after_gate(state: AuditState) -> list[str] | Literal["report"]:
    """Compute the figures, or report why there are none."""
    return "report" if blocked(state) else ["figures", "imports"]
