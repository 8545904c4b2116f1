"""What goes over the wire: the models of responses, and the paths and parameters of requests."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from pydantic import BaseModel, TypeAdapter

from langgraph_runner.engine import checks
from langgraph_runner.engine.errors import RunNotFoundError
from langgraph_runner.engine.models import Run, RunPlan, RunStep
from langgraph_runner.engine.reading.workers import WorkerOverview
from langgraph_runner.workflow import UnknownWorkflowError
from langgraph_runner.workflow.description import WorkflowDescription

__all__ = [
    "ARTIFACTS",
    "CALLER",
    "PAGES",
    "PLAN",
    "RUN",
    "STEPS",
    "WORKERS",
    "WORKFLOW",
    "WORKFLOWS",
    "Artifact",
    "Caller",
    "RunPage",
    "run_path",
    "tag",
    "workflow_path",
]

_RUN_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class RunPage(BaseModel):
    """A page of runs, the newest first."""

    items: list[Run]
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
STEPS: Final = TypeAdapter(list[RunStep])
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
