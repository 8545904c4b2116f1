"""Runs, threads and time travel, as LangGraph Studio requests them: `examples/studio` under the real server."""

from __future__ import annotations

import pytest

from tests.examples.studio import COMMITS, TEXT, asked


@pytest.mark.req("N-4", "N-6")
def test_a_captured_error_is_in_the_state_and_the_thread_is_idle(studio, thread):
    """The run of a failed node ends normally; edges and users can read the errors and flags."""
    state = studio.runs.wait(thread, "release_notes", input={"version": "1.0", "commits": ""})
    assert state["routing_flags"] == {"blocked": True}
    assert [error["node_id"] for error in state["errors"]] == ["draft"]
    assert studio.threads.get(thread)["status"] == "idle"
    assert [run["status"] for run in studio.runs.list(thread)] == ["success"]
    assert studio.threads.get_state(thread)["tasks"] == []


@pytest.mark.req("N-27")
def test_a_raised_error_puts_the_thread_into_error(studio, thread):
    """With `on_error="raise"` the server gets the function's own exception."""
    answer = studio.runs.wait(thread, "refusing", input={}, raise_error=False)
    assert answer["__error__"]["error"] == "PermissionError"
    assert studio.threads.get(thread)["status"] == "error"
    (task,) = studio.threads.get_state(thread)["tasks"]
    assert task["error"] == "PermissionError('not today')"


@pytest.mark.req("N-16")
def test_a_blocked_event_loop_is_an_error_of_the_node(studio, thread):
    """The server raises in the coroutine. The record has that error, and the node is not retried."""
    state = studio.runs.wait(thread, "blocking", input={})
    (error,) = state["errors"]
    assert (error["error_type"], error["attempts"]) == ("BlockingError", 1)
    assert "time.sleep" in error["message"]


@pytest.mark.req("N-21")
@pytest.mark.parametrize(
    ("factory", "last"), [("kept", "CIRCUIT_OPEN"), ("rebuilt", "NODE_EXECUTION_FAILED")]
)
def test_a_breaker_of_the_module_outlives_the_graph_of_a_factory(studio, thread, factory, last):
    """The server calls a factory for each run, so a breaker that is made there never opens."""
    for _ in range(3):
        state = studio.runs.wait(thread, factory, input={})
    assert [error["code"] for error in state["errors"]] == [*2 * ["NODE_EXECUTION_FAILED"], last]


def test_another_run_on_the_thread_starts_clean(studio, thread):
    """Errors, flags and reports of the earlier run are gone."""
    studio.runs.wait(thread, "digest", input={"text": TEXT})
    failed = studio.runs.wait(thread, "digest", input={"text": ""})
    assert (failed["reports"], failed["routing_flags"]) == ({}, {"blocked": True})
    state = studio.runs.wait(thread, "digest", input={"text": "# Alone\n\nOne sentence."})
    assert (list(state["reports"]), state["errors"], state["routing_flags"]) == (["1. Alone"], [], {})


def test_a_background_run_can_be_watched_and_joined(studio, thread):
    """It is listed, joining it returns its state, and it ends normally."""
    run = studio.runs.create(thread, "digest", input={"text": TEXT}, metadata={"of": "a test"})
    assert studio.runs.join(thread, run["run_id"])["total"]["counts"]["sentences"] == 5
    assert [one["run_id"] for one in studio.runs.list(thread)] == [run["run_id"]]
    ended = studio.runs.get(thread, run["run_id"])
    assert (ended["status"], ended["metadata"]["of"]) == ("success", "a test")


def test_threads_are_found_by_graph_and_status(studio, thread):
    """Studio lists them at the side."""
    studio.runs.wait(thread, "release_notes", input={"version": "1.0", "commits": COMMITS})
    waiting = studio.threads.search(metadata={"graph_id": "release_notes"}, status="interrupted", limit=100)
    assert thread in {found["thread_id"] for found in waiting}


@pytest.mark.req("N-17", "N-26")
def test_a_cancelled_run_can_continue(studio, thread):
    """The cancellation is not a failure of the node, and the thread resumes inside the subgraphs."""
    parts = studio.runs.stream(
        *(thread, "digest"),
        input={"text": TEXT},
        context={"seconds_per_section": 3600},
        stream_mode=["custom"],
        stream_subgraphs=True,
    )
    run_id = next(part.data["run_id"] for part in parts if part.event == "metadata")
    next(part for part in parts if part.event.startswith("custom|analyse"))
    inside = studio.threads.get_state(thread, subgraphs=True)["tasks"]
    studio.runs.cancel(thread, run_id, wait=True)

    assert [(task["name"], task["state"]["next"]) for task in inside] == 3 * [("analyse", ["read"])]
    assert inside[0]["state"]["values"]["section"]["name"] == "1. Tea"
    assert studio.runs.get(thread, run_id)["status"] == "interrupted"
    stopped = studio.threads.get_state(thread)
    assert (stopped["next"], stopped["values"]["errors"]) == (3 * ["analyse"], [])
    ended = studio.runs.wait(thread, "digest", input=None)
    assert ended["total"]["counts"]["sentences"] == 5
    assert [error["node_id"] for error in ended["errors"]] == ["readability"]


@pytest.mark.req("N-26")
def test_a_breakpoint_stops_before_a_wrapped_node(studio, thread):
    """Running without input continues."""
    stopped = studio.runs.wait(
        thread, "digest", input={"text": TEXT}, interrupt_before=["merge", "summarise"]
    )
    assert "total" not in stopped
    assert studio.threads.get(thread)["status"] == "interrupted"
    assert studio.threads.get_state(thread)["next"] == ["merge"]
    ended = studio.runs.wait(thread, "digest", input=None)
    assert len(ended["messages"]) == 1
    assert studio.threads.get(thread)["status"] == "idle"


@pytest.mark.req("N-26")
def test_a_run_can_be_stepped(studio, thread):
    """There is a breakpoint at every node."""
    steps = [{"version": "1.0", "commits": COMMITS}, None, None]
    seen = []
    for step in steps:
        studio.runs.wait(thread, "release_notes", input=step, interrupt_before="*")
        seen.append(studio.threads.get_state(thread)["next"])
    assert seen == [["begin"], ["draft"], ["review"]]


@pytest.mark.req("N-26")
def test_the_history_has_each_step(studio, thread):
    """It is newest first, with the next nodes and the results of the tasks."""
    studio.runs.wait(thread, "digest", input={"text": TEXT})
    history = studio.threads.get_history(thread)
    assert [state["next"] for state in history] == [
        *([], ["summarise"], ["merge"], 3 * ["analyse"], ["split"], ["begin"], ["__start__"])
    ]
    assert [task["name"] for task in history[3]["tasks"]] == 3 * ["analyse"]
    assert history[3]["tasks"][0]["result"]["reports"].keys() == {"1. Tea"}


@pytest.mark.req("N-26")
def test_a_fork_continues_from_an_old_checkpoint(studio, thread):
    """The state after `draft` is edited; the review shows the new notes, and the old checkpoint keeps its own."""
    studio.runs.wait(thread, "release_notes", input={"version": "1.0", "commits": COMMITS})
    studio.runs.wait(thread, "release_notes", command={"resume": "approve"})
    before = next(s for s in studio.threads.get_history(thread) if s["next"] == ["review"])

    fork = studio.threads.update_state(
        thread, {"notes": "Better."}, as_node="draft", checkpoint_id=before["checkpoint"]["checkpoint_id"]
    )
    studio.runs.wait(thread, "release_notes", input=None, checkpoint=fork["checkpoint"])

    assert [question["notes"] for question in asked(studio, thread)] == ["Better."]
    ended = studio.runs.wait(thread, "release_notes", command={"resume": "approve"})
    assert (ended["notes"], ended["gate_decisions"]["review"]["decision"]) == ("Better.", "approved")
    notes = {state["values"].get("notes") for state in studio.threads.get_history(thread, limit=100)}
    assert {"Better.", before["values"]["notes"]} <= notes


@pytest.mark.req("N-26")
def test_an_old_checkpoint_can_be_run_again(studio, thread):
    """Without an edit, the nodes after it run again."""
    studio.runs.wait(thread, "digest", input={"text": TEXT})
    before = next(s for s in studio.threads.get_history(thread) if s["next"] == ["merge"])
    again = studio.runs.wait(thread, "digest", input=None, checkpoint=before["checkpoint"])
    assert again["total"]["counts"]["sentences"] == 5
    assert [error["node_id"] for error in again["errors"]] == ["readability"]


def test_a_state_can_be_edited_as_a_wrapped_node(studio, thread):
    """`update_state` applies the reducers, and the nodes after that node are next."""
    studio.runs.wait(thread, "digest", input={"text": TEXT})
    studio.threads.update_state(thread, {"routing_flags": {"escalate": True}}, as_node="merge")
    state = studio.threads.get_state(thread)
    assert (state["next"], state["values"]["routing_flags"]) == (["summarise"], {"escalate": True})
