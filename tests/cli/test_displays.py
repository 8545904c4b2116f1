"""A run as it goes: the table that lives in a terminal, the lines for a pipe, and the view that both show."""

import re
from datetime import timedelta

import pytest

from langgraph_runner.cli.render.displays import LineDisplay, LiveDisplay
from langgraph_runner.cli.render.output import Output
from langgraph_runner.cli.run_view import RunView
from langgraph_runner.engine import Run, RunEvent, RunStep
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES

pytestmark = pytest.mark.req("R-54")
RED_LINE, GREEN_LINE = "\x1b[31m━", "\x1b[32m━"
_CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def ago(**amount):
    """A time before now."""
    return REAL_RUNTIMES.awaiting.now_utc() - timedelta(**amount)


def view_of(**steps):
    """A run that began 65 s ago, with steps from their status or their fields."""
    begun = ago(seconds=65)
    run = Run(
        id="r1",
        tenant="t",
        workflow="shop.v1",
        workflow_version="1",
        status="running",
        trigger="manual",
        created_at=begun,
        started_at=begun,
    )
    fields = {name: {"status": step} if isinstance(step, str) else step for name, step in steps.items()}
    return RunView(run, [RunStep(run_id="r1", step=name, **given) for name, given in fields.items()])


def event(kind, **data):
    """Something that has happened."""
    return RunEvent(seq=1, run_id="r1", type=kind, at=ago(seconds=0), data=data)


@pytest.fixture
def frame(screen):
    """Gives what the table shows of a run, as lines; with colours as one text."""

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


def test_the_table_has_the_run_its_steps_and_how_far_it_is(frame):
    """What waits has no time, and the bar counts what has ended."""
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


def test_the_table_says_why_a_step_did_not_run_and_how_often_it_was_tried(frame):
    """In the last column."""
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


def test_of_more_steps_than_fit_those_that_matter_now_are_shown(frame):
    """What runs, what has failed, then what ended last; in the order of the workflow."""
    steps = {f"s{i}": {"status": "completed", "started_at": ago(seconds=100 - i)} for i in range(20)}
    steps |= {"s3": "failed", "s20": "running", "s21": "pending"}
    lines = frame(view_of(**steps), lines=8)
    assert [line.split()[1] for line in lines[1:5]] == ["s3", "s18", "s19", "s20"]
    assert lines[5] == "and 18 more steps"
    assert len(lines) <= 8


@pytest.mark.parametrize("other", ["pending", "completed"])
def test_the_bar_turns_red_when_a_step_has_failed(frame, other):
    """Until the run is over, and then, too."""
    written = frame(view_of(theme="failed", media=other), colours=True)
    assert (RED_LINE in written, GREEN_LINE in written) == (True, False)


def test_the_bar_of_a_run_without_failures_is_green(frame):
    """While it goes, and when it is full."""
    assert GREEN_LINE in frame(view_of(theme="completed", media="pending"), colours=True)
    assert GREEN_LINE in frame(view_of(theme="completed"), colours=True)


def test_a_notice_stands_below_the_bar(frame):
    """Such as what a second Ctrl-C would do."""
    assert frame(view_of(theme="running"), notice="Cancelling")[-1] == "Cancelling"


def test_a_terminal_without_unicode_gets_ascii(frame):
    """The bar and the sign of what runs, too."""
    lines = frame(view_of(theme="completed", media="running", bundle="pending"), encoding="ascii")
    assert "".join(lines).isascii()
    assert lines[1].startswith("+ theme")


def test_the_table_is_gone_when_the_run_is_over(screen):
    """What stays is the answer: the steps, and one line on the run."""
    done = screen("run", "shop.v1")
    assert done.code == 0
    rest = _CONTROLS.sub("", done.out.rpartition("\x1b[2K")[2])
    lines = rest.splitlines()
    assert lines[0].split() == ["step", "status", "took", "attempts"]
    assert lines[-2].startswith("✓ shop.v1 completed in ")
    assert lines[-1].startswith("  run ")


def test_what_steps_print_does_not_break_the_table(screen):
    """It stands above."""
    assert "the theme is made\n" in screen("run", "shop.v1").out


def test_a_run_that_was_recovered_has_nothing_that_runs():
    """Its steps wait again, for whoever took it over."""
    view = view_of(theme="completed", media={"status": "running", "started_at": ago(seconds=9)})
    assert view.apply(event("run_recovered")) is None
    media = view.steps["media"]
    assert (media.status, media.elapsed_ms(ago(seconds=0))) == ("pending", None)
    assert view.steps["theme"].status == "completed"


def test_events_that_are_older_than_what_is_known_open_no_step_again():
    """A run that is looked at later is ahead of its events."""
    view = view_of(theme="completed")
    assert view.apply(event("step_started", step="theme")).status == "completed"


def test_a_pipe_is_told_how_often_a_step_was_tried(screen, monkeypatch, capsys):
    """Beside how long it took."""
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
def test_a_pipe_is_told_what_holds_a_step_up(monkeypatch, capsys, kind, data, line):
    """The same work in another process, or an attempt that has failed."""
    monkeypatch.undo()
    view = view_of(media="running")
    happened = event(kind, step="media", **data)
    LineDisplay(Output()).show_event(view, happened, view.apply(happened))
    assert capsys.readouterr().out == f"{line}\n"
    assert view.steps["media"].status == "running"


def test_the_table_says_which_attempt_is_under_way(frame):
    """As soon as one has failed, not only at the end."""
    view = view_of(media={"status": "running", "started_at": ago(seconds=9)})
    view.apply(event("step_retrying", step="media", attempt=1, error_type="HTTPError", retry_in_ms=1500.0))
    assert any("media" in line and "2 attempts" in line for line in frame(view))
