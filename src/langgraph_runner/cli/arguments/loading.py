"""`--app module:attribute` to an engine, as uvicorn loads an application. The current folder can be imported from."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from difflib import get_close_matches  # noqa: TID251 - folders to look in, not a hint
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from langgraph_runner.cli.arguments.options import (
    APP_VARIABLE,
    ARTIFACTS_VARIABLE,
    CACHE_VARIABLE,
    DISPATCH_VARIABLE,
    STORE_VARIABLE,
)
from langgraph_runner.cli.databases import opening
from langgraph_runner.cli.problems import CliCode, CliError, one_line
from langgraph_runner.engine import RunEngine, SyncRunEngine
from langgraph_runner.engine.store.backends import file_of
from langgraph_runner.errors import NodeRunnerError
from langgraph_runner.errors.hints import did_you_mean, with_article

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import ModuleType

    from langgraph_runner.workflow import Workflow, WorkflowSpec

__all__ = ["load_engine", "store_url"]

_DEFAULT_STORE: Final = "sqlite:///runs.db"


def store_url(store: str | None) -> str:
    """The database: as given, else of the environment, else `runs.db` here."""
    return store or os.environ.get(STORE_VARIABLE) or _DEFAULT_STORE


def load_engine(
    app: str | None,
    store: str | None,
    *,
    needs_app: bool,
    may_create: bool,
    defaults: Mapping[str, Any] = MappingProxyType({}),
    **given: Any,
) -> tuple[RunEngine, str]:
    """The engine that the app is, or one for the workflows that it is; and what to call its database: see `told_of`.

    Args:
        app: `module:attribute`: an engine, a function that makes one, a workflow or several. None for an engine that
            has no workflows, and only looks.
        store: The database of an engine that is made here.
        needs_app: Whether there have to be workflows. Without, an app is not loaded where `store` is given.
        may_create: Whether a database that is not there is to be made, and one that is may be changed.
        defaults: Options of `RunEngine` for one that is made here and is given no others.
        **given: Options of `RunEngine` for one that is made here; those that are None are left out. A command that
            reads files gives `artifacts`, if only as None.

    Raises:
        CliError: The app cannot be found or is nothing to run, or the database cannot be opened.
    """
    if app is None and needs_app:
        raise CliError(
            CliCode.USAGE, f"Say which workflows: --app module:attribute, or the variable {APP_VARIABLE}."
        )
    if not needs_app and store is not None:
        app = None  # A command that only looks needs the database, and an app only to find it.
    value = () if app is None else _loaded(app)
    options = {name: each for name, each in given.items() if each is not None}
    if isinstance(value, RunEngine):
        if store is not None:
            raise CliError(
                CliCode.USAGE,
                f"--store: {app} is an engine with a database of its own; leave the option out.",
            )
        if options:
            raise CliError(
                CliCode.USAGE,
                f"--{_flag(next(iter(options)))}: {app} is an engine with options of its own; leave this one out.",
            )
        return value, str(app)
    url = store_url(store)
    if not may_create:
        _refuse_missing(url)
    workflows = () if app is None else _workflows(app, value)
    if needs_app:
        options = {**defaults, **_of_environment(), **options}
    # Other commands read no files, and are not to wait for the library of an object store.
    if needs_app or "artifacts" in given:
        options = {**_files_of_environment(), **options}
    with opening(url):
        return RunEngine(workflows, store=url, migrate=None if may_create else False, **options), url


def _flag(option: str) -> str:
    """What an option of `RunEngine` is called on the command line."""
    flags = {
        "max_active_runs": "max-runs",
        "max_active_runs_per_tenant": "max-runs-per-tenant",
        "max_concurrency": "max-steps",
        "step_queues": "queue",
    }
    return flags.get(option, option)


def _of_environment() -> dict[str, Any]:
    """The queue and the cache that processes share."""
    found = {"dispatch": os.environ.get(DISPATCH_VARIABLE), "cache": os.environ.get(CACHE_VARIABLE)}
    return {name: url for name, url in found.items() if url}


def _files_of_environment() -> dict[str, Any]:
    """Where files are kept that steps save."""
    place = os.environ.get(ARTIFACTS_VARIABLE)
    return {"artifacts": place} if place else {}


def _refuse_missing(url: str) -> None:
    """A command that only looks makes no database where there is none."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return  # The engine says so better.
    path = file_of(parsed)
    if path is not None and not path.exists():
        raise CliError(
            CliCode.DATABASE_NOT_FOUND,
            f"There is no database at {path}: give --store, or set {STORE_VARIABLE}.",
        )


def _loaded(app: str) -> Any:
    name, colon, path = app.partition(":")
    if not colon or not name or not path:
        raise CliError(CliCode.USAGE, f"--app: {app!r} is not module:attribute, such as campaign:engine.")
    if name.startswith(".") or "/" in name or os.sep in name or _is_file(name):
        raise CliError(CliCode.APP_NOT_FOUND, f"--app: {name!r} is no module.{_module_at(name, path)}")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    owner: Any = _module(name)
    value = owner
    for part in path.split("."):
        try:
            owner, value = value, getattr(value, part)
        except AttributeError:
            raise CliError(
                CliCode.APP_NOT_FOUND, f"--app: {name} has no attribute {path!r}.{_offers(value, part)}"
            ) from None
    return _made(app, value, owner)


def _is_file(name: str) -> bool:
    return name.endswith(".py") and Path(name).is_file()


def _module_at(place: str, attribute: str) -> str:
    """What to give instead of the path of a module."""
    path = Path(place.removesuffix(".py")).absolute()
    path = Path(os.path.normpath(path))
    if not path.name or not (path.with_name(f"{path.name}.py").is_file() or path.is_dir()):
        return " Give its name as Python imports it, such as campaign:engine."
    if path.is_relative_to(Path.cwd()):
        return f" Did you mean '{'.'.join(path.relative_to(Path.cwd()).parts)}:{attribute}'?"
    return f" Give '{path.name}:{attribute}' in the folder {path.parent}, or with that in PYTHONPATH."


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (error.name == name or name.startswith(f"{error.name}.")):
            hint = did_you_mean(name, _modules_beside(name)) or f" It is looked for in {Path.cwd()} first."
            raise CliError(CliCode.APP_NOT_FOUND, f"--app: there is no module {name!r}.{hint}") from error
        raise CliError(CliCode.APP_INVALID, f"--app: {name} cannot be imported: {_told(error)}") from error
    except NodeRunnerError:
        raise
    except Exception as error:
        raise CliError(CliCode.APP_INVALID, f"--app: {name} cannot be imported: {_told(error)}") from error


def _made(app: str, value: Any, owner: Any) -> Any:
    """What a factory makes; anything else as it is."""
    if isinstance(value, (RunEngine, SyncRunEngine, *_workflow_types())) or not callable(value):
        return value
    if needed := _parameters(value):
        raise CliError(
            CliCode.APP_INVALID,
            f"--app: {app} needs arguments ({', '.join(needed)}), as a step does;"
            f" give the workflow or the engine of its module.{_apps_in(owner)}",
        )
    if inspect.iscoroutinefunction(value):
        raise CliError(CliCode.APP_INVALID, f"--app: {app} is a coroutine function; give a plain function.")
    try:
        return value()
    except NodeRunnerError:
        raise
    except Exception as error:
        raise CliError(CliCode.APP_INVALID, f"--app: {app} failed: {_told(error)}") from error


def _parameters(function: Any) -> list[str]:
    """The names of those that have to be given."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # Not every builtin has a signature.
        return []
    by_star = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    return [each.name for each in parameters if each.default is each.empty and each.kind not in by_star]


def _workflows(app: str, value: Any) -> Iterable[Workflow | WorkflowSpec]:
    if isinstance(value, _workflow_types()):
        return [value]
    if isinstance(value, (list, tuple, set, frozenset)) and all(
        isinstance(each, _workflow_types()) for each in value
    ):
        return list(value)
    hint = " Give a RunEngine: it blocks nobody here." if isinstance(value, SyncRunEngine) else ""
    raise CliError(
        CliCode.APP_INVALID,
        f"--app: {app} is {_kind(value)}, not a RunEngine, a function that makes one, or workflows.{hint}",
    )


def _workflow_types() -> tuple[type[Workflow], type[WorkflowSpec]]:
    """Imported when an app is loaded: these need LangChain, which takes longer than a command that only looks."""
    from langgraph_runner.workflow import Workflow, WorkflowSpec  # noqa: PLC0415

    return Workflow, WorkflowSpec


def _kind(value: Any) -> str:
    if isinstance(value, (list, tuple, set, frozenset)):
        odd = next(each for each in value if not isinstance(each, _workflow_types()))
        return f"{_a(value)} with {_a(odd)}"
    return _a(value)


def _a(value: Any) -> str:
    return with_article(type(value).__name__)


def _offers(value: Any, part: str) -> str:
    names = [name for name in dir(value) if not name.startswith("_")]
    return did_you_mean(part, names) or _apps_in(value)


def _apps_in(owner: Any) -> str:
    """What could be given of a module."""
    names = [name for name in dir(owner) if not name.startswith("_")]
    fitting = [name for name in names if _may_be_app(getattr(owner, name), owner)]
    return f" It has: {', '.join(fitting)}." if fitting else ""


def _may_be_app(value: Any, owner: Any) -> bool:
    """Whether it is an engine or workflows, or a function of this module that may make some."""
    if isinstance(value, (list, tuple, set, frozenset)):
        return bool(value) and all(isinstance(each, _workflow_types()) for each in value)
    if not inspect.isfunction(value):
        return isinstance(value, (RunEngine, *_workflow_types()))
    is_here = value.__module__ == getattr(owner, "__name__", None)
    return is_here and not inspect.iscoroutinefunction(value) and not inspect.signature(value).parameters


def _modules_beside(name: str) -> list[str]:
    """The modules of the current folder at the depth of `name`; a part of its path that is right leads to them."""
    parts, found = name.split("."), [Path()]
    for part in parts[:-1]:
        folders = {path.parent.name: path.parent for each in found for path in each.glob("*/__init__.py")}
        found = [folders[close] for close in get_close_matches(part, folders, n=1)]
    return [".".join(each.with_suffix("").parts) for folder in found for each in _modules_in(folder)]


def _modules_in(folder: Path) -> list[Path]:
    return [*folder.glob("*.py"), *(path.parent for path in folder.glob("*/__init__.py"))]


def _told(error: Exception) -> str:
    """What was raised, and the line of the user's code where that came from."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not any(part in frame.filename for part in _NOT_THE_USERS)]
    place = f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
    return f"{type(error).__name__}: {one_line(error)}{place}"


_NOT_THE_USERS: Final = ("importlib", "site-packages", str(Path(__file__).parents[2]))
