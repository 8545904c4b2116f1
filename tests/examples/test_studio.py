"""What LangGraph Studio asks of the server, of graphs in which every node is wrapped: `examples/studio`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from langgraph_sdk.client import SyncLangGraphClient

from langgraph_runner import GraphState
from tests.examples.server import REPOSITORY, Server, serving

CONFIG = REPOSITORY / "examples" / "studio" / "langgraph.json"
TEXT = """\
# Tea

Tea is brewed from leaves. Good tea needs good leaves and hot water, says [a page](https://tea.example/brew).

## Empty

## Water

Water for tea must be hot. Soft water makes tea clear. See [above](#tea) and [below](#milk).
"""
COMMITS = "feat(cli): add a flag\nfix: keep the draft\nchore: tidy up"
MODES = ["values", "updates", "messages-tuple", "custom", "debug", "tasks", "checkpoints"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of the graphs in `examples/studio`, and of some that only tests need."""
    folder = tmp_path_factory.mktemp("studio")
    config = json.loads(CONFIG.read_text())
    config["graphs"] |= {
        name: f"tests.examples.hard_graphs:{name}"
        for name in ("nested_questions", "refusing", "blocking", "kept", "rebuilt")
    }
    (folder / "studio.json").write_text(json.dumps(config))
    with serving(folder, "studio.json", PYTHONPATH=str(REPOSITORY)) as served:
        yield served


@pytest.fixture(scope="module")
def studio(server: Server) -> SyncLangGraphClient:
    """What stands in for Studio: it talks to the server in the same way."""
    return server.client


@pytest.fixture
def thread(studio: SyncLangGraphClient) -> str:
    """A new thread."""
    return studio.threads.create()["thread_id"]


@dataclass
class Streamed:
    """What one run has sent: the payloads by mode, and by the names of the nodes that lead to the subgraph."""

    thread_id: str
    payloads: dict[str, dict[str, list[Any]]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, event: str, data: Any) -> None:
        """Sort an event in: `values|analyse:<id>|links:<id>` is of the mode `values`."""
        mode, *path = event.split("|")
        self.payloads[mode].setdefault("|".join(part.partition(":")[0] for part in path), []).append(data)


@pytest.fixture(scope="module")
def streamed(studio: SyncLangGraphClient) -> Streamed:
    """A run of the digest, in all modes at once and with what its subgraphs stream."""
    seen = Streamed(studio.threads.create()["thread_id"])
    for part in studio.runs.stream(
        seen.thread_id, "digest", input={"text": TEXT}, stream_mode=MODES, stream_subgraphs=True
    ):
        seen.add(part.event, part.data)
    return seen


def assistant(studio: SyncLangGraphClient, graph: str) -> str:
    """The id of the assistant that the server made for a graph."""
    return studio.assistants.search(graph_id=graph)[0]["assistant_id"]


def asked(studio: SyncLangGraphClient, thread: str) -> list[Any]:
    """The questions on which a thread waits."""
    interrupts = studio.threads.get(thread)["interrupts"]
    return [question["value"] for questions in interrupts.values() for question in questions]


# What is drawn


def test_the_configuration_is_valid():
    """By the server's own check, and with a description for each graph."""
    checked = subprocess.run(  # noqa: S603 - the command is written here
        [Path(sys.executable).with_name("langgraph"), "validate", "--config", CONFIG],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, "3 graphs found" in checked.stdout) == (0, True), checked.stdout


def test_each_graph_has_an_assistant(studio):
    """The list that Studio offers, with names and descriptions; each can be asked for by its id."""
    found = {one["name"]: one for one in studio.assistants.search()}
    assert found.keys() >= {"package_audit", "release_notes", "digest"}
    assert studio.assistants.get(found["digest"]["assistant_id"])["graph_id"] == "digest"
    assert "asks you" in found["release_notes"]["description"]


@pytest.mark.req("N-12")
def test_the_edges_of_a_command_are_drawn(studio):
    """The wrapped review keeps its return annotation, so both ways out of it are seen."""
    drawn = studio.assistants.get_graph(assistant(studio, "release_notes"))
    assert [node["id"] for node in drawn["nodes"]] == [
        *("__start__", "begin", "draft", "review", "publish", "__end__")
    ]
    ways = {edge["target"] for edge in drawn["edges"] if edge["source"] == "review" and edge["conditional"]}
    assert ways == {"publish", "__end__"}


@pytest.mark.req("N-12")
def test_xray_draws_the_nodes_of_subgraphs(studio):
    """Those of wrapped graphs, two levels deep, and of the graph that a node calls."""
    drawn = studio.assistants.get_graph(assistant(studio, "digest"), xray=True)
    assert {node["id"] for node in drawn["nodes"]} == {
        *("__start__", "begin", "split", "merge", "__end__"),
        *(f"analyse:{name}" for name in ("read", "count", "readability", "report")),
        *("analyse:links:find", "analyse:links:follow"),
        *("summarise:score", "summarise:pick"),
    }
    edges = {(edge["source"], edge["target"]) for edge in drawn["edges"]}
    assert {("split", "analyse:read"), ("analyse:read", "analyse:links:find")} <= edges
    assert {("analyse:report", "merge"), ("merge", "summarise:score"), ("summarise:pick", "__end__")} <= edges


def test_without_xray_a_subgraph_is_one_node(studio):
    """As Studio draws a graph at first."""
    drawn = studio.assistants.get_graph(assistant(studio, "digest"))
    assert [node["id"] for node in drawn["nodes"]] == [
        *("__start__", "begin", "split", "analyse", "merge", "summarise", "__end__")
    ]


@pytest.mark.req("N-12")
def test_schemas_make_the_forms(studio):
    """The input form has one field, the context is known, and the state has the fields of `GraphState`."""
    schemas = studio.assistants.get_schemas(assistant(studio, "digest"))
    assert set(schemas["input_schema"]["properties"]) == {"text"}
    own = {"text", "sections", "reports", "total", "messages"}
    for kind in ("state_schema", "output_schema"):
        assert set(schemas[kind]["properties"]) == {*GraphState.__annotations__, *own}
    for kind in ("context_schema", "config_schema"):
        assert schemas[kind]["properties"]["seconds_per_section"]["type"] == "number"


@pytest.mark.req("N-12")
def test_subgraphs_are_found_at_any_depth(studio):
    """Each with its schemas."""
    found = studio.assistants.get_subgraphs(assistant(studio, "digest"), recurse=True)
    assert found.keys() == {"analyse", "analyse|links", "summarise"}
    assert set(found["analyse|links"]["output_schema"]["properties"]) == {"links"}
    assert set(found["analyse"]["context_schema"]["properties"]) == {"seconds_per_section"}


def test_an_assistant_of_ones_own_keeps_its_context(studio, thread):
    """Studio saves a context as an assistant; the nodes of a wrapped subgraph see it."""
    slow = studio.assistants.create("digest", context={"seconds_per_section": "nonsense"}, name="slow")
    state = studio.runs.wait(thread, slow["assistant_id"], input={"text": TEXT})
    assert {error["node_id"] for error in state["errors"]} == {"read", "readability"}
    assert {error["error_type"] for error in state["errors"]} == {"TypeError", "ValueError"}


# A run and what it streams


@pytest.mark.req("N-26")
def test_values_are_streamed_from_every_level(streamed):
    """The state after each step, of the graph and of each subgraph."""
    values = streamed.payloads["values"]
    assert values.keys() == {"", "analyse", "analyse|links", "summarise"}
    assert values[""][-1]["total"]["counts"] == {"words": 31, "sentences": 5}
    assert values["analyse|links"][-1].keys() == {"links"}


@pytest.mark.req("N-26")
def test_updates_name_the_nodes_that_made_them(streamed):
    """In the graph in their order, in the subgraphs once for each section."""
    updates = streamed.payloads["updates"]
    nodes = {path: [name for update in parts for name in update] for path, parts in updates.items()}
    assert nodes[""] == ["begin", "split", "analyse", "analyse", "analyse", "merge", "summarise"]
    assert sorted(nodes["analyse"]) == sorted(3 * ["read", "count", "readability", "links", "report"])
    assert sorted(nodes["analyse|links"]) == sorted(3 * ["find", "follow"])
    assert nodes["summarise"] == ["score", "pick"]


@pytest.mark.req("N-26")
def test_messages_are_streamed_with_the_node_that_wrote_them(streamed):
    """Once each, though the node that returned it is wrapped."""
    ((message, metadata),) = streamed.payloads["messages"][""]
    assert message["type"] == "ai"
    assert message["content"].startswith("Good tea needs good leaves")
    assert metadata["langgraph_node"] == "summarise"


@pytest.mark.req("N-26")
def test_custom_events_come_from_inside_a_subgraph(streamed):
    """What a node writes to the stream, under the subgraph that it belongs to."""
    custom = streamed.payloads["custom"]
    assert sorted(event["reading"] for event in custom.pop("analyse")) == ["1. Tea", "2. Empty", "3. Water"]
    assert custom == {}


@pytest.mark.req("N-26")
def test_tasks_show_input_and_result_without_an_error(streamed):
    """The node that captured a failure is a task that ended well, with the error in its result."""
    tasks = streamed.payloads["tasks"]
    ended = [task for parts in tasks.values() for task in parts if "result" in task]
    assert [task for task in ended if task["error"] or task["interrupts"]] == []
    (failed,) = [task for task in ended if task["result"].get("errors") and task["name"] == "readability"]
    assert failed["result"]["errors"][0]["message"].endswith("2. Empty: nothing to read.")


@pytest.mark.req("N-26")
def test_debug_tells_of_checkpoints_and_tasks(streamed):
    """What Studio draws its timeline from: one start and one end of each task, on every level."""
    debug = streamed.payloads["debug"]
    assert debug.keys() == {"", "analyse", "analyse|links", "summarise"}
    for events in debug.values():
        started = [event["payload"]["id"] for event in events if event["type"] == "task"]
        ended = [event["payload"]["id"] for event in events if event["type"] == "task_result"]
        assert sorted(started) == sorted(ended) != []
        assert any(event["type"] == "checkpoint" for event in events)
    assert streamed.payloads["checkpoints"].keys() == debug.keys()


@pytest.mark.req("N-26")
def test_events_tell_of_every_node(studio, thread):
    """`events`, in which LangGraph streams the nodes themselves, ends in the same state."""
    parts = list(
        studio.runs.stream(
            *(thread, "digest"),
            input={"text": TEXT},
            stream_mode=["events", "values"],
            stream_subgraphs=True,
        )
    )
    events = [part.data for part in parts if part.event == "events"]
    ended = [event["name"] for event in events if event["event"] == "on_chain_end"]
    assert (ended.count("analyse"), ended.count("follow"), ended.count("score")) == (3, 3, 1)
    assert [part.data for part in parts if part.event == "values"][-1] == studio.threads.get_state(thread)[
        "values"
    ]


@pytest.mark.req("N-4", "N-6")
def test_a_captured_error_is_in_the_state_and_the_thread_is_idle(studio, thread):
    """A run whose node failed ends well; errors and flags are there to be seen and routed by."""
    state = studio.runs.wait(thread, "release_notes", input={"version": "1.0", "commits": ""})
    assert state["routing_flags"] == {"blocked": True}
    assert [error["node_id"] for error in state["errors"]] == ["draft"]
    assert studio.threads.get(thread)["status"] == "idle"
    assert [run["status"] for run in studio.runs.list(thread)] == ["success"]
    assert studio.threads.get_state(thread)["tasks"] == []


@pytest.mark.req("N-27")
def test_a_raised_error_puts_the_thread_into_error(studio, thread):
    """`on_error="raise"` is for those who want that: the server sees the function's own exception."""
    answer = studio.runs.wait(thread, "refusing", input={}, raise_error=False)
    assert answer["__error__"]["error"] == "PermissionError"
    assert studio.threads.get(thread)["status"] == "error"
    (task,) = studio.threads.get_state(thread)["tasks"]
    assert task["error"] == "PermissionError('not today')"


@pytest.mark.req("N-16")
def test_a_blocked_event_loop_is_an_error_of_the_node(studio, thread):
    """The server's watch raises in the coroutine; the record says so, and no attempt is wasted on it."""
    state = studio.runs.wait(thread, "blocking", input={})
    (error,) = state["errors"]
    assert (error["error_type"], error["attempts"]) == ("BlockingError", 1)
    assert "time.sleep" in error["message"]


@pytest.mark.req("N-21")
@pytest.mark.parametrize(
    ("factory", "last"), [("kept", "CIRCUIT_OPEN"), ("rebuilt", "NODE_EXECUTION_FAILED")]
)
def test_a_breaker_of_the_module_outlives_the_graph_of_a_factory(studio, thread, factory, last):
    """The server calls a factory for each run; a breaker that is made in it never opens."""
    for _ in range(3):
        state = studio.runs.wait(thread, factory, input={})
    assert [error["code"] for error in state["errors"]] == [*2 * ["NODE_EXECUTION_FAILED"], last]


def test_another_run_on_the_thread_begins_anew(studio, thread):
    """Errors, flags and reports of the run before are gone."""
    studio.runs.wait(thread, "digest", input={"text": TEXT})
    failed = studio.runs.wait(thread, "digest", input={"text": ""})
    assert (failed["reports"], failed["routing_flags"]) == ({}, {"blocked": True})
    state = studio.runs.wait(thread, "digest", input={"text": "# Alone\n\nOne sentence."})
    assert (list(state["reports"]), state["errors"], state["routing_flags"]) == (["1. Alone"], [], {})


def test_a_background_run_can_be_watched_and_joined(studio, thread):
    """It is listed, joining it gives its state, and it ends well."""
    run = studio.runs.create(thread, "digest", input={"text": TEXT}, metadata={"of": "a test"})
    assert studio.runs.join(thread, run["run_id"])["total"]["counts"]["sentences"] == 5
    assert [one["run_id"] for one in studio.runs.list(thread)] == [run["run_id"]]
    ended = studio.runs.get(thread, run["run_id"])
    assert (ended["status"], ended["metadata"]["of"]) == ("success", "a test")


def test_threads_are_found_by_graph_and_status(studio, thread):
    """The list at the side of Studio."""
    studio.runs.wait(thread, "release_notes", input={"version": "1.0", "commits": COMMITS})
    waiting = studio.threads.search(metadata={"graph_id": "release_notes"}, status="interrupted", limit=100)
    assert thread in {found["thread_id"] for found in waiting}


# Stopping, breakpoints, time travel


@pytest.mark.req("N-17", "N-26")
def test_a_cancelled_run_can_go_on(studio, thread):
    """The cancellation is no failure of the node, and the thread resumes inside the subgraphs."""
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
    """Studio's breakpoints; to go on is to run with no input."""
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
def test_a_run_goes_step_by_step(studio, thread):
    """A breakpoint at every node."""
    steps = [{"version": "1.0", "commits": COMMITS}, None, None]
    seen = []
    for step in steps:
        studio.runs.wait(thread, "release_notes", input=step, interrupt_before="*")
        seen.append(studio.threads.get_state(thread)["next"])
    assert seen == [["begin"], ["draft"], ["review"]]


@pytest.mark.req("N-26")
def test_history_tells_each_step(studio, streamed):
    """Newest first, with what is next and what the tasks gave."""
    history = studio.threads.get_history(streamed.thread_id)
    assert [state["next"] for state in history] == [
        *([], ["summarise"], ["merge"], 3 * ["analyse"], ["split"], ["begin"], ["__start__"])
    ]
    assert [task["name"] for task in history[3]["tasks"]] == 3 * ["analyse"]
    assert history[3]["tasks"][0]["result"]["reports"].keys() == {"1. Tea"}


@pytest.mark.req("N-26")
def test_a_fork_goes_on_from_an_old_checkpoint(studio, thread):
    """The state is edited after `draft`, in the past; the review shows the new notes, and the old ones stay."""
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
    """Without an edit; the nodes after it run again."""
    studio.runs.wait(thread, "digest", input={"text": TEXT})
    before = next(s for s in studio.threads.get_history(thread) if s["next"] == ["merge"])
    again = studio.runs.wait(thread, "digest", input=None, checkpoint=before["checkpoint"])
    assert again["total"]["counts"]["sentences"] == 5
    assert [error["node_id"] for error in again["errors"]] == ["readability"]


def test_a_state_can_be_edited_as_a_wrapped_node(studio, thread):
    """`update_state` goes through the reducers, and what would follow that node is next."""
    studio.runs.wait(thread, "digest", input={"text": TEXT})
    studio.threads.update_state(thread, {"routing_flags": {"escalate": True}}, as_node="merge")
    state = studio.threads.get_state(thread)
    assert (state["next"], state["values"]["routing_flags"]) == (["summarise"], {"escalate": True})


# Questions


@pytest.mark.req("N-26")
def test_a_question_waits_in_the_thread(studio, thread):
    """With its payload, and on the task of the wrapped node."""
    studio.runs.wait(thread, "release_notes", input={"version": "1.0", "commits": COMMITS})
    found = studio.threads.get(thread)
    assert found["status"] == "interrupted"
    (question,) = asked(studio, thread)
    assert question["notes"] == "## 1.0\n\n### Added\n\n- Cli: add a flag\n\n### Fixed\n\n- Keep the draft"
    (task,) = studio.threads.get_state(thread)["tasks"]
    assert (task["name"], task["error"]) == ("review", None)
    assert [one["value"] for one in task["interrupts"]] == [question]


@pytest.mark.req("N-26")
def test_an_invalid_answer_is_asked_again(studio, thread):
    """As often as it takes; what was answered before is not lost."""
    studio.runs.wait(thread, "release_notes", input={"version": "1.0", "commits": COMMITS})
    problems = []
    for answer in ("maybe", {"action": "edit"}, 7):
        studio.runs.wait(thread, "release_notes", command={"resume": answer})
        problems += [question["problem"] for question in asked(studio, thread)]
    assert len(problems) == 3
    assert "does not match any of the expected tags" in problems[0]
    assert problems[1] == "Not understood: Field required."
    ended = studio.runs.wait(thread, "release_notes", command={"resume": " Approve "})
    assert ended["gate_decisions"]["review"]["decision"] == "approved"
    assert studio.threads.get(thread)["status"] == "idle"


@pytest.mark.parametrize("answer", ["edit: Mine.", {"action": "edit", "text": "Mine."}], ids=["text", "json"])
def test_edited_notes_are_published_to_the_store(studio, thread, answer):
    """Studio shows the store as memory: namespaces, items, one item."""
    version = f"2.0-{thread}"
    studio.runs.wait(thread, "release_notes", input={"version": version, "commits": COMMITS})
    ended = studio.runs.wait(thread, "release_notes", command={"resume": answer})
    assert (ended["notes"], ended["routing_flags"]) == ("Mine.", {"proceed": True, "complete": True})
    assert studio.store.get_item(["release_notes"], version)["value"] == {"notes": "Mine."}
    assert ["release_notes"] in studio.store.list_namespaces()["namespaces"]
    assert version in {item["key"] for item in studio.store.search_items(["release_notes"])["items"]}


def test_rejected_notes_are_not_published(studio, thread):
    """The reason is kept with the decision."""
    version = f"3.0-{thread}"
    studio.runs.wait(thread, "release_notes", input={"version": version, "commits": COMMITS})
    ended = studio.runs.wait(thread, "release_notes", command={"resume": "reject: too thin"})
    decision = {"decision": "rejected", "reason": "too thin", "decided_by": "reviewer"}
    assert (ended["gate_decisions"]["review"], ended["routing_flags"]) == (decision, {"proceed": False})
    assert version not in {item["key"] for item in studio.store.search_items(["release_notes"])["items"]}


@pytest.mark.req("N-26")
def test_questions_of_nested_branches_are_answered_by_their_ids(studio, thread):
    """Two wrapped subgraphs deep, in parallel, through a retry: each answer reaches its own question once."""
    studio.runs.wait(thread, "nested_questions", input={})
    assert sorted(asked(studio, thread)) == ["left: name?", "right: name?"]
    answers = {"left: name?": "Ada", "right: name?": "Alan", "left: age?": "36", "right: age?": "41"}
    for _ in range(2):
        interrupts = studio.threads.get(thread)["interrupts"].values()
        resume = {one["id"]: answers[one["value"]] for questions in interrupts for one in questions}
        state = studio.runs.wait(thread, "nested_questions", command={"resume": resume})
    assert state["answers"] == {"left": ["Ada", "36"], "right": ["Alan", "41"]}
    assert (state["errors"], studio.threads.get(thread)["status"]) == ([], "idle")


def test_the_state_of_a_subgraph_that_asks_is_shown(studio, thread):
    """`get_state(subgraphs=True)` goes down to the node that waits."""
    studio.runs.wait(thread, "nested_questions", input={})
    tasks = studio.threads.get_state(thread, subgraphs=True)["tasks"]
    inner = [task["state"]["tasks"][0]["state"] for task in tasks]
    assert sorted(state["values"]["who"] for state in inner) == ["left", "right"]
    assert [state["next"] for state in inner] == [["ask"], ["ask"]]


def test_the_log_warns_of_nothing(server, studio, streamed):
    """No field was dropped, and no graph was slow to load."""
    log = (server.folder / "log").read_text(errors="replace")
    assert "node.completed" in log
    for trouble in ("unknown_fields_dropped", "cannot_hold_errors", "Slow graph load"):
        assert trouble not in log
