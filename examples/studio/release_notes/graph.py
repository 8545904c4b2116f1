"""Release notes, drafted from commit subjects and reviewed by you.

Try in Studio:

- Submit a version and some lines of ``git log --format=%s``. The run stops at ``review`` and shows the draft.
  Answer ``approve``, ``edit: <your text>`` or ``reject: <why>``. After any other answer it asks again.
- Look at ``gate_decisions`` in the state: what was decided, and why. Approved notes are in the store
  (*Memory*), under ``release_notes``.
- Fork: edit the state after ``draft``, and the run continues from there with your notes.
- Submit empty commits. ``draft`` fails; the run ends normally, with a record in ``errors``.
"""

from typing import Any, Literal

from langgraph.graph import END, START, StateGraph
from langgraph.store.base import BaseStore
from langgraph.types import Overwrite

from examples.studio.release_notes.drafting import draft
from examples.studio.release_notes.review import review
from examples.studio.release_notes.state import Release, ReleaseNotes
from langgraph_runner import RetryConfig, create_node, update_state

# A store in a database may be busy for a moment.
STORING = RetryConfig(max_attempts=3, backoff_ms=200)


def begin(_: ReleaseNotes) -> dict[str, Any]:
    """Clear the results of an earlier run on the thread. Without ``Overwrite`` the reducers would add to them."""
    return update_state(
        notes="", errors=Overwrite([]), routing_flags=Overwrite({}), gate_decisions=Overwrite({})
    )


async def publish(state: ReleaseNotes, *, store: BaseStore | None) -> dict[str, Any]:
    """Publish the notes in the server's store, if there is one."""
    if store is not None:
        await store.aput(("release_notes",), state["version"], {"notes": state["notes"]})
    return update_state(routing_flags={"complete": True})


def after_draft(state: ReleaseNotes) -> Literal["review", "__end__"]:
    """Skip the review if there is no draft."""
    return "review" if state["notes"] else END


builder = StateGraph(ReleaseNotes, input_schema=Release)
builder.add_node("begin", create_node(begin))
builder.add_node("draft", create_node(draft, timeout_ms=5_000))
# The limit does not include the time until the answer: the run ends while it waits.
builder.add_node("review", create_node(review, retry=2, timeout_ms=5_000))
builder.add_node("publish", create_node(publish, retry=STORING, timeout_ms=5_000))
builder.add_edge(START, "begin")
builder.add_edge("begin", "draft")
builder.add_conditional_edges("draft", after_draft)
builder.add_edge("publish", END)

graph = builder.compile(name="release_notes")
"""Compiled without a checkpointer and a store: the server has its own."""
