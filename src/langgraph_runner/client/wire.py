"""What goes over the wire: the models of responses, and the paths, parameters and bodies of requests.

The arguments of the user become JSON values, checked as the engine checks them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from pydantic import BaseModel, TypeAdapter
from pydantic_core import PydanticSerializationError, to_json, to_jsonable_python

from langgraph_runner.client.requester import ApiRequest
from langgraph_runner.engine import checks
from langgraph_runner.engine.errors import RunNotFoundError
from langgraph_runner.engine.models import Run, RunPlan, RunStep, RunSummary
from langgraph_runner.engine.options import RunOptions, TriggerOptions
from langgraph_runner.engine.reading.workers import WorkerOverview
from langgraph_runner.workflow import ChangeRequest, UnknownWorkflowError, WorkflowInputError
from langgraph_runner.workflow.description import WorkflowDescription

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "ARTIFACTS",
    "CALLER",
    "PAGES",
    "PLAN",
    "RUN",
    "STEP_PAGES",
    "WORKERS",
    "WORKFLOW",
    "WORKFLOWS",
    "Artifact",
    "Caller",
    "RunPage",
    "StepPage",
    "change_body",
    "force_body",
    "inputs_body",
    "options_body",
    "post",
    "run_path",
    "tag",
    "workflow_path",
]

_RUN_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class RunPage(BaseModel):
    """A page of runs, the newest first."""

    items: list[RunSummary]
    next_cursor: str | None = None


class StepPage(BaseModel):
    """A page of the steps of a run, in the order of the workflow."""

    items: list[RunStep]
    next_cursor: str | None = None


class Artifact(BaseModel):
    """A file that a step saved."""

    step: str
    name: str
    media_type: str
    size: int
    sha256: str
    href: str


class Caller(BaseModel):
    """The owner of the API key."""

    tenant: str


RUN: Final = TypeAdapter(Run)
PLAN: Final = TypeAdapter(RunPlan)
STEP_PAGES: Final = TypeAdapter(StepPage)
PAGES: Final = TypeAdapter(RunPage)
ARTIFACTS: Final = TypeAdapter(list[Artifact])
CALLER: Final = TypeAdapter(Caller)
WORKFLOW: Final = TypeAdapter(WorkflowDescription)
WORKFLOWS: Final = TypeAdapter(list[WorkflowDescription])
WORKERS: Final = TypeAdapter(WorkerOverview)


def run_path(run_id: str, *parts: str) -> str:
    """Return the path of a run, or of a part of it.

    Raises:
        TypeError: The id is not text.
        RunNotFoundError: No run can have this id.
    """
    checks.of_kind(run_id, str, field="run_id", fix="the `id` of a run")
    if not _RUN_ID.fullmatch(run_id):
        raise RunNotFoundError(run_id=run_id)
    return "/".join(["/runs", run_id, *(quote(part, safe="") for part in parts)])


def workflow_path(name: str) -> str:
    """Return the path of a workflow.

    Raises:
        TypeError: The name is not text.
        UnknownWorkflowError: No workflow can have this id.
    """
    checks.of_kind(name, str, field="workflow", fix="the id of a workflow")
    if not name.strip("."):  # HTTP clients remove `.` and `..` from paths.
        raise UnknownWorkflowError(workflow=name, hint="Give the id of a workflow.")
    return f"/workflows/{quote(name, safe='')}"


def tag(name: str, value: str) -> tuple[str, str]:
    """Return the query parameter that searches for a tag.

    Raises:
        ValueError: The name of the tag contains a colon.
    """
    if ":" in name:
        raise ValueError(f"tags must have names without a colon to be searched for, got {name!r:.80}.")
    return "tag", f"{name}:{value}"


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
