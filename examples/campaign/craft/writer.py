"""A chat model that rewrites a draft, if the brief names one. LangChain is imported only then."""

import json
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from langgraph_runner import get_node_context

__all__ = ["UnusableDraftError", "by_templates", "rewritten"]

DraftT = TypeVar("DraftT", bound=BaseModel)
_FIXED = frozenset({"id", "pillar", "segment", "question", "proof"})
_RULES = """You are a copywriter. You get a draft as a JSON object, and give back the same object with better texts.
Tone: {tone}. Keep every fact, add none. Keep all keys, the length of every list, and the values of {fixed}.
No text may be longer than in the draft by more than a third. Answer with the JSON object alone."""


class UnusableDraftError(RuntimeError):
    """The answer of the model is invalid. The next one may be valid, so this error is retried."""


def rewritten(draft: DraftT, *, writer: str, tone: str) -> DraftT:
    """Return the draft, rewritten by a model.

    Args:
        draft: A pydantic model with a field `written_by`.
        writer: The name of a chat model for `init_chat_model()`, such as `openai:gpt-5`.
        tone: The tone of the texts.

    Raises:
        UnusableDraftError: The answer is not an object of this model, or it changed fields that are not texts.
        Exception: Errors of the model.
    """
    from langchain.chat_models import init_chat_model  # noqa: PLC0415 - only needed with a model

    asked = draft.model_dump(mode="json", exclude={"written_by"})
    rules = _RULES.format(tone=tone, fixed=", ".join(sorted(_FIXED)))
    reply = init_chat_model(writer).invoke(
        [("system", rules), ("human", json.dumps(asked, ensure_ascii=False))]
    )
    text = str(reply.text)
    try:
        answer = json.loads(text[text.index("{") : text.rindex("}") + 1])
        written = type(draft).model_validate({**answer, "written_by": writer})
    except (ValueError, TypeError, ValidationError) as error:
        raise UnusableDraftError(f"{writer} did not answer with the object that was asked for") from error
    problem = _difference(asked, written.model_dump(mode="json", exclude={"written_by"}))
    if problem:
        raise UnusableDraftError(f"{writer} has changed {problem}")
    return written


def by_templates(draft: DraftT, *, writer: str | None) -> DraftT:
    """Return the unchanged draft, marked as written by the templates after the model failed."""
    error = get_node_context().primary_error
    name = type(error).__name__ if error is not None else "error"
    return draft.model_copy(update={"written_by": f"templates, because {writer} failed: {name}"})


def _difference(asked: Any, written: Any, path: str = "") -> str | None:
    """Return where two values differ in more than free text."""
    if isinstance(asked, dict):
        pairs = [(f"{path}.{key}".lstrip("."), asked[key], written[key], key) for key in asked]
    elif isinstance(asked, list):
        if len(asked) != len(written):
            return f"the length of {path}"
        pairs = [
            (f"{path}.{place}", one, other, "")
            for place, (one, other) in enumerate(zip(asked, written, strict=True))
        ]
    else:
        return None
    for where, one, other, key in pairs:
        found = where if key in _FIXED and one != other else _difference(one, other, where)
        if found:
            return found
    return None
