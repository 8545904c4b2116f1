"""The review: the run stops here until a person has decided about the draft."""

from typing import Annotated, Any, Literal

from langgraph.graph import END
from langgraph.types import Command, interrupt
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from examples.studio.release_notes.state import ReleaseNotes
from langgraph_runner import update_state

Words = Annotated[str, Field(min_length=1)]


class Approve(BaseModel):
    """Publish the draft as it is."""

    action: Literal["approve"]


class Edit(BaseModel):
    """Publish this text in its place."""

    action: Literal["edit"]
    text: Words


class Reject(BaseModel):
    """Publish nothing, and say why."""

    action: Literal["reject"]
    note: Words


ANSWER: TypeAdapter[Approve | Edit | Reject] = TypeAdapter(
    Annotated[Approve | Edit | Reject, Field(discriminator="action")]
)
ANSWERS = {
    "approve": "publishes the notes as they are",
    "edit: <text>": 'publishes your text; or as JSON, {"action": "edit", "text": "..."}',
    "reject: <note>": 'publishes nothing; or as JSON, {"action": "reject", "note": "..."}',
}


def review(state: ReleaseNotes) -> Command[Literal["publish", "__end__"]]:
    """Ask until the answer is valid, then continue with the node that it asks for."""
    question: dict[str, Any] = {"question": "Publish?", "notes": state["notes"], "answers": ANSWERS}
    while True:
        try:
            answer = ANSWER.validate_python(as_fields(interrupt(question)))
        except ValidationError as error:
            # Each call of interrupt() is a new question. LangGraph stores the answers in order.
            question = {**question, "problem": f"Not understood: {error.errors()[0]['msg']}."}
        else:
            return decided(state, answer)


def as_fields(answer: Any) -> Any:
    """Read ``reject: too long`` as ``{"action": "reject", "note": "too long"}``; JSON stays as it is."""
    if not isinstance(answer, str):
        return answer
    action, _, words = answer.partition(":")
    return {"action": action.strip().lower(), "text": words.strip(), "note": words.strip()}


def decided(state: ReleaseNotes, answer: Approve | Edit | Reject) -> Command[Literal["publish", "__end__"]]:
    """Write the decision into the state."""
    if isinstance(answer, Reject):
        decision = {"decision": "rejected", "reason": answer.note, "decided_by": "reviewer"}
        update = update_state(gate_decisions={"review": decision}, routing_flags={"proceed": False})
        return Command(goto=END, update=update)
    reason = "edited" if isinstance(answer, Edit) else "as drafted"
    decision = {"decision": "approved", "reason": reason, "decided_by": "reviewer"}
    notes = answer.text if isinstance(answer, Edit) else state["notes"]
    update = update_state(notes=notes, gate_decisions={"review": decision}, routing_flags={"proceed": True})
    return Command(goto="publish", update=update)
