"""`Captures`: the failures that the nodes of one run have captured, and whether they were handled.

A captured failure is an update of the state: its record in `errors`, and the flag `blocked`. An update of a nested
graph reaches the graph around it only through the nested graph's output, whose schema may lack these fields. So the
run reads the outputs of nodes and graphs from LangGraph's callbacks, and follows each record and each flag upwards:
from the node that made it, to the graph of that node, to the node that runs this graph, and so on.

Places are checkpoint namespaces. The level of a record is the place of the node that runs the graph it is in; the
level of the outermost graph is `""`.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from langgraph.types import Command

if TYPE_CHECKING:
    from collections.abc import Iterable

    from langgraph_runner.errors import NodeErrorRecord

__all__ = ["OUTERMOST", "Captures", "is_blocked", "records_in"]

OUTERMOST: Final = ""


@dataclass(slots=True)
class _Item:
    """Where a record, or the flag that came with it, is now."""

    level: str | None
    """The place of the node whose graph holds it. None once it was handled: by a node that cleared it, or by a
    function that got it and did not pass it on. None also for a flag that did not come with the record."""
    is_passed_on: bool = False
    """Whether the output of the graph at this level had room for it."""

    def move(self, place: str, level: str | None) -> None:
        """Follow it out of the node at `place`, which got it from its graph."""
        if self.level == place and self.is_passed_on:
            self.level, self.is_passed_on = level, False


@dataclass(slots=True)
class _Capture:
    record: NodeErrorRecord
    errors: _Item
    flag: _Item


class Captures:
    """The captured failures of one run. Thread-safe."""

    def __init__(self) -> None:
        self.has_any = False
        """Whether a failure was captured, handled or not."""
        self._captures: dict[Any, _Capture] = {}
        self._lock = threading.Lock()

    def node_ended(self, place: str, level: str, output: Any) -> None:
        """Record what the node at `place` returned to the state of its graph, which is at `level`."""
        update = output.update if isinstance(output, Command) else output
        records = {record.get("error_id"): record for record in records_in(update)}
        if not self.has_any and not records:
            return
        flag = _flag(update)
        with self._lock:
            self.has_any = True
            for error_id, capture in self._captures.items():
                capture.errors.move(place, level if error_id in records else None)
                if flag is False and capture.flag.level == level:
                    capture.flag.level = None
                capture.flag.move(place, level if flag else None)
            for error_id, record in records.items():
                if error_id not in self._captures:
                    self._captures[error_id] = _Capture(record, _Item(level), _Item(level if flag else None))

    def graph_ended(self, place: str, output: Any) -> None:
        """Record what a nested graph, or any other chain, returned to the node at `place` that runs it."""
        if not self.has_any or not isinstance(output, Mapping):
            return
        with self._lock:
            for capture in self._captures.values():
                if capture.errors.level == place and "errors" in output:
                    capture.errors.is_passed_on = True
                if capture.flag.level == place and "routing_flags" in output:
                    capture.flag.is_passed_on = True

    def graph_failed(self, place: str) -> None:
        """Record that a nested graph raised. The node that runs it gets the error, so the flag is handled."""
        with self._lock:
            for capture in self._captures.values():
                if capture.flag.level == place:
                    capture.flag.level = None

    def blocks(self, place: str | None = None) -> bool:
        """Whether a failure that blocks was captured and has not been handled.

        Args:
            place: Only in graphs that the node at this place runs; None for the whole run.
        """
        return self.has_any and any(
            place is None or level == place or level.startswith(f"{place}|")
            for level in self._levels_of_flags()
        )

    def lost_flag(self, channels: Iterable[str]) -> bool:
        """Whether a flag `blocked` has not reached the outermost graph, whose fields are `channels`."""
        has_flags = "routing_flags" in channels
        return self.has_any and any(level != OUTERMOST or not has_flags for level in self._levels_of_flags())

    def _levels_of_flags(self) -> list[str]:
        """Return where the flags `blocked` are that have not been handled."""
        with self._lock:
            levels = [capture.flag.level for capture in self._captures.values()]
        return [level for level in levels if level is not None]

    def with_lost(
        self, records: tuple[NodeErrorRecord, ...], channels: Iterable[str], *, is_complete: bool
    ) -> tuple[NodeErrorRecord, ...]:
        """Add the captured records that the state lacks, in order of time.

        Args:
            records: Those in the state.
            channels: The fields of the outermost graph.
            is_complete: Whether the last superstep came to its end, so that the state has what its nodes captured.

        Returns:
            All records; those that were handled are left out.
        """
        if not self.has_any:
            return records
        is_kept = is_complete and "errors" in channels
        known = {record.get("error_id") for record in records}
        lost = []
        with self._lock:
            for error_id, capture in self._captures.items():
                level = capture.errors.level
                is_in_state = error_id in known or (is_kept and level == OUTERMOST)
                if level is not None and not is_in_state:
                    lost.append(capture.record)
        if not lost:
            return records
        return tuple(sorted((*records, *lost), key=lambda record: str(record.get("timestamp", ""))))


def records_in(state: Any) -> tuple[NodeErrorRecord, ...]:
    """Return the error records in the field `errors` of a state or an update.

    A state that is not a `GraphState` may have a field of this name that is something else.
    """
    errors = _field(state, "errors")
    if not isinstance(errors, list) or not errors:
        return ()
    return tuple(
        cast("NodeErrorRecord", each) for each in errors if isinstance(each, dict) and "node_id" in each
    )


def is_blocked(state: Any) -> bool:
    """Whether the flag `blocked` is set in a state."""
    return bool(_flag(state))


def _flag(state: Any) -> bool | None:
    """Return the flag `blocked`; None if it is not mentioned."""
    flags = _field(state, "routing_flags")
    if flags is None or not isinstance(flags, Mapping) or "blocked" not in flags:
        return None
    return bool(flags["blocked"])


def _field(state: Any, name: str) -> Any:
    """Return a field of a state: a dict in most graphs, an object or anything else in some."""
    return state.get(name) if isinstance(state, dict) else getattr(state, name, None)
