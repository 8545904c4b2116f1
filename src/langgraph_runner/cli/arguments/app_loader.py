"""`--app module:attribute` to an engine, as uvicorn loads an application. The current folder is searched first."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from difflib import get_close_matches  # noqa: TID251 - finds folders to search, gives no hint
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from langgraph_runner.annotations import signature_of
from langgraph_runner.cli.database_errors import file_of_database, opening_errors
from langgraph_runner.cli.environment import (
    APP_VARIABLE,
    ARTIFACTS_VARIABLE,
    CACHE_VARIABLE,
    DISPATCH_VARIABLE,
    STORE_VARIABLE,
)
from langgraph_runner.cli.problems import CliCode, CliError, first_line
from langgraph_runner.engine import RunEngine, SyncRunEngine
from langgraph_runner.errors import NodeRunnerError
from langgraph_runner.errors.hints import did_you_mean, with_article
from langgraph_runner.redaction import sanitize_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import ModuleType

    from langgraph_runner.workflow import Workflow, WorkflowSpec

__all__ = ["load_engine", "store_url"]

_DEFAULT_STORE: Final = "sqlite:///runs.db"
_COLLECTIONS: Final = (list, tuple, set, frozenset)
# An import can fail with a connection string in its message, and `serve` writes to a log.
_MAX_ERROR_CHARS: Final = 500
_NOT_OF_THE_USER: Final = ("importlib", "site-packages", str(Path(__file__).parents[2]))
"""Parts of the paths of files that are not the code of the user."""
_OPTIONS_BY_OTHER_NAME: Final = {
    "max_active_runs": "max-runs",
    "max_active_runs_per_tenant": "max-runs-per-tenant",
    "max_concurrency": "max-steps",
    "step_queues": "queue",
}
"""Options of the command line that have another name than the option of `RunEngine`."""


def store_url(store: str | None) -> str:
    """Return the URL of the database: `store`, else that of the environment, else `runs.db` in this folder."""
    return store or os.environ.get(STORE_VARIABLE) or _DEFAULT_STORE


def load_engine(
    app: str | None,
    store: str | None,
    *,
    needs_app: bool = False,
    may_create: bool = False,
    defaults: Mapping[str, Any] = MappingProxyType({}),
    **given: Any,
) -> tuple[RunEngine, str]:
    """Load the engine that the app is, or make one for the workflows that it is.

    Args:
        app: `module:attribute` of an engine, a function that returns one, a workflow, or several workflows. None for
            an engine without workflows, which can only read.
        store: The database of an engine that is made here.
        needs_app: Whether workflows are needed. If not, and `store` is given, the app is not loaded.
        may_create: Whether to create a database that does not exist, and to migrate one that does, though no
            workflows are needed.
        defaults: Options of `RunEngine` for an engine that is made here, where `given` has none.
        **given: Options of `RunEngine` for an engine that is made here. None stands for an option that was not given.
            A command that reads files passes `artifacts`, if only as None.

    Returns:
        The engine, and the name of its database for `database_errors()`.

    Raises:
        CliError: The app cannot be found or loaded, or the database cannot be opened.
    """
    may_create = may_create or needs_app
    if app is None and needs_app:
        raise CliError(CliCode.USAGE, f"No app is given: use --app module:attribute, or set {APP_VARIABLE}.")
    if not needs_app and store is not None:
        app = None  # A command that only reads would need the app only to find the database.
    value = () if app is None else _load(app)
    options = {name: each for name, each in given.items() if each is not None}
    if isinstance(value, RunEngine):
        if store is not None:
            _refuse_option("store", app, "database")
        for name in options:
            _refuse_option(_OPTIONS_BY_OTHER_NAME.get(name, name), app, "options")
        return value, str(app)
    url = store_url(store)
    if not may_create:
        _refuse_missing_database(url)
    workflows = () if app is None else _as_workflows(app, value)
    if needs_app:
        # An engine of the user, above, ignores the variables of what processes share: they are for many commands.
        shared = {"dispatch": os.environ.get(DISPATCH_VARIABLE), "cache": os.environ.get(CACHE_VARIABLE)}
        options = {**defaults, **{name: url for name, url in shared.items() if url}, **options}
    # Other commands read no files, and should not wait for the library of an object store.
    if (needs_app or "artifacts" in given) and (place := os.environ.get(ARTIFACTS_VARIABLE)):
        options.setdefault("artifacts", place)
    with opening_errors(url):
        return RunEngine(workflows, store=url, migrate=None if may_create else False, **options), url


def _refuse_option(option: str, app: str | None, own: str) -> None:
    raise CliError(
        CliCode.USAGE,
        f"--{option} cannot be used with --app {app}, which is an engine with its own {own}. Leave --{option} out.",
    )


def _refuse_missing_database(url: str) -> None:
    """Refuse a SQLite file that does not exist: a command that only reads creates none."""
    path = file_of_database(url)
    if path is not None and not path.exists():
        raise CliError(
            CliCode.DATABASE_NOT_FOUND,
            f"There is no database at {path}. Give --store, or set {STORE_VARIABLE}.",
        )


def _load(app: str) -> Any:
    name, colon, path = app.partition(":")
    if not colon or not name or not path:
        raise CliError(
            CliCode.USAGE, f"--app must be module:attribute, such as campaign:engine, got {app!r}."
        )
    is_file = name.endswith(".py") and Path(name).is_file()
    if name.startswith(".") or "/" in name or os.sep in name or is_file:
        raise CliError(
            CliCode.APP_NOT_FOUND, f"--app: {name!r} is not the name of a module.{_name_for(name, path)}"
        )
    # A console script does not search the current folder, as `python -m` does.
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    owner: Any = _import(name)
    value = owner
    for part in path.split("."):
        try:
            owner, value = value, getattr(value, part)
        except AttributeError:
            names = [each for each in dir(value) if not each.startswith("_")]
            hint = did_you_mean(part, names) or _apps_in(value)
            raise CliError(CliCode.APP_NOT_FOUND, f"--app: {name} has no attribute {path!r}.{hint}") from None
    return _call_factory(app, value, owner)


def _name_for(place: str, attribute: str) -> str:
    """Suggest what to give instead of the path of a module."""
    path = Path(os.path.normpath(Path(place.removesuffix(".py")).absolute()))
    if not path.name or not (path.with_name(f"{path.name}.py").is_file() or path.is_dir()):
        return " Give the name that Python imports, such as campaign:engine."
    if path.is_relative_to(Path.cwd()):
        return f" Did you mean '{'.'.join(path.relative_to(Path.cwd()).parts)}:{attribute}'?"
    return f" Give '{path.name}:{attribute}' in the folder {path.parent}, or add that folder to PYTHONPATH."


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except NodeRunnerError:
        raise
    except Exception as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing is not None and (missing == name or name.startswith(f"{missing}.")):
            hint = did_you_mean(name, _local_modules(name)) or f" {Path.cwd()} is searched first."
            raise CliError(CliCode.APP_NOT_FOUND, f"--app: there is no module {name!r}.{hint}") from error
        raise CliError(
            CliCode.APP_INVALID, f"--app: {name} cannot be imported: {_describe(error)}"
        ) from error


def _call_factory(app: str, value: Any, owner: Any) -> Any:
    """Return what a function returns; anything else as it is."""
    if isinstance(value, (RunEngine, SyncRunEngine, *_workflow_types())) or not callable(value):
        return value
    if required := _required_parameters(value):
        raise CliError(
            CliCode.APP_INVALID,
            f"--app: {app} needs arguments ({', '.join(required)}). If it is a step,"
            f" give its workflow or engine instead.{_apps_in(owner)}",
        )
    if inspect.iscoroutinefunction(value):
        raise CliError(CliCode.APP_INVALID, f"--app: {app} is a coroutine function; give a plain function.")
    try:
        return value()
    except NodeRunnerError:
        raise
    except Exception as error:
        raise CliError(CliCode.APP_INVALID, f"--app: {app} failed: {_describe(error)}") from error


def _required_parameters(function: Any) -> list[str]:
    try:
        parameters = signature_of(function).parameters.values()
    except (TypeError, ValueError):  # Some builtins have no signature.
        return []
    starred = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    return [each.name for each in parameters if each.default is each.empty and each.kind not in starred]


def _as_workflows(app: str, value: Any) -> Iterable[Workflow | WorkflowSpec]:
    if isinstance(value, _workflow_types()):
        return [value]
    if _are_workflows(value):
        return list(value)
    kind = with_article(type(value).__name__)
    if isinstance(value, _COLLECTIONS):
        other = next(each for each in value if not isinstance(each, _workflow_types()))
        kind += f" with {with_article(type(other).__name__)}"
    hint = ""
    if isinstance(value, SyncRunEngine):
        hint = " Give a RunEngine: the command line has its own event loop."
    raise CliError(
        CliCode.APP_INVALID,
        f"--app must be a RunEngine, a function that returns one, or workflows, got {kind} ({app}).{hint}",
    )


def _are_workflows(value: Any) -> bool:
    return isinstance(value, _COLLECTIONS) and all(isinstance(each, _workflow_types()) for each in value)


def _workflow_types() -> tuple[type[Workflow], type[WorkflowSpec]]:
    """Import the types late: they need LangChain, which takes longer to import than a command that only reads."""
    from langgraph_runner.workflow import Workflow, WorkflowSpec  # noqa: PLC0415

    return Workflow, WorkflowSpec


def _apps_in(owner: Any) -> str:
    """Name the attributes of a module that can be an app."""
    names = [name for name in dir(owner) if not name.startswith("_")]
    fitting = [name for name in names if _may_be_app(getattr(owner, name), owner)]
    return f" It has: {', '.join(fitting)}." if fitting else ""


def _may_be_app(value: Any, owner: Any) -> bool:
    """Return whether a value is an engine or workflows, or a function of this module that may return some."""
    if isinstance(value, (RunEngine, *_workflow_types())):
        return True
    if not inspect.isfunction(value):
        return bool(_are_workflows(value) and value)
    is_of_module = value.__module__ == getattr(owner, "__name__", None)
    return is_of_module and not inspect.iscoroutinefunction(value) and not signature_of(value).parameters


def _local_modules(name: str) -> list[str]:
    """Return the modules of the current folder that are as deep in packages as `name`.

    The packages are those whose names are close to the packages in `name`.
    """
    packages = name.split(".")[:-1]
    folders = [Path()]
    for package in packages:
        by_name = {path.parent.name: path.parent for each in folders for path in each.glob("*/__init__.py")}
        folders = [by_name[close] for close in get_close_matches(package, by_name, n=1)]
    found = []
    for folder in folders:
        modules = [*folder.glob("*.py"), *(path.parent for path in folder.glob("*/__init__.py"))]
        found += [".".join(each.with_suffix("").parts) for each in modules]
    return found


def _describe(error: Exception) -> str:
    """Name the error, and the line of the user's code that raised it."""
    place = ""
    # The last frame of the user is the nearest to the error.
    for frame in traceback.extract_tb(error.__traceback__):
        if not any(part in frame.filename for part in _NOT_OF_THE_USER):
            place = f" ({Path(frame.filename).name}, line {frame.lineno})"
    return f"{type(error).__name__}: {sanitize_text(first_line(error), max_chars=_MAX_ERROR_CHARS)}{place}"
