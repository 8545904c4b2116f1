"""The observations: each function here makes one observation of a session."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Final

from langgraph.pregel import Pregel

from tests.transparency.listening import Listener, Tracer
from tests.transparency.observing import MODES, Session

__all__ = ["BY_COLOUR", "OBSERVATIONS"]

Observation = Callable[[Session], None]


def results(session: Session) -> None:
    """The return value or the exception of each turn."""
    for turn in session.turns():
        session.attempt("result", lambda turn=turn: session.invoke(turn))


def results_v2(session: Session) -> None:
    """The results in format v2, which reports interrupts separately."""
    for turn in session.turns():
        session.attempt("result", lambda turn=turn: session.invoke(turn, version="v2"))


def each_stream_alone(session: Session) -> None:
    """Each stream mode alone, on a new thread."""
    for mode in MODES:
        _stream(session, mode, stream_mode=mode)


def each_stream_alone_v2(session: Session) -> None:
    """Each stream mode alone, in format v2."""
    for mode in MODES:
        _stream(session, mode, stream_mode=mode, version="v2")


def all_streams(session: Session) -> None:
    """All stream modes at the same time, including those of the subgraphs."""
    _stream(session, "1", stream_mode=list(MODES), subgraphs=True)


def all_streams_v2(session: Session) -> None:
    """All stream modes at the same time, in format v2."""
    _stream(session, "1", stream_mode=list(MODES), subgraphs=True, version="v2")


def _stream(session: Session, thread: str, **keywords: Any) -> None:
    config = {**session.config}
    config["configurable"] = {**config["configurable"], "thread_id": thread}
    for turn in session.turns():
        session.note("turn", thread)
        session.attempt(
            "end", lambda turn=turn: session.each("stream", turn, config=_copy(config), **keywords)
        )


def _copy(config: Any) -> Any:
    return {**config, "configurable": {**config["configurable"]}}


def events_v2(session: Session) -> None:
    """`astream_events` in LangChain's format."""
    _events(session, version="v2")


def events_v3(session: Session) -> None:
    """`stream_events` in LangGraph's format."""
    _events(session, version="v3")


def _events(session: Session, **keywords: Any) -> None:
    for turn in session.turns():
        session.note("turn", None)
        session.attempt("end", lambda turn=turn: session.each("stream_events", turn, **keywords))


def callbacks(session: Session) -> None:
    """The events of a callback handler: each run with its name, parent, tags, metadata, input and output."""
    _told(session, Listener())


def traces(session: Session) -> None:
    """The tree of runs that a tracer such as LangSmith's receives."""
    _told(session, Tracer())


def _told(session: Session, handler: Any) -> None:
    for turn in session.turns():
        config = {**session.config, "callbacks": [handler], "tags": ["mine"], "metadata": {"who": "me"}}
        session.attempt("end", lambda turn=turn, config=config: session.invoke(turn, config))
    session.records.extend(handler.heard)


def states(session: Session) -> None:
    """The state after each turn, including the states of subgraphs, and the history."""
    for turn in session.turns():
        session.attempt("result", lambda turn=turn: session.invoke(turn))
        session.attempt("state", lambda: session.state(subgraphs=True))
    session.attempt("history", session.history)


def durability(session: Session) -> None:
    """The checkpoints that are stored with each durability: at once, or only at the end."""
    for mode in ("sync", "exit"):
        for turn in session.turns():
            session.attempt("result", lambda turn=turn, mode=mode: session.invoke(turn, durability=mode))
        session.attempt("history", session.history)


def time_travel(session: Session) -> None:
    """From each checkpoint: continue the run, edit the state, and continue from the edited state."""
    for turn in session.turns():
        session.attempt("result", lambda turn=turn: session.invoke(turn))
    for snapshot in (session.attempt("history", session.history) or ())[:4]:
        config = snapshot.config
        session.attempt("again", lambda config=config: session.invoke(None, _copy_with(session, config)))
        fork = session.attempt(
            "forked",
            lambda snapshot=snapshot: session.call("update_state", snapshot.config, snapshot.values),
        )
        if fork is not None:
            session.attempt("on", lambda fork=fork: session.invoke(None, _copy_with(session, fork)))
    session.attempt("history", session.history)


def _copy_with(session: Session, config: Any) -> Any:
    own = session.config
    return {**own, "configurable": {**own["configurable"], **config["configurable"]}}


def structure(session: Session) -> None:
    """The drawing, the schemas, the subgraphs, and the builder's specs of the nodes."""
    graph = session.graph
    for xray in (False, True):
        session.attempt("json", lambda xray=xray: graph.get_graph(xray=xray).to_json(with_schemas=True))
        session.attempt("mermaid", lambda xray=xray: graph.get_graph(xray=xray).draw_mermaid())
    for recurse in (False, True):
        session.attempt(
            "subgraphs", lambda recurse=recurse: [n for n, _ in graph.get_subgraphs(recurse=recurse)]
        )
    for schema in ("get_input_jsonschema", "get_output_jsonschema", "get_context_jsonschema"):
        session.attempt(schema, lambda schema=schema: getattr(graph, schema)())
    for name, node in getattr(getattr(graph, "builder", None), "nodes", {}).items():
        parts = {field.name: getattr(node, field.name) for field in dataclasses.fields(node)}
        session.note(name, {**parts, "runnable": node.runnable.get_name()})
    for name, node in graph.nodes.items():
        parts = {part: getattr(node, part) for part in ("triggers", "channels", "tags", "metadata")}
        session.note(name, parts)
    session.note("type", isinstance(graph, Pregel))


BY_COLOUR: Final[dict[str, tuple[Observation, ...]]] = {
    "sync": (
        *(results, each_stream_alone, all_streams, events_v3, callbacks),
        *(states, durability, time_travel, structure),
    ),
    "async": (
        *(results_v2, each_stream_alone_v2, all_streams_v2, events_v2, events_v3),
        *(callbacks, traces, states, time_travel),
    ),
    "mixed": (results, events_v2),
}
"""What is looked at in a graph of each mode; what is the same in two modes is looked at once."""

OBSERVATIONS: Final[dict[str, Observation]] = {
    observation.__name__: observation for chosen in BY_COLOUR.values() for observation in chosen
}
