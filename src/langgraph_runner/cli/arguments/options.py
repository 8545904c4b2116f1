"""The options and arguments that commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from langgraph_runner.cli.arguments.completion import complete_run, complete_step, complete_workflow
from langgraph_runner.cli.environment import (
    APP_VARIABLE,
    ARTIFACTS_VARIABLE,
    CACHE_VARIABLE,
    DISPATCH_VARIABLE,
    LOG_FORMAT_VARIABLE,
    LOG_LEVEL_VARIABLE,
    STORE_VARIABLE,
    TENANT_VARIABLE,
)
from langgraph_runner.engine.checks import MAX_AT_ONCE, MAX_KEY, MAX_TENANT, text

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "AllTenants",
    "App",
    "Artifacts",
    "Cache",
    "ChangeType",
    "Detach",
    "Dispatch",
    "FailureMode",
    "Force",
    "Grace",
    "IdempotencyKey",
    "Json",
    "LogFormat",
    "LogLevel",
    "MaxConcurrency",
    "NoCache",
    "OlderThan",
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
    "tenant_option",
    "text_up_to",
]


def text_up_to(longest: int) -> Callable[[str | None], str | None]:
    """Make the check of an option: text of up to `longest` characters, as the engine checks it."""

    def check(value: str | None) -> str | None:
        try:
            return value if value is None else text(value, longest, field="")
        except ValueError as error:
            # Typer puts the name of the option in front.
            raise typer.BadParameter(str(error).removeprefix(": ").lstrip()) from error

    return check


def tenant_option(help_: str) -> Any:
    """Make the option `--tenant` with the help of a command."""
    check = text_up_to(MAX_TENANT)
    return typer.Option("--tenant", metavar="NAME", envvar=TENANT_VARIABLE, callback=check, help=help_)


App = Annotated[
    str | None,
    typer.Option(
        "--app",
        metavar="MODULE:ATTR",
        envvar=APP_VARIABLE,
        help="An engine, a function that returns one, a workflow, or a list of workflows.",
    ),
]
Store = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="URL",
        help=f"The URL of the database, unless the app is an engine. Default: {STORE_VARIABLE}, else sqlite:///runs.db.",
    ),
]
Dispatch = Annotated[
    str | None,
    typer.Option(
        "--dispatch",
        metavar="URL",
        help="A queue that tells workers about new runs: bullmq+redis://... or bullmq+postgresql://..."
        f" Default: {DISPATCH_VARIABLE}.",
    ),
]
Cache = Annotated[
    str | None,
    typer.Option(
        "--cache",
        metavar="URL",
        help=f"A cache that processes share: redis://... Default: {CACHE_VARIABLE}.",
    ),
]
Artifacts = Annotated[
    str | None,
    typer.Option(
        "--artifacts",
        metavar="FOLDER|URL",
        help=f"Where files that steps save are kept: a folder, or s3://... Default: {ARTIFACTS_VARIABLE}.",
    ),
]
LogLevel = Annotated[
    Literal["debug", "info", "warning", "error"],
    typer.Option(
        "--log-level", envvar=LOG_LEVEL_VARIABLE, help="Log events of this level and above on stderr."
    ),
]
LogFormat = Annotated[
    Literal["text", "json"] | None,
    typer.Option(
        "--log-format",
        envvar=LOG_FORMAT_VARIABLE,
        help="The form of the log. Default: text on a terminal, else one JSON object a line.",
    ),
]
Grace = Annotated[
    str,
    typer.Option("--grace", metavar="DURATION", help="How long runs may continue after the first signal."),
]
Tenant = Annotated[str, tenant_option("The tenant that owns the runs.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on stdout.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
RunId = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        callback=text_up_to(MAX_KEY),
        autocompletion=complete_run,
        help="The id of a run, the beginning of its id, or `last` for the newest run.",
    ),
]
StepName = Annotated[
    str | None,
    typer.Argument(
        metavar="STEP",
        autocompletion=complete_step,
        help="Show only this step, with its output, or with its error and stack.",
    ),
]
WorkflowName = Annotated[
    str, typer.Argument(metavar="WORKFLOW", autocompletion=complete_workflow, help="The id of a workflow.")
]
ChangeType = Annotated[
    str, typer.Argument(metavar="CHANGE", help="The type of a change that the workflow declares.")
]
Payload = Annotated[
    str | None,
    typer.Option("--payload", metavar="JSON|FILE|-", help="The payload of the change, as a JSON object."),
]
SetValues = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Set one value, such as brand.hue=210. The value is JSON, or else text. May be repeated.",
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
    typer.Option(
        "--priority", help="Waiting runs start in order of priority, the highest first. Default: 0."
    ),
]
FailureMode = Annotated[
    Literal["continue", "fail_fast"] | None,
    typer.Option("--failure-mode", help="Whether other branches continue when a step fails."),
]
MaxConcurrency = Annotated[
    int | None,
    typer.Option(
        "--max-concurrency", min=1, max=MAX_AT_ONCE, help="How many steps of the run may run at once."
    ),
]
Timeout = Annotated[
    str | None,
    typer.Option(
        "--timeout",
        metavar="DURATION",
        help="The time limit of the whole run, such as 5m or 2h; a bare number is in seconds.",
    ),
]
Detach = Annotated[
    bool, typer.Option("--detach", help="Create the run and exit. A worker, a service or `resume` runs it.")
]
Force = Annotated[
    list[str] | None,
    typer.Option(
        "--force", metavar="STEP", help="Run this step even if its result is cached. May be repeated."
    ),
]
NoCache = Annotated[
    bool,
    typer.Option("--no-cache", help="Take no result from the cache. New results are still cached."),
]
Tags = Annotated[
    list[str] | None, typer.Option("--tag", metavar="NAME=VALUE", help="A tag of the run. May be repeated.")
]
OutFile = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Write the drawing to this file instead of stdout."),
]
OlderThan = Annotated[
    str,
    typer.Option(
        "--older-than",
        metavar="DURATION",
        help="Only runs that ended longer ago than this, such as 30d or 12h.",
    ),
]
AllTenants = Annotated[bool, typer.Option("--all-tenants", help="All tenants, instead of one.")]
