"""The bodies of requests: the arguments of the user as JSON values, checked as the engine checks them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, to_json, to_jsonable_python

from langgraph_runner.client.requester import ApiRequest
from langgraph_runner.engine import checks
from langgraph_runner.engine.options import RunOptions, TriggerOptions
from langgraph_runner.workflow import ChangeRequest, WorkflowInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["change_body", "force_body", "inputs_body", "options_body", "post"]


def post(path: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> ApiRequest:
    """Make a POST request with a body."""
    return ApiRequest("POST", path, headers=headers or {}, body=to_json(body))


def change_body(change: ChangeRequest) -> dict[str, Any]:
    """Return a change request as JSON values.

    Raises:
        TypeError: `change` is not a `ChangeRequest`.
    """
    checks.of_kind(change, ChangeRequest, field="change", fix="a ChangeRequest(type, payload)")
    return {"type": change.type, "payload": dict(change.payload)}


def force_body(force: Any) -> list[str]:
    """Return the ids of steps as a list.

    Raises:
        TypeError: `force` is one text, not a list.
    """
    if isinstance(force, str):
        raise TypeError(f"force must be a list of step ids, got {force!r:.80}; put it in [ ].")
    return [*force]


def options_body(options: TriggerOptions) -> dict[str, Any]:
    """Return the given options as JSON values.

    Raises:
        ValueError: An option is out of its range.
        TypeError: An option has the wrong type.
    """
    given: dict[str, Any] = {
        name: value for name, value in options.items() if name not in {"tenant", "idempotency_key"}
    }
    if "priority" in given:
        checks.whole(given["priority"], -checks.MAX_PRIORITY, checks.MAX_PRIORITY, field="priority")
    if "force" in given:
        given["force"] = force_body(given["force"])
    run_options = {name: given[name] for name in RunOptions.__dataclass_fields__ if name in given}
    checked = RunOptions.of(**run_options)
    if "run_timeout_ms" in given:
        given["run_timeout_ms"] = checked.run_timeout_ms
    for name, check in (("tags", checks.tags), ("metadata", checks.metadata)):
        if given.get(name) is None:
            given.pop(name, None)
        else:
            check(given[name])
            given[name] = dict(given[name])
    return given


def inputs_body(workflow: str, inputs: Any) -> Any:
    """Return inputs as JSON values.

    Raises:
        WorkflowInputError: The inputs cannot be written as JSON.
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
