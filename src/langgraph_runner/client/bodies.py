"""The bodies of requests: what a user gave, checked as the engine checks it, as JSON values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, to_json, to_jsonable_python

from langgraph_runner.client.requesting import Asked
from langgraph_runner.engine import checks
from langgraph_runner.engine.options import RunOptions, TriggerOptions
from langgraph_runner.workflow import ChangeRequest, WorkflowInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["change_of", "inputs_of", "options_of", "post", "steps_of"]


def post(path: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Asked:
    """A request with a body."""
    return Asked("POST", path, headers=headers or {}, body=to_json(body))


def change_of(change: ChangeRequest) -> dict[str, Any]:
    """A change request.

    Raises:
        TypeError: It is something else.
    """
    checks.of_kind(change, ChangeRequest, field="change", fix="a ChangeRequest(type, payload)")
    return {"type": change.type, "payload": dict(change.payload)}


def steps_of(force: Any) -> list[str]:
    """The ids of steps.

    Raises:
        TypeError: It is one text, not a list.
    """
    if isinstance(force, str):
        raise TypeError(f"force: expected a list of step ids, got {force!r:.80}; put it in [ ].")
    return [*force]


def options_of(options: TriggerOptions) -> dict[str, Any]:
    """The options that were given, as the service takes them; checked as the engine checks them.

    Raises:
        ValueError: An option is out of its range.
        TypeError: An option is of another type.
    """
    given: dict[str, Any] = {
        name: value for name, value in options.items() if name not in {"tenant", "idempotency_key"}
    }
    if "priority" in given:
        checks.whole(given["priority"], -checks.MAX_PRIORITY, checks.MAX_PRIORITY, field="priority")
    if "force" in given:
        given["force"] = steps_of(given["force"])
    for_one_run = {name: given[name] for name in RunOptions.__dataclass_fields__ if name in given}
    checked = RunOptions.of(**for_one_run)
    if "run_timeout_ms" in given:
        given["run_timeout_ms"] = checked.run_timeout_ms
    for name, check in (("tags", checks.tags), ("metadata", checks.metadata)):
        if given.get(name) is None:
            given.pop(name, None)
        else:
            check(given[name])
            given[name] = dict(given[name])
    return given


def inputs_of(workflow: str, inputs: Any) -> Any:
    """Inputs as JSON values.

    Raises:
        WorkflowInputError: They cannot be written as JSON.
    """
    if inputs is None:
        return {}
    try:
        if isinstance(inputs, BaseModel):
            return inputs.model_dump(mode="json", by_alias=True, round_trip=True)
        return to_jsonable_python(inputs)
    except (PydanticSerializationError, ValueError, RecursionError) as error:
        problem = f"they cannot be written as JSON: {error}"
        raise WorkflowInputError(workflow=workflow, problem=problem) from error
