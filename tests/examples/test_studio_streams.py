"""What LangGraph Studio receives from a graph of wrapped nodes, in each stream mode."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import pytest
from langgraph_sdk.client import SyncLangGraphClient

from tests.examples.studio import COMMITS, TEXT, asked

MODES = ["values", "updates", "messages-tuple", "custom", "debug", "tasks", "checkpoints"]


@dataclass
class Streamed:
    """The payloads of one run, by mode and by the names of the nodes that lead to the subgraph."""

    thread_id: str
    payloads: dict[str, dict[str, list[Any]]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, event: str, data: Any) -> None:
        """Add an event: `values|analyse:<id>|links:<id>` has the mode `values`."""
        mode, *path = event.split("|")
        self.payloads[mode].setdefault("|".join(part.partition(":")[0] for part in path), []).append(data)


@pytest.fixture(scope="module")
def streamed(studio: SyncLangGraphClient) -> Streamed:
    """Run the digest with all modes at once, subgraphs included."""
    seen = Streamed(studio.threads.create()["thread_id"])
    for part in studio.runs.stream(
        seen.thread_id, "digest", input={"text": TEXT}, stream_mode=MODES, stream_subgraphs=True
    ):
        seen.add(part.event, part.data)
    return seen


@pytest.mark.req("N-26")
def test_values_are_streamed_from_every_level(streamed):
    """They are the states after each step, of the graph and of each subgraph."""
    values = streamed.payloads["values"]
    assert values.keys() == {"", "analyse", "analyse|links", "summarise"}
    assert values[""][-1]["total"]["counts"] == {"words": 31, "sentences": 5}
    assert values["analyse|links"][-1].keys() == {"links"}


@pytest.mark.req("N-26")
def test_updates_name_the_nodes_that_made_them(streamed):
    """They are in order in the graph; in the subgraphs there is one set for each section."""
    updates = streamed.payloads["updates"]
    nodes = {path: [name for update in parts for name in update] for path, parts in updates.items()}
    assert nodes[""] == ["begin", "split", "analyse", "analyse", "analyse", "merge", "summarise"]
    assert sorted(nodes["analyse"]) == sorted(3 * ["read", "count", "readability", "links", "report"])
    assert sorted(nodes["analyse|links"]) == sorted(3 * ["find", "follow"])
    assert nodes["summarise"] == ["score", "pick"]


@pytest.mark.req("N-26")
def test_messages_are_streamed_with_the_node_that_wrote_them(streamed):
    """Each is sent once, although its node is wrapped."""
    ((message, metadata),) = streamed.payloads["messages"][""]
    assert message["type"] == "ai"
    assert message["content"].startswith("Good tea needs good leaves")
    assert metadata["langgraph_node"] == "summarise"


@pytest.mark.req("N-26")
def test_custom_events_come_from_inside_a_subgraph(streamed):
    """What a node writes to the stream has the namespace of its subgraph."""
    custom = streamed.payloads["custom"]
    assert sorted(event["reading"] for event in custom.pop("analyse")) == ["1. Tea", "2. Empty", "3. Water"]
    assert custom == {}


@pytest.mark.req("N-26")
def test_tasks_show_input_and_result_without_an_error(streamed):
    """The task of a node that captured a failure ends normally, with the error in its result."""
    tasks = streamed.payloads["tasks"]
    ended = [task for parts in tasks.values() for task in parts if "result" in task]
    assert [task for task in ended if task["error"] or task["interrupts"]] == []
    (failed,) = [task for task in ended if task["result"].get("errors") and task["name"] == "readability"]
    assert failed["result"]["errors"][0]["message"].endswith("2. Empty: there is no text to read.")


@pytest.mark.req("N-26")
def test_debug_has_checkpoints_and_tasks(streamed):
    """Studio draws its timeline from it: one start and one end of each task, on every level."""
    debug = streamed.payloads["debug"]
    assert debug.keys() == {"", "analyse", "analyse|links", "summarise"}
    for events in debug.values():
        started = [event["payload"]["id"] for event in events if event["type"] == "task"]
        ended = [event["payload"]["id"] for event in events if event["type"] == "task_result"]
        assert sorted(started) == sorted(ended) != []
        assert any(event["type"] == "checkpoint" for event in events)
    assert streamed.payloads["checkpoints"].keys() == debug.keys()


@pytest.mark.req("N-26")
def test_events_include_every_node(studio, thread):
    """The mode `events` streams the nodes themselves, and ends in the same state."""
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


def followed(
    studio: SyncLangGraphClient, thread: str, graph: str, request: Any
) -> list[tuple[str, str, Any]]:
    """Run with the newer protocol, which streams a thread: kind, path of node names, and data of each event."""
    seen = []
    with studio.threads.stream(thread, assistant_id=graph) as stream:
        stream.run.start(input=request)
        for event in stream.events:
            path = "|".join(part.partition(":")[0] for part in event["params"]["namespace"])
            seen.append((event["method"], path, event["params"]["data"]))
            if event["method"] == "lifecycle" and not path and seen[-1][2]["event"] != "running":
                break
    return seen


@pytest.mark.req("N-26")
def test_the_newer_protocol_follows_each_subgraph(studio, thread):
    """Each one starts and completes, with its values in between."""
    events = followed(studio, thread, "digest", {"text": TEXT})
    lifecycle = Counter((path, data["event"]) for method, path, data in events if method == "lifecycle")
    assert lifecycle == {
        **{("", event): 1 for event in ("running", "completed")},
        **{("summarise", event): 1 for event in ("started", "completed")},
        **{(path, e): 3 for path in ("analyse", "analyse|links") for e in ("started", "completed")},
    }
    values = [data for method, path, data in events if (method, path) == ("values", "")]
    assert values[-1]["total"]["counts"]["sentences"] == 5


@pytest.mark.req("N-26")
def test_the_newer_protocol_supports_a_question(studio, thread):
    """The run ends with the question in the thread, and continues with the answer."""
    with studio.threads.stream(thread, assistant_id="release_notes") as stream:
        run = stream.run.start(input={"version": "1.0", "commits": COMMITS})
        studio.runs.join(thread, run["run_id"])
    assert [question["question"] for question in asked(studio, thread)] == ["Publish?"]
    ended = studio.runs.wait(thread, "release_notes", command={"resume": "approve"})
    assert ended["routing_flags"] == {"proceed": True, "complete": True}


@pytest.mark.req("N-4")
def test_the_newer_protocol_completes_with_a_captured_error(studio, thread):
    """The last values have the error, and the run did not fail."""
    events = followed(studio, thread, "release_notes", {"version": "1.0", "commits": ""})
    values = [data for method, _, data in events if method == "values"]
    assert ([error["node_id"] for error in values[-1]["errors"]], events[-1][2]["event"]) == (
        ["draft"],
        "completed",
    )
