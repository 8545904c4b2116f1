"""The displays of a run that a command follows: the live table of a terminal, and the lines of a pipe."""

import re

import pytest

from langgraph_runner.cli.render.displays import LineDisplay, LiveDisplay
from langgraph_runner.cli.render.output import Output
from tests.cli.views import ago, event, view_of

pytestmark = pytest.mark.req("R-54")


RED_LINE, GREEN_LINE = "\x1b[31m━", "\x1b[32m━"


_CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def frame(screen):
    """Returns what the live table shows: as lines, or with colours as one text."""

    def shown(view, *, notice="", **options):
        terminal = screen.terminal(**options)
        display = LiveDisplay(Output())
        if notice:
            display.notice(notice)
        with display.shown(view):
            pass
        written = terminal.getvalue()
        return (
            written
            if options.get("colours")
            else [line.rstrip() for line in _CONTROLS.sub("", written).replace("\r", "").splitlines()]
        )

    return shown


def test_the_table_has_the_run_its_steps_and_a_progress_bar(frame):
    """A pending step has no duration. The bar counts steps that have ended."""
    lines = frame(
        view_of(
            theme={"status": "completed", "duration_ms": 1200},
            media={"status": "running", "started_at": ago(seconds=62)},
            bundle="pending",
        )
    )
    assert lines[0] == "shop.v1  r1"
    assert re.fullmatch(r"✓ theme +1.2 s", lines[1])
    assert re.fullmatch(r". media  1 min 0\d s", lines[2])
    assert lines[3] == "· bundle"
    assert re.fullmatch(r"━+ +1/3  1 min 0\d s", lines[4])


def test_the_table_shows_reasons_and_attempts(frame):
    """They are in the last column."""
    lines = frame(
        view_of(
            theme={"status": "failed", "attempts": 3, "duration_ms": 5},
            media={"status": "skipped", "reason": "cache_hit"},
            bundle={"status": "skipped", "reason": "upstream_failed"},
        )
    )
    assert lines[1].endswith("5 ms 3 attempts")
    assert lines[2].endswith(" cached")
    assert lines[3].endswith(" blocked: a dependency failed")


def test_a_narrow_terminal_gets_no_last_column(frame):
    """No line is longer than the terminal is wide."""
    view = view_of(bundle={"status": "skipped", "reason": "upstream_failed"})
    assert "blocked" in "".join(frame(view, columns=60))
    lines = frame(view, columns=40)
    assert "blocked" not in "".join(lines)
    assert max(map(len, lines)) <= 40


def test_the_most_relevant_steps_are_shown_if_not_all_fit(frame):
    """Running, failed, then the latest that ended; in the order of the workflow."""
    steps = {f"s{i}": {"status": "completed", "started_at": ago(seconds=100 - i)} for i in range(20)}
    steps |= {"s3": "failed", "s20": "running", "s21": "pending"}
    lines = frame(view_of(**steps), lines=8)
    assert [line.split()[1] for line in lines[1:5]] == ["s3", "s18", "s19", "s20"]
    assert lines[5] == "and 18 more steps"
    assert len(lines) <= 8


@pytest.mark.parametrize("other", ["pending", "completed"])
def test_the_bar_is_red_after_a_failure(frame, other):
    """The bar is red during the run and at its end."""
    written = frame(view_of(theme="failed", media=other), colours=True)
    assert (RED_LINE in written, GREEN_LINE in written) == (True, False)


def test_the_bar_of_a_run_without_failures_is_green(frame):
    """The bar is green during the run and at its end."""
    assert GREEN_LINE in frame(view_of(theme="completed", media="pending"), colours=True)
    assert GREEN_LINE in frame(view_of(theme="completed"), colours=True)


def test_a_notice_is_below_the_bar(frame):
    """An example is the effect of a second Ctrl-C."""
    assert frame(view_of(theme="running"), notice="Cancelling")[-1] == "Cancelling"


def test_a_terminal_without_unicode_gets_ascii(frame):
    """The bar and the spinner are ASCII, too."""
    lines = frame(view_of(theme="completed", media="running", bundle="pending"), encoding="ascii")
    assert "".join(lines).isascii()
    assert lines[1].startswith("+ theme")


def test_the_table_disappears_when_the_run_ends(screen):
    """Its steps and one line about the run are printed instead."""
    done = screen("run", "shop.v1")
    assert done.code == 0
    rest = _CONTROLS.sub("", done.out.rpartition("\x1b[2K")[2])
    lines = rest.splitlines()
    assert lines[0].split() == ["step", "status", "took", "attempts"]
    assert lines[-2].startswith("✓ shop.v1 completed in ")
    assert lines[-1].startswith("  run ")


def test_what_steps_print_does_not_break_the_table(screen):
    """Output of steps is printed above the table."""
    assert "the theme is made\n" in screen("run", "shop.v1").out


def test_a_line_has_the_number_of_attempts(screen, monkeypatch, capsys):
    """The number is after the duration."""
    monkeypatch.undo()
    view = view_of(media="running")
    display = LineDisplay(Output())
    happened = event("step_failed", step="media", attempts=2, duration_ms=30.0)
    display.show_event(view, happened, view.apply(happened))
    assert capsys.readouterr().out == "media failed (30 ms, 2 attempts)\n"


@pytest.mark.parametrize(
    ("kind", "data", "line"),
    [
        ("step_waiting", {}, "media waiting"),
        (
            "step_retrying",
            {"attempt": 1, "error_type": "HTTPError", "retry_in_ms": 1500.0},
            "media attempt 1 failed: HTTPError, retrying in 1.5 s",
        ),
    ],
)
def test_a_line_says_what_a_step_waits_for(monkeypatch, capsys, kind, data, line):
    """The same work in another process, or the next attempt."""
    monkeypatch.undo()
    view = view_of(media="running")
    happened = event(kind, step="media", **data)
    LineDisplay(Output()).show_event(view, happened, view.apply(happened))
    assert capsys.readouterr().out == f"{line}\n"
    assert view.steps["media"].status == "running"


def test_the_table_shows_the_current_attempt(frame):
    """The number changes as soon as an attempt has failed."""
    view = view_of(media={"status": "running", "started_at": ago(seconds=9)})
    view.apply(event("step_retrying", step="media", attempt=1, error_type="HTTPError", retry_in_ms=1500.0))
    assert any("media" in line and "2 attempts" in line for line in frame(view))


def test_a_recovered_run_has_no_running_steps():
    """Its steps are pending until another process starts them."""
    view = view_of(theme="completed", media={"status": "running", "started_at": ago(seconds=9)})
    assert view.apply(event("run_recovered")) is None
    media = view.steps["media"]
    assert (media.status, media.elapsed_ms(ago(seconds=0))) == ("pending", None)
    assert view.steps["theme"].status == "completed"


def test_old_events_do_not_restart_a_step():
    """The steps may be newer than the events that are read."""
    view = view_of(theme="completed")
    assert view.apply(event("step_started", step="theme")).status == "completed"
