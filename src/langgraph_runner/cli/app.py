"""The commands put together, and what becomes of an error in any of them.

What only a command at work needs (the engine, SQLAlchemy, rich) is imported inside functions, here and in the modules
of the commands: `--help` and shell completion load none of it.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from itertools import islice
from shutil import get_terminal_size
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from langgraph_runner.cli.arguments.options import KEY_VARIABLE, SERVER_VARIABLE
from langgraph_runner.cli.commands import changing, database, drawing, looking, running, serving, working
from langgraph_runner.cli.exits import ExitCode
from langgraph_runner.cli.problems import CliCode, Problem, one_line
from langgraph_runner.cli.remote import SERVER, server_of

__all__ = ["COMMANDS", "Commands", "app", "make_app"]

_WIDE = 80
_WITH_VALUE = frozenset({"--server", "--api-key-file"})

_UsageError: type[Exception] = typer.BadParameter.__mro__[1]
"""What the parser raises. It has moved between releases of typer, but not in its tree."""

COMMANDS = (
    ("Run", (running.run, running.update, running.retry, running.resume, changing.cancel)),
    (
        "Look",
        (
            looking.status,
            looking.steps,
            looking.artifacts,
            looking.events,
            looking.runs,
            looking.plan,
            drawing.timeline,
        ),
    ),
    ("Workflows", (looking.workflows, drawing.graph)),
    ("Keep", (changing.prune, changing.archive, changing.restore)),
    ("Serve", (serving.serve, working.worker)),
)


class Commands(TyperGroup):
    """All commands. An exception ends the process with the exit code that belongs to it, and one line on stderr."""

    def main(self, args: Any = None, prog_name: Any = None, *others: Any, **extra: Any) -> NoReturn:
        """Parse, run, and exit."""
        args = [*(sys.argv[1:] if args is None else args)]
        as_json = "--json" in args
        extra["standalone_mode"] = False
        try:
            code = super().main(
                _global_options_first(args), prog_name or "langgraph-runner", *others, **extra
            )
            sys.stdout.flush()
        except (typer.Abort, KeyboardInterrupt):
            code = ExitCode.LEFT
        except _UsageError as error:
            code = _misused(error, as_json=as_json)
        except Exception as error:
            if os.environ.get("LANGGRAPH_RUNNER_DEBUG"):
                raise
            from langgraph_runner.cli.render.output import show_problem

            problem = Problem.of(error)
            show_problem(problem, as_json=as_json)
            code = problem.exit_code
        finally:
            SERVER.set(None)  # Programs that call the command line again start without a service.
        sys.exit(int(code) if isinstance(code, int) else ExitCode.OK)


def make_app(*, is_rich: bool) -> typer.Typer:
    """The command line; `is_rich` for help with frames and colours."""
    made = typer.Typer(
        name="langgraph-runner",
        cls=Commands,
        help="Run workflows durably, follow them, rebuild them for a change.",
        no_args_is_help=True,
        rich_markup_mode="rich" if is_rich else None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    made.callback()(_before_any_command)
    for panel, functions in COMMANDS:
        for function in functions:
            made.command(rich_help_panel=panel if is_rich else None)(function)
    schema = typer.Typer(
        help="The schema of the database, and which rows a role sees.",
        no_args_is_help=True,
        rich_markup_mode="rich" if is_rich else None,
    )
    for of_schema in (database.upgrade, database.current, database.downgrade, database.row_security):
        schema.command()(of_schema)
    made.add_typer(schema, name="db", rich_help_panel="Keep" if is_rich else None)
    keys = typer.Typer(
        help="API keys of the service.",
        no_args_is_help=True,
        rich_markup_mode="rich" if is_rich else None,
    )
    for command, name in (
        (serving.create, "create"),
        (serving.list_keys, "list"),
        (serving.rotate, "rotate"),
        (serving.revoke, "revoke"),
    ):
        keys.command(name)(command)
    made.add_typer(keys, name="keys", rich_help_panel="Serve" if is_rich else None)
    return made


def _say_version(is_asked_for: bool) -> None:
    if is_asked_for:
        from langgraph_runner.cli.render.output import Output

        Output().line(f"langgraph-runner {version('langgraph-runner')}")
        raise typer.Exit


def _before_any_command(
    ctx: typer.Context,
    _: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_say_version, help="Show the version and exit."),
    ] = False,
    server: Annotated[
        str | None,
        typer.Option(
            "--server",
            metavar="URL",
            envvar=SERVER_VARIABLE,
            help=f"Use the service there, with the API key in {KEY_VARIABLE}.",
        ),
    ] = None,
    api_key_file: Annotated[
        str | None, typer.Option("--api-key-file", metavar="FILE", help="Has the API key for --server.")
    ] = None,
    allow_insecure: Annotated[
        bool, typer.Option("--allow-insecure", help="Send the key over plain http to another machine.")
    ] = False,
) -> None:
    del server, api_key_file, allow_insecure  # They are read from the context, as for shell completion.
    SERVER.set(server_of(ctx))


def _global_options_first(args: list[str]) -> list[str]:
    """The arguments with `--server` and what belongs to it in front, so that it may stand behind the command, too."""
    first: list[str] = []
    rest: list[str] = []
    left = iter(args)
    for each in left:
        if each == "--":
            rest += [each, *left]
        elif each in _WITH_VALUE:
            first += [each, *islice(left, 1)]
        elif each == "--allow-insecure" or each.startswith(tuple(f"{name}=" for name in _WITH_VALUE)):
            first.append(each)
        else:
            rest.append(each)
    return first + rest


def _misused(error: Any, *, as_json: bool) -> ExitCode:
    if as_json:
        from langgraph_runner.cli.render.output import show_problem

        message = one_line(error.format_message())
        show_problem(Problem(CliCode.USAGE, message, ExitCode.USAGE), as_json=True)
    else:
        error.show()
    return ExitCode.USAGE


# In fewer columns the frames leave so little room that names of options are cut.
app = make_app(is_rich=sys.stdout.isatty() and get_terminal_size().columns >= _WIDE)
