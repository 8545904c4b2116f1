"""The progress of a run in the terminal."""

import io
import subprocess
import sys

import pytest
from langgraph.graph import START, StateGraph
from rich.console import Console

from langgraph_runner import GraphRunner, GraphState
from langgraph_runner.graph.listener import NodeRun
from langgraph_runner.graph.progress import LiveProgress


def _graph():
    inner = StateGraph(GraphState).add_node("deep", lambda state: {}).add_edge(START, "deep").compile()

    def fail(state):
        raise ValueError

    builder = StateGraph(GraphState).add_node("load", lambda state: {}).add_node("part", inner)
    builder.add_node("broken", fail)
    return (
        builder.add_edge(START, "load")
        .add_edge("load", "part")
        .add_edge("part", "broken")
        .compile(name="audit")
    )


@pytest.mark.req("G-7")
@pytest.mark.parametrize("terminal", [False, True])
def test_waves_and_nodes_are_shown_as_they_end(mode, terminal):
    """Nested nodes are below the node that runs them. Colours and animation need a terminal."""
    output = io.StringIO()
    console = Console(file=output, force_terminal=terminal, width=60)
    runner = GraphRunner(_graph(), progress=LiveProgress(console))
    mode.call(runner.arun if mode.is_async else runner.run, {})
    shown = output.getvalue()
    last = shown.rpartition("audit")[2]
    rows = [" ".join(line.split()) for line in last.splitlines() if line.strip()]
    if not terminal:
        assert [row.rsplit(" ", 1)[0] for row in rows] == [
            "wave node",
            "1 ✓ load",
            "2 ✓ part",
            "✓ deep",
            "3 ✗ broken",
        ]
    assert ("\x1b[" in shown) is terminal


def test_it_is_written_beside_the_output_of_the_program(capsys):
    """To stderr, so a pipe gets what the program prints."""
    GraphRunner(_graph(), progress=True).run({})
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "audit" in captured.err


def test_a_long_run_keeps_a_short_table():
    """Nodes that ended first are hidden."""
    builder = StateGraph(GraphState).add_node(
        "step", lambda state: {"story_id": str(int(state.get("story_id", 0)) + 1)}
    )
    builder.add_conditional_edges("step", lambda state: "step" if int(state["story_id"]) < 250 else "__end__")
    output = io.StringIO()
    progress = LiveProgress(Console(file=output, width=60, height=1000))
    runner = GraphRunner(builder.add_edge(START, "step").compile(), progress=progress)
    assert runner.run({}, {"recursion_limit": 300}).waves == 250
    assert "… 50 earlier nodes" in output.getvalue()
    assert output.getvalue().count("step") == 200


def test_a_listener_of_ones_own_is_told(mode):
    """Any object with the two methods is a listener. An exception in it does not affect the run."""
    told = []

    class Listener:
        def node_started(self, node):
            told.append((node.name, node.step, node.outcome))

        def node_ended(self, node):
            told.append((node.name, node.step, node.outcome))
            raise RuntimeError

    runner = GraphRunner(_graph(), progress=Listener())
    mode.call(runner.arun if mode.is_async else runner.run, {})
    assert told[:2] == [("load", 1, None), ("load", 1, "done")]
    assert told[-1] == ("broken", 3, "failed")


def test_without_rich_the_error_names_the_extra(monkeypatch):
    """The message says what to install."""
    monkeypatch.delitem(sys.modules, "langgraph_runner.graph.progress")
    monkeypatch.setitem(sys.modules, "rich.console", None)
    monkeypatch.setitem(sys.modules, "rich", None)
    with pytest.raises(ImportError, match=r"pip install 'langgraph-runner\[rich\]'"):
        GraphRunner(_graph(), progress=True)


class HalfAListener:
    """Lacks `node_ended`."""

    def node_started(self, node):
        """A node begins."""


class Listener(HalfAListener):
    """A complete listener."""

    def node_ended(self, node):
        """A node ends."""


@pytest.mark.parametrize(
    ("progress", "message"),
    [
        (
            "yes",
            "progress must be True or a listener with .*got 'yes', which has no node_started and no node_ended",
        ),
        (HalfAListener(), "has no node_ended"),
        (Listener, r"progress must be an instance, got the class Listener. Pass Listener\(\)"),
    ],
)
def test_what_is_not_a_listener_is_refused(progress, message):
    """The runner refuses it at once, not when the first node ends."""
    with pytest.raises(TypeError, match=message):
        GraphRunner(_graph(), progress=progress)


CLOSED = {
    "the reader is gone": "read, write = os.pipe(); os.close(read); os.dup2(write, 2)",
    "the descriptor is closed": "os.close(2)",
    "the file is closed": "sys.stderr.close()",
    "there is no stderr": "sys.stderr = None",
}


@pytest.mark.parametrize("close", CLOSED.values(), ids=CLOSED)
def test_a_closed_stderr_hides_the_table_only(close):
    """The run continues, and stdout is not replaced."""
    code = (
        "import os, signal, sys\n"
        "from langgraph.graph import START, StateGraph\n"
        "from langgraph_runner import GraphRunner, GraphState\n"
        "graph = StateGraph(GraphState).add_node('n', lambda state: {'story_id': 's'}).add_edge(START, 'n')\n"
        "runner = GraphRunner(graph.compile(), progress=True)\n"
        f"{close}\n"
        "print(runner.run({}).status.value)\n"
    )
    done = subprocess.run(  # noqa: S603 - the code is ours
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("completed\n", 0)


def test_a_console_that_cannot_be_written_to_does_not_end_the_run(caplog):
    """With a console of the user, for which rich would end the program."""

    class Broken(io.StringIO):
        def write(self, text):
            raise OSError(5, "Input/output error")

    runner = GraphRunner(_graph(), progress=LiveProgress(Console(file=Broken(), force_terminal=False)))
    assert runner.run({}).status == "failed"
    assert "run.progress_failed" in caplog.text


def test_what_nodes_print_stays_on_stdout(monkeypatch):
    """If the output of a program goes into a file, the terminal shows the progress and nothing else."""
    terminal, printed = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", printed)
    graph = StateGraph(GraphState).add_node("n", lambda state: print("result")).add_edge(START, "n")  # noqa: T201
    progress = LiveProgress(Console(file=terminal, force_terminal=True))
    GraphRunner(graph.compile(), progress=progress).run({})
    assert printed.getvalue() == "result\n"
    assert "result" not in terminal.getvalue()


def test_what_runs_is_seen_on_a_small_screen():
    """Ended nodes are hidden during the run; all nodes are shown at its end."""
    console = Console(file=io.StringIO(), force_terminal=True, width=60, height=10)
    progress = LiveProgress(console)
    with progress.shown("audit"):
        for step in range(1, 31):
            node = NodeRun(f"node{step}", step, f"p{step}")
            node.outcome = "done"
            progress.node_started(node)
        progress.node_started(NodeRun("last", 31, "p31"))
        live = _text(progress)
    assert "last" in live
    assert len(live.splitlines()) <= 10
    assert "… 25 earlier nodes" in live
    assert "node1 " in _text(progress)


def _text(progress):
    output = io.StringIO()
    Console(file=output, width=60).print(progress._rendered("audit"))
    return output.getvalue()
