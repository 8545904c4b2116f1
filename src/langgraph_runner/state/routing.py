"""`route_by_flags()`: conditional edges by the flags in the state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from langgraph_runner.errors.hints import did_you_mean
from langgraph_runner.state.graph_state import ROUTING_FLAGS

__all__ = ["Target", "route_by_flags", "unknown_flag"]

Target: TypeAlias = str | Sequence[str]
"""The name of a node or `END`, or several names, which then run in parallel."""


def route_by_flags(*, default: Target, **targets: Target) -> Callable[[Any], str | list[str]]:
    """Return a function for `add_conditional_edges()` that chooses the target of the first flag that is set.

    Args:
        default: The target if no flag is set.
        **targets: The target for a flag (`proceed`, `retry`, `blocked`, `escalate`, `skip`, `complete`) that is
            True. If several flags are True, the first one in the call wins.

    Returns:
        A pure function of the state, which may be a dict, a pydantic model or a dataclass. LangGraph reads the
        edges that it draws from its return annotation.

    Raises:
        TypeError: A flag is unknown, or a target is not a name.
        ValueError: No flag is given, or a target is empty.

    Example:
        >>> route = route_by_flags(blocked="review", default="publish")
        >>> route({"routing_flags": {"blocked": True}}), route({})
        ('review', 'publish')
    """
    if not targets:
        raise ValueError(f"route_by_flags() must have at least one flag of {', '.join(ROUTING_FLAGS)}.")
    for flag in targets:
        if flag not in ROUTING_FLAGS:
            raise TypeError(unknown_flag(flag))
    ways = {flag: _as_target(target, field=flag) for flag, target in targets.items()}
    otherwise = _as_target(default, field="default")

    def route(state: Any) -> str | list[str]:
        flags = _flags_of(state)
        for flag, target in ways.items():
            if flags.get(flag):
                return target
        return otherwise

    # LangGraph names the branch after the function, and two branches of one node must have different names.
    route.__name__ = route.__qualname__ = f"route_by_{'_'.join(ways)}"
    names: dict[str, None] = {}  # An ordered set.
    for target in (*ways.values(), otherwise):
        names.update(dict.fromkeys([target] if isinstance(target, str) else target))
    route.__annotations__ = {"return": Literal[tuple(names)]}
    return route


def unknown_flag(flag: object) -> str:
    """Return the message for a flag that does not exist."""
    return (
        f"unknown flag {flag!r}.{did_you_mean(flag, ROUTING_FLAGS)} The flags are {', '.join(ROUTING_FLAGS)}."
    )


def _flags_of(state: Any) -> Mapping[str, bool]:
    if isinstance(state, Mapping):
        return state.get("routing_flags") or {}
    return getattr(state, "routing_flags", None) or {}


def _as_target(target: object, *, field: str) -> str | list[str]:
    names = [target] if isinstance(target, str) else target
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"{field} must be the name of a node or a list of names, got {target!r:.80}.")
    if not names or not all(names):
        raise ValueError(f"{field} must name at least one node, got {target!r:.80}.")
    return target if isinstance(target, str) else list(names)
