"""The options that commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from langgraph_runner.cli.arguments.completing import complete_run, complete_step, complete_workflow
from langgraph_runner.engine.checks import MAX_AT_ONCE, MAX_KEY, MAX_TENANT, text

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "APP_VARIABLE",
    "ARTIFACTS_VARIABLE",
    "CACHE_VARIABLE",
    "DISPATCH_VARIABLE",
    "KEY_VARIABLE",
    "SERVER_VARIABLE",
    "STORE_VARIABLE",
    "App",
    "Artifacts",
    "Cache",
    "ChangeType",
    "Detach",
    "Dispatch",
    "FailureModeChoice",
    "FailureModeOption",
    "Force",
    "IdempotencyKey",
    "Json",
    "MaxConcurrency",
    "NoCache",
    "OutFile",
    "Payload",
    "Priority",
    "RunId",
    "SetValues",
    "StepName",
    "Store",
    "Tags",
    "Tenant",
    "Timeout",
    "WorkflowName",
    "Yes",
    "text_up_to",
]


APP_VARIABLE: Final = "LANGGRAPH_RUNNER_APP"
STORE_VARIABLE: Final = "LANGGRAPH_RUNNER_STORE"
DISPATCH_VARIABLE: Final = "LANGGRAPH_RUNNER_DISPATCH"
CACHE_VARIABLE: Final = "LANGGRAPH_RUNNER_CACHE"
ARTIFACTS_VARIABLE: Final = "LANGGRAPH_RUNNER_ARTIFACTS"
SERVER_VARIABLE: Final = "LANGGRAPH_RUNNER_SERVER"
KEY_VARIABLE: Final = "LANGGRAPH_RUNNER_API_KEY"


class FailureModeChoice(StrEnum):
    """What a failed step does to branches that do not need it."""

    CONTINUE = "continue"
    FAIL_FAST = "fail_fast"


def text_up_to(longest: int) -> Callable[[str | None], str | None]:
    """A check of an option, as the engine makes it; what it refuses is a usage error."""

    def checked(value: str | None) -> str | None:
        try:
            return value if value is None else text(value, longest, field="")
        except ValueError as error:
            raise typer.BadParameter(str(error).lstrip()) from error

    return checked


App = Annotated[
    str | None,
    typer.Option(
        "--app",
        metavar="MODULE:ATTR",
        envvar=APP_VARIABLE,
        help="An engine, a function that makes one, or workflows.",
    ),
]
Store = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="URL",
        help="The database, where the app is no engine. Default: LANGGRAPH_RUNNER_STORE, else sqlite:///runs.db.",
    ),
]
Dispatch = Annotated[
    str | None,
    typer.Option(
        "--dispatch",
        metavar="URL",
        help="A queue that tells workers of runs: bullmq+redis://... or bullmq+postgresql://..."
        " Default: LANGGRAPH_RUNNER_DISPATCH.",
    ),
]
Cache = Annotated[
    str | None,
    typer.Option(
        "--cache",
        metavar="URL",
        help="A cache that processes share: redis://... Default: LANGGRAPH_RUNNER_CACHE.",
    ),
]
Artifacts = Annotated[
    str | None,
    typer.Option(
        "--artifacts",
        metavar="FOLDER|URL",
        help="Where files that steps save are kept: a folder, or s3://... Default: LANGGRAPH_RUNNER_ARTIFACTS.",
    ),
]
Tenant = Annotated[
    str,
    typer.Option(
        "--tenant",
        metavar="NAME",
        envvar="LANGGRAPH_RUNNER_TENANT",
        callback=text_up_to(MAX_TENANT),
        help="Whose runs.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON, with nothing else on stdout.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
RunId = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        callback=text_up_to(MAX_KEY),
        autocompletion=complete_run,
        help="The id of a run, or its beginning, or `last` for the newest.",
    ),
]
StepName = Annotated[
    str | None,
    typer.Argument(
        metavar="[STEP]",
        autocompletion=complete_step,
        help="Only this step, with its output, or its error and stack.",
    ),
]
WorkflowName = Annotated[
    str, typer.Argument(metavar="WORKFLOW", autocompletion=complete_workflow, help="The id of a workflow.")
]
ChangeType = Annotated[str, typer.Argument(metavar="CHANGE", help="A change that the workflow knows.")]
Payload = Annotated[
    str | None, typer.Option("--payload", metavar="JSON|FILE|-", help="What to change, as a JSON object.")
]
SetValues = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Put one value in, such as brand.hue=210; JSON, or else text. May be repeated.",
    ),
]
IdempotencyKey = Annotated[
    str | None,
    typer.Option(
        "--idempotency-key",
        metavar="KEY",
        callback=text_up_to(MAX_KEY),
        help="Reusing a key returns the existing run.",
    ),
]
Priority = Annotated[
    int | None,
    typer.Option("--priority", help="Waiting runs start by priority, the highest first; 0 by default."),
]
FailureModeOption = Annotated[
    FailureModeChoice | None,
    typer.Option("--failure-mode", help="Whether other branches go on when a step fails."),
]
MaxConcurrency = Annotated[
    int | None,
    typer.Option("--max-concurrency", min=1, max=MAX_AT_ONCE, help="How many steps of the run at once."),
]
Timeout = Annotated[
    str | None,
    typer.Option("--timeout", metavar="DURATION", help="Limit of the whole run: 5m, 2h; 30 is 30s."),
]
Detach = Annotated[
    bool, typer.Option("--detach", help="Do not run it here: leave it to whoever resumes or serves.")
]
Force = Annotated[
    list[str] | None,
    typer.Option(
        "--force", metavar="STEP", help="Run this step even if the cache knows its result. May be repeated."
    ),
]
NoCache = Annotated[
    bool,
    typer.Option("--no-cache", help="Serve no step from the cache; the results are stored all the same."),
]
Tags = Annotated[
    list[str] | None, typer.Option("--tag", metavar="NAME=VALUE", help="A tag of the run. May be repeated.")
]
OutFile = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write it there, not to stdout.")]
