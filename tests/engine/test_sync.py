"""The engine without an event loop: its thread, its iterators, and closing it."""

import asyncio
import inspect
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from langgraph_runner.engine import RunEngine, RunNotFoundError, RunStatus, SyncRunEngine
from langgraph_runner.engine.options import TriggerOptions
from langgraph_runner.workflow import ChangeRequest, Workflow


@pytest.fixture
def flow():
    """One step."""
    flow = Workflow("w")
    flow.step(lambda: 1, id="s", output=int)
    return flow


@pytest.fixture
def url(tmp_path):
    """The address of a new database."""
    return f"sqlite:///{tmp_path / 'runs.db'}"


@pytest.fixture
def loops():
    """Returns the threads of the sync engines that the test has created."""
    before = {*threading.enumerate()}
    return lambda: [
        thread
        for thread in threading.enumerate()
        if thread.name == "langgraph-runner" and thread not in before
    ]


def test_an_engine_that_cannot_be_made_leaves_no_thread(url, loops):
    """The error is that of `RunEngine`."""
    with pytest.raises(ValueError, match="lease_ms"):
        RunEngine.sync(store=url, lease_ms=1)
    assert loops() == []


@pytest.mark.parametrize("is_async", [True, False])
def test_an_interrupt_that_a_step_raises_fails_the_step(url, is_async):
    """No signal arrives in this thread, so the program does not have to end; the engine continues."""
    flow = Workflow("w")

    def interrupt():
        raise KeyboardInterrupt

    async def interrupt_async():
        raise KeyboardInterrupt

    flow.step(interrupt_async if is_async else interrupt, id="s")
    with RunEngine.sync([flow], store=url) as engine:
        runs = [engine.run("w"), engine.run("w")]
    assert [run.status for run in runs] == [RunStatus.FAILED] * 2
    assert "KeyboardInterrupt" in runs[0].error["message"]


def test_what_ends_the_loop_from_outside_does_not_end_the_engine(flow, url):
    """For example by a callback that raises `SystemExit`: callers would wait forever."""

    def leave():
        raise SystemExit

    with RunEngine.sync([flow], store=url) as engine:
        engine._loop.call_soon_threadsafe(leave)
        assert engine.run("w").status is RunStatus.COMPLETED


def test_events_are_followed_to_the_end(flow, url):
    """Events are delivered as they happen."""
    with RunEngine.sync([flow], store=url) as engine:
        run = engine.trigger("w")
        assert [event.type for event in engine.events(run.id)][-1] == "run_completed"


def test_events_may_be_left_in_between(flow, url, loops):
    """After that the engine can still be used, and closed."""
    with RunEngine.sync([flow], store=url) as engine:
        run = engine.run("w")
        events = engine.events(run.id)
        assert next(events).type == "run_created"
        events.close()
        assert engine.get_run(run.id).status is RunStatus.COMPLETED
    assert loops() == []


def test_events_that_outlive_the_engine_end_with_an_error(flow, url):
    """The iterators do not hang."""
    engine = RunEngine.sync([flow], store=url)
    events = engine.events(engine.run("w").id)
    next(events)
    engine.close()
    with pytest.raises(RuntimeError, match="engine is closed"):
        next(events)


def test_errors_are_those_of_the_engine(flow, url):
    """They are raised in the calling thread, also by iterators."""
    with RunEngine.sync([flow], store=url) as engine:
        with pytest.raises(RunNotFoundError):
            engine.get_run("nope")
        with pytest.raises(RunNotFoundError):
            next(engine.events("nope"))
        with pytest.raises(AttributeError):
            engine.nope()


def test_closed_twice_is_closed(flow, url, loops):
    """Later calls are refused; the message names the method."""
    engine = RunEngine.sync([flow], store=url)
    engine.run("w")
    engine.close()
    engine.close()
    with pytest.raises(RuntimeError, match="engine is closed"):
        engine.get_run("x")
    with pytest.raises(RuntimeError, match="engine is closed"):
        engine.__enter__()
    assert loops() == []


def test_an_engine_that_cannot_be_closed_leaves_no_thread(flow, url, monkeypatch, loops):
    """Its error is raised."""

    async def fail(engine):
        await close(engine)
        raise OSError("the disk is full")

    close = RunEngine.close
    monkeypatch.setattr(RunEngine, "close", fail)
    engine = RunEngine.sync([flow], store=url)
    with pytest.raises(OSError, match="disk is full"):
        engine.close()
    assert loops() == []


def test_threads_share_one(flow, url):
    """Each thread waits for its own run."""
    statuses = []
    with RunEngine.sync([flow], store=url) as engine:
        threads = [threading.Thread(target=lambda: statuses.append(engine.run("w").status)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert statuses == [RunStatus.COMPLETED] * 8


def test_a_step_that_blocks_may_use_the_engine_that_runs_it(url):
    """The step has its own thread."""
    flow, inner = Workflow("outer"), Workflow("inner")
    inner.step(lambda: 1, id="s", output=int)

    @flow.step
    def outer() -> str:
        return engine.run("inner").status.value

    with RunEngine.sync([flow, inner], store=url) as engine:
        run = engine.run("outer")
        assert engine.get_output(run.id, "outer") == "completed"


def test_an_awaited_step_that_uses_it_is_told(url):
    """The error explains it: the step would wait for the loop that waits for the step."""
    flow = Workflow("w")

    @flow.step
    async def outer() -> str:
        await asyncio.sleep(0)
        return engine.list_runs()

    with RunEngine.sync([flow], store=url) as engine:
        run = engine.run("w")
    assert run.status is RunStatus.FAILED
    assert "would wait for itself" in run.error["message"]


@pytest.mark.timeout(30)
def test_ctrl_c_that_did_not_wake_the_main_thread_is_heard(url, unheard_signal):
    """A program that waits for a run can be interrupted at any moment."""
    flow = Workflow("w")

    async def wait(ctx):
        await ctx.abort_signal.wait_async()

    flow.step(wait, id="s")
    with RunEngine.sync([flow], store=url) as engine:
        run = engine.trigger("w")
        unheard_signal(signal.default_int_handler)
        with pytest.raises(KeyboardInterrupt):
            engine.wait(run.id)


def _public(kind):
    return {name for name in dir(kind) if not name.startswith("_")}


def test_the_written_class_is_up_to_date():
    """`tools/sync_engine.py` would generate the same file."""
    tool = Path(__file__).parents[2] / "tools" / "sync_engine.py"
    done = subprocess.run(  # noqa: S603 - our own tool
        [sys.executable, str(tool), "--check"], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.returncode == 0


def test_it_has_every_method_of_the_engine_with_its_parameters_and_docstring():
    """So editors and type checkers can show them."""
    assert _public(SyncRunEngine) == _public(RunEngine) - {
        "artifact_files",
        "metrics_collector",
        "step_cache",
        "store",
        "sync",
    }
    for name in _public(SyncRunEngine) - {"close", "workflows"}:
        ours, theirs = getattr(SyncRunEngine, name), getattr(RunEngine, name)
        assert [*inspect.signature(ours).parameters] == [*inspect.signature(theirs).parameters], name
        assert ours.__doc__ == theirs.__doc__, name


@pytest.mark.parametrize("method", ["run", "trigger_update", "update", "trigger_retry", "retry"])
def test_a_misspelt_option_is_refused_with_a_suggestion(flow, url, method):
    """Before anything is read or written."""
    with RunEngine.sync([flow], store=url) as engine:
        arguments = (ChangeRequest("x"),) if "update" in method else ()
        with pytest.raises(
            TypeError, match=r"^priorty: .* no such option\. Did you mean 'priority'\? It takes "
        ):
            getattr(engine, method)("w", *arguments, priorty=3)
        assert engine.list_runs() == []


def test_methods_that_make_runs_take_the_options_of_trigger():
    """All of them share one list of options."""
    parameters = inspect.signature(RunEngine.trigger).parameters.values()
    keywords = {each.name: each.annotation for each in parameters if each.kind is each.KEYWORD_ONLY}
    assert {name: kind.__forward_arg__ for name, kind in TriggerOptions.__annotations__.items()} == keywords
