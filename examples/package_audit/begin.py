"""Clear the state, because a thread with a checkpointer, as in Studio, may contain an earlier audit."""

from typing import Any

from examples.package_audit.state import AuditState
from langgraph_runner import get_node_context, update_state


def begin(state: AuditState) -> dict[str, Any]:
    """Clear the results and the flags.

    Errors stay in the state, because its reducer appends. ``trace_id`` identifies those of this audit.
    """
    return update_state(
        story_id=f"audit of {state.get('distribution', '')}",
        routing_flags={"blocked": False, "proceed": False, "complete": False},
        gate_decisions={"parsing": {"decision": "pending"}},
        trace_id=get_node_context().trace_id,
        identity={},
        inventory={},
        licence={},
        dependencies=None,
        figures={},
        imports={},
        text_charts="",
    )
