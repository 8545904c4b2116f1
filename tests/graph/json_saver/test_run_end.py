"""The head file after the end of a run, as a person reads it."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any, TypedDict

import pytest
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.graph import START, StateGraph

from langgraph_runner.errors.record import build_error_record
from langgraph_runner.graph import JsonFileSaver
from tests.graph.json_saver.stores import Files, config_of, put, values_of
from tests.graph.json_saver.test_round_trip import encrypted

STARTED = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
ENDED = datetime(2026, 1, 1, 12, 1, tzinfo=UTC)
SECRET = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789"


class State(TypedDict, total=False):
    """A state of one text."""

    topic: str | None


def failing_graph(saver: JsonFileSaver) -> Any:
    """A graph of two nodes; the second one fails with a secret in its message."""

    def fail(_state: State) -> State:
        raise ValueError(f"refused: api_key={SECRET}")

    builder = StateGraph(State)
    builder.add_node("first", lambda _state: {"topic": "tea"})
    builder.add_node("second", fail)
    builder.add_edge(START, "first")
    builder.add_edge("first", "second")
    return builder.compile(checkpointer=saver)


def shown(files: Files) -> dict[str, Any]:
    """The head file, as any JSON parser reads it."""
    found: dict[str, Any] = json.loads(files.head.read_text(encoding="utf-8"))
    return found


def record() -> dict[str, Any]:
    """The record of a failure."""
    error = ValueError(f"refused: api_key={SECRET}")
    return dict(build_error_record(error, node_id="second", attempts=1, trace_id="0" * 32, timestamp=ENDED))


async def ended(saver: JsonFileSaver, *, is_async: bool, **options: Any) -> bool:
    """Record the end of a failed run."""
    named: dict[str, Any] = {"status": "failed", "started": STARTED, "ended": ENDED, **options}
    if is_async:
        return await saver.arecord_run_end(config_of(), **named)
    return saver.record_run_end(config_of(), **named)


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.req("G-4")
@pytest.mark.req("G-5")
async def test_the_file_to_open_says_how_a_run_ended(files, saver, is_async):
    """Status, times and the sanitized records stand before the state, and no checkpoint changes."""
    config = put(saver, "1", topic="tea")
    before = saver.get_tuple(config)
    assert await ended(saver, is_async=is_async, errors=[record()])
    found = shown(files)
    assert found["run"] == {
        "status": "failed",
        "started": "2026-01-01T12:00:00+00:00",
        "ended": "2026-01-01T12:01:00+00:00",
        "errors": [record()],
    }
    assert list(found).index("run") < list(found).index("state")
    assert SECRET not in files.head.read_text()
    assert files.saver().get_tuple(config) == before
    assert files.head.read_bytes() == files.checkpoints()[0].read_bytes()


async def test_the_end_of_a_run_replaces_the_one_before(files, saver):
    """The end of the last run counts. The next checkpoint removes it, because its run has not ended."""
    put(saver, "1", topic="tea")
    await ended(saver, is_async=False)
    await ended(files.saver(), is_async=False, status="completed")
    assert shown(files)["run"]["status"] == "completed"
    put(saver, "2", topic="coffee")
    assert "run" not in shown(files)


async def test_the_thread_whose_run_ended_last_is_shown(files, saver):
    """It was written last, although another thread has a newer checkpoint."""
    put(saver, "1", topic="tea")
    put(saver, "2", config_of("u"), topic="coffee")
    await ended(saver, is_async=False)
    assert (shown(files)["thread_id"], shown(files)["run"]["status"]) == ("t", "failed")


async def test_a_run_without_a_checkpoint_has_no_file(files, saver):
    """The return value says that nothing was written."""
    assert await ended(saver, is_async=False) is False
    assert not files.head.parent.exists()


async def test_the_end_of_a_run_is_encrypted_with_the_state(files):
    """Because a message may quote the state."""
    saver = files.saver(serde=encrypted())
    put(saver, "1", topic="tea")
    await ended(saver, is_async=False, errors=[record()])
    assert b"refused" not in files.head.read_bytes()
    assert values_of(files.saver(serde=encrypted())) == {"topic": "tea"}


@pytest.mark.req("G-4")
def test_empty_channels_are_left_out_of_what_a_person_reads(files):
    """Such as `branch:to:second`. A run that stopped there can still resume."""
    graph = failing_graph(files.saver())
    with pytest.raises(ValueError, match="refused"):
        graph.invoke({"topic": None}, config_of())
    assert shown(files)["state"] == {"topic": "tea"}
    values = files.saver().get_tuple(config_of()).checkpoint["channel_values"]
    assert values == {"topic": "tea", "branch:to:second": None}
    assert failing_graph(files.saver()).get_state(config_of()).next == ("second",)


@pytest.mark.parametrize("is_encrypted", [False, True])
@pytest.mark.req("G-4")
def test_the_error_that_langgraph_keeps_is_sanitized(mode, files, is_encrypted):
    """It keeps its type and loses the secret. A resumed run fails in the same way."""
    options: dict[str, Any] = {"serde": encrypted()} if is_encrypted else {}
    for _ in range(2):
        with pytest.raises(ValueError, match="refused"):
            mode.invoke(failing_graph(files.saver(**options)), {"topic": "x"}, config_of())
    for path in [files.head, *files.checkpoints(), *files.writes()]:
        assert SECRET not in path.read_text()
    task = failing_graph(files.saver(**options)).get_state(config_of()).tasks[0]
    assert task.error.startswith("ValueError('refused: api_key=")
    assert SECRET not in task.error
    if not is_encrypted:
        assert any('"type": "builtins.ValueError"' in path.read_text() for path in files.writes())


def test_the_error_is_stored_as_it_is_without_a_sanitizer(files):
    """As with any other saver."""
    saver = files.saver(sanitizer=None)
    with pytest.raises(ValueError, match="refused"):
        failing_graph(saver).invoke({"topic": "x"}, config_of())
    serde = JsonPlusSerializer()
    error = ValueError(f"refused: api_key={SECRET}")
    (task,) = failing_graph(saver).get_state(config_of()).tasks
    assert task.error == serde.loads_typed(serde.dumps_typed(error))


def test_an_error_that_cannot_show_itself_is_kept_by_its_type(saver):
    """Its `repr` fails, which must not cause another failure of the run."""

    class ShyError(Exception):
        def __repr__(self) -> str:
            raise RuntimeError("no")

    config = put(saver, "1")
    saver.put_writes(config, [("__error__", ShyError())], "task")
    assert saver.get_tuple(config).pending_writes == [("task", "__error__", "ShyError()")]


def test_a_file_of_version_1_is_read(files, saver, caplog):
    """The first release wrote null channels into the state, and no end of a run."""
    put(saver, "1", topic="tea")
    path = files.checkpoints()[0]
    for each in (path, files.head):
        each.write_text(VERSION_1, encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        assert values_of(files.saver()) == {"topic": "tea", "size": (3, 4), "branch:to:b": None}
    put(files.saver(), "2", topic="coffee")
    assert values_of(files.saver()) == {"topic": "coffee"}
    assert caplog.records == []


VERSION_1 = """\
{
  "format": "langgraph_runner.checkpoint",
  "version": 1,
  "sha256": "7c702f0d48c979a03064d831c6fadccf11db25acc5b218910693e848f206d8b6",
  "thread_id": "t",
  "checkpoint_ns": "",
  "checkpoint_id": "1",
  "parent_checkpoint_id": null,
  "state": {
    "topic": "tea",
    "size": {
      "$tuple": [
        3,
        4
      ]
    },
    "branch:to:b": null
  },
  "metadata": {
    "step": 0
  },
  "checkpoint": {
    "v": 4,
    "id": "1",
    "ts": "2026-01-01T00:00:00+00:00",
    "channel_versions": {
      "topic": 1,
      "size": 1,
      "branch:to:b": 1
    },
    "versions_seen": {
      "node": {
        "topic": 1,
        "size": 1,
        "branch:to:b": 1
      }
    },
    "updated_channels": [
      "branch:to:b",
      "size",
      "topic"
    ]
  }
}
"""
