"""`route_by_flags()`: conditional edges by what the nodes before have flagged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

from langgraph_runner.errors.hints import did_you_mean
from langgraph_runner.state.records import ROUTING_FLAGS

__all__ = ["Target", "route_by_flags"]

Target: TypeAlias = str | Sequence[str]
"""The name of a node or `END`, or several names, which then run side by side."""

_NO_FLAGS: Final[Mapping[str, bool]] = {}


def route_by_flags(*, default: Target, **targets: Target) -> Callable[[Any], str | list[str]]:
    """A function for `add_conditional_edges()` that goes where the first flag that is set leads.

    Args:
        default: Where to go if none of the flags is set.
        **targets: For a flag (`proceed`, `retry`, `blocked`, `escalate`, `skip`, `complete`), where to go when it
            is True. If several are, the one that stands first here wins.

    Returns:
        A pure function of the state, which may be a dict, a pydantic model or a dataclass. LangGraph reads the
        edges that it draws from its return annotation.

    Raises:
        TypeError: There is no such flag, or a target is no name.
        ValueError: No flag is given, or a target is empty.

    Example:
        >>> route = route_by_flags(blocked="review", default="publish")
        >>> route({"routing_flags": {"blocked": True}}), route({})
        ('review', 'publish')
    """
    if not targets:
        raise ValueError(f"Name at least one flag: {', '.join(ROUTING_FLAGS)}.")
    for flag in targets:
        if flag not in ROUTING_FLAGS:
            hint = did_you_mean(flag, ROUTING_FLAGS)
            raise TypeError(f"{flag}: there is no such flag, but {', '.join(ROUTING_FLAGS)}.{hint}")
    ways = {flag: _as_target(target, field=flag) for flag, target in targets.items()}
    otherwise = _as_target(default, field="default")

    def route(state: Any) -> str | list[str]:
        flags = _flags_of(state)
        return next((target for flag, target in ways.items() if flags.get(flag)), otherwise)

    # LangGraph names the branch after the function: two on one node must differ.
    route.__name__ = route.__qualname__ = f"route_by_{'_'.join(ways)}"
    names = tuple(dict.fromkeys(name for target in (*ways.values(), otherwise) for name in _names(target)))
    route.__annotations__ = {"return": Literal[names]}
    return route


def _flags_of(state: Any) -> Mapping[str, bool]:
    flags = (
        state.get("routing_flags") if isinstance(state, Mapping) else getattr(state, "routing_flags", None)
    )
    return flags or _NO_FLAGS


def _as_target(target: object, *, field: str) -> str | list[str]:
    names = [target] if isinstance(target, str) else target
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"{field}: expected the name of a node or a list of them, got {target!r:.80}.")
    if not names or not all(names):
        raise ValueError(f"{field}: {target!r:.80} names no node.")
    return target if isinstance(target, str) else list(names)


def _names(target: str | list[str]) -> list[str]:
    return [target] if isinstance(target, str) else target
