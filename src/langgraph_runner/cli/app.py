"""The Typer application: all commands, and how an error in any of them ends the process.

Help and shell completion import neither the engine nor SQLAlchemy nor rich: commands import them inside functions.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from itertools import islice
from shutil import get_terminal_size
from typing import Annotated, Any, Final, Literal, NoReturn

import typer
from typer.core import TyperGroup

from langgraph_runner.cli.commands import db, draw, keys, retention, run, serve, show, worker
from langgraph_runner.cli.environment import DEBUG_VARIABLE, KEY_VARIABLE, PREFIX, SERVER_VARIABLE
from langgraph_runner.cli.problems import CliCode, Problem, first_line
from langgraph_runner.cli.session import SERVER, server_option
from langgraph_runner.errors.codes import ExitCode

__all__ = ["COMMANDS", "Commands", "app", "make_app"]

_FRAMES_FROM: Final = 80
"""The columns that help with frames needs. In fewer, names of options would be cut."""
_GLOBAL_OPTIONS_WITH_VALUE: Final = frozenset({"--server", "--api-key-file"})

_UsageError: type[Exception] = typer.BadParameter.__mro__[1]
"""What the parser raises. Releases of Typer have it in different modules, but always as the parent of this class."""

COMMANDS: Final = (
    ("Run", (run.run, run.update, run.retry, run.resume, run.cancel)),
    (
        "Inspect",
        (show.status, show.steps, show.artifacts, show.events, show.runs, run.plan, draw.timeline),
    ),
    ("Workflows", (show.workflows, draw.graph)),
    ("Maintain", (retention.prune, retention.archive, retention.restore)),
    ("Serve", (serve.serve, worker.worker)),
)
"""The commands by the panel of the help that lists them."""


class Commands(TyperGroup):
    """All commands. An exception ends the process with its exit code and one line on stderr."""

    def main(self, args: Any = None, prog_name: Any = None, *others: Any, **extra: Any) -> NoReturn:
        """Parse the command line, run the command, and exit."""
        args = [*(sys.argv[1:] if args is None else args)]
        as_json = "--json" in args
        _hide_variables(self)
        # Typer would print errors in its own form, and exit with its own codes.
        extra["standalone_mode"] = False
        try:
            code = super().main(
                _global_options_first(args), prog_name or "langgraph-runner", *others, **extra
            )
            sys.stdout.flush()
        except (typer.Abort, KeyboardInterrupt):
            code = ExitCode.LEFT
        except _UsageError as error:
            code = _print_usage_problem(error, as_json=as_json)
        except Exception as error:
            if os.environ.get(DEBUG_VARIABLE):
                raise
            from langgraph_runner.cli.render.output import print_problem

            problem = Problem.of(error)
            print_problem(problem, as_json=as_json)
            code = problem.exit_code
        finally:
            SERVER.set(None)  # The next call in this process starts without a service.
        # `typer.Exit` arrives here as its exit code.
        sys.exit(int(code) if isinstance(code, int) else ExitCode.OK)


def make_app(*, is_rich: bool) -> typer.Typer:
    """Make the application. If `is_rich`, its help has frames and colours."""
    markup: Literal["rich"] | None = "rich" if is_rich else None

    def panel(name: str) -> str | None:
        return name if is_rich else None

    application = typer.Typer(
        name="langgraph-runner",
        cls=Commands,
        help="Run workflows durably, follow them, and rebuild them for a change.\n\n"
        f"Each option has an environment variable, such as {PREFIX}_WORKER_MAX_RUNS for `worker --max-runs`.",
        no_args_is_help=True,
        rich_markup_mode=markup,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": PREFIX},
    )
    application.callback()(_set_server)
    for name, functions in COMMANDS:
        for function in functions:
            application.command(rich_help_panel=panel(name))(function)
    db_group = typer.Typer(
        help="The schema of the database, and row-level security.",
        no_args_is_help=True,
        rich_markup_mode=markup,
    )
    db_group.command("upgrade")(db.upgrade)
    db_group.command("current")(db.current)
    db_group.command("downgrade")(db.downgrade)
    db_group.command("row-security")(db.row_security)
    application.add_typer(db_group, name="db", rich_help_panel=panel("Maintain"))
    keys_group = typer.Typer(help="API keys of the service.", no_args_is_help=True, rich_markup_mode=markup)
    keys_group.command("create")(keys.create)
    keys_group.command("list")(keys.list_keys)
    keys_group.command("rotate")(keys.rotate)
    keys_group.command("revoke")(keys.revoke)
    application.add_typer(keys_group, name="keys", rich_help_panel=panel("Serve"))
    return application


def _hide_variables(command: Any) -> None:
    """Leave out of the help the variables that follow from the names of command and option."""
    for option in command.params:
        option.show_envvar = option.envvar is not None
    for subcommand in getattr(command, "commands", {}).values():
        _hide_variables(subcommand)


def _print_version(is_given: bool) -> None:
    if is_given:
        from langgraph_runner.cli.render.output import Output

        Output().line(f"langgraph-runner {version('langgraph-runner')}")
        raise typer.Exit


def _set_server(
    ctx: typer.Context,
    _: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_print_version, help="Show the version and exit."),
    ] = False,
    server: Annotated[
        str | None,
        typer.Option(
            "--server",
            metavar="URL",
            envvar=SERVER_VARIABLE,
            help=f"Use the service at this URL, with the API key in {KEY_VARIABLE}.",
        ),
    ] = None,
    api_key_file: Annotated[
        str | None,
        typer.Option("--api-key-file", metavar="FILE", help="Read the API key for --server from this file."),
    ] = None,
    allow_insecure: Annotated[
        bool,
        typer.Option("--allow-insecure", help="Allow sending the key over plain http to another machine."),
    ] = False,
) -> None:
    """Set the service for the command. Runs before any command."""
    del server, api_key_file, allow_insecure  # Read from the context, as shell completion has to read them.
    SERVER.set(server_option(ctx))


def _global_options_first(args: list[str]) -> list[str]:
    """Move `--server` and its options to the front, so that the user may also write them behind the command."""
    first: list[str] = []
    rest: list[str] = []
    remaining = iter(args)
    for each in remaining:
        if each == "--":  # Everything behind it is an argument.
            rest += [each, *remaining]
        elif each in _GLOBAL_OPTIONS_WITH_VALUE:
            first += [each, *islice(remaining, 1)]
        elif each == "--allow-insecure" or each.startswith(
            tuple(f"{name}=" for name in _GLOBAL_OPTIONS_WITH_VALUE)
        ):
            first.append(each)
        else:
            rest.append(each)
    return first + rest


def _print_usage_problem(error: Any, *, as_json: bool) -> ExitCode:
    error.message = error.message.replace("Value error, ", "")  # Typer takes over the words of pydantic.
    if as_json:
        from langgraph_runner.cli.render.output import print_problem

        message = first_line(error.format_message())
        print_problem(Problem(CliCode.USAGE, message, ExitCode.USAGE), as_json=True)
    else:
        error.show()
    return ExitCode.USAGE


app = make_app(is_rich=sys.stdout.isatty() and get_terminal_size().columns >= _FRAMES_FROM)
