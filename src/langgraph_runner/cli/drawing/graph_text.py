"""The graph of a workflow as text: Mermaid, and rails as `git log --graph` has them.

A rail stands for the output of a step, from its row to that of the last step that needs it:

    ●     theme
    ├─●   headlines
    │ │ ● media
    │ ●─╯ bundle         from headlines and media, of which nobody needs more
    ●     report         from theme
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langgraph_runner.cli.render.words import Face
    from langgraph_runner.workflow import Dag

__all__ = ["Row", "mermaid", "rails"]

_MAX_RAILS: Final = 24
_SHOWN: Final = 6
_MERMAID_CLASSES: Final = re.compile(r"[^a-z]+")


class Row(NamedTuple):
    """One step of a drawing in text."""

    before: str
    """The rails to the left of its mark."""
    mark: str
    after: str
    """The rails to the right of it, padded."""
    step: str
    needs: str
    """What it needs, where rails would be too many to be followed."""


class _Signs(NamedTuple):
    """The signs that rails are made of."""

    dot: str
    rail: str
    line: str
    joins: str
    """A rail that goes on, and gives to the line on both sides, to the right only, to the left only."""
    ends: str
    """The same for one that ends."""


_UNICODE: Final = _Signs("●", "│", "─", "┼├┤", "┴╰╯")
_ASCII: Final = _Signs("*", "|", "-", "+++", "'''")


def mermaid(
    dag: Dag, faces: Mapping[str, Face] | None = None, labels: Mapping[str, str] | None = None
) -> str:
    """The graph in Mermaid's language, from left to right; `labels` are those that differ from the ids."""
    names = {step: f"s{index}" for index, step in enumerate(dag.order)}
    lines = [
        "flowchart LR",
        *(f'    {names[step]}["{(labels or {}).get(step, step)}"]' for step in dag.order),
    ]
    lines += [
        f"    {names[before]} --> {names[step]}" for step in dag.order for before in dag.dependencies[step]
    ]
    if faces is not None:
        classes = {face: _MERMAID_CLASSES.sub("", face.brief) for face in faces.values()}
        lines += [
            f"    classDef {name} stroke:{face.colour},stroke-width:2px" for face, name in classes.items()
        ]
        lines += [f"    class {names[step]} {classes[face]}" for step, face in faces.items()]
    return "\n".join(lines) + "\n"


def rails(dag: Dag, *, is_unicode: bool = True, marks: Mapping[str, str] | None = None) -> list[Row]:
    """The graph as one row for each step, each below what it needs.

    Args:
        dag: The graph.
        is_unicode: Whether lines may be more than `|`, `-` and `+`.
        marks: The mark of each step; None for a dot.
    """
    signs = _UNICODE if is_unicode else _ASCII
    order = _order(dag)
    rows = _rails(dag, order, signs, marks or {})
    if rows is None:
        return [
            Row("", (marks or {}).get(step, signs.dot), "", step, _some(dag.dependencies[step]))
            for step in order
        ]
    width = max(len(row.before) + 1 + len(row.after) for row in rows)
    return [row._replace(after=row.after.ljust(width - len(row.before) - 1)) for row in rows]


def _order(dag: Dag) -> list[str]:
    """An order in which few outputs wait at once: next comes whoever ends the most rails, then the latest one."""
    left = {step: len(before) for step, before in dag.dependencies.items()}
    needed = {step: len(after) for step, after in dag.dependents.items()}
    place = {step: index for index, step in enumerate(dag.order)}
    ready = [step for step in dag.order if not left[step]]
    order: list[str] = []
    row: dict[str, int] = {}
    while ready:

        def merit(step: str) -> tuple[int, int, int]:
            before = dag.dependencies[step]
            ends = sum(needed[each] == 1 for each in before)
            return (
                ends - bool(dag.dependents[step]),
                max((row[each] for each in before), default=-1),
                -place[step],
            )

        step = max(ready, key=merit)
        ready.remove(step)
        row[step] = len(order)
        order.append(step)
        for before in dag.dependencies[step]:
            needed[before] -= 1
        for after in dag.dependents[step]:
            left[after] -= 1
            if not left[after]:
                ready.append(after)
    return order


def _rails(dag: Dag, order: list[str], signs: _Signs, marks: Mapping[str, str]) -> list[Row] | None:
    """The rows; None if there would be too many rails."""
    rails: list[str | None] = []
    needed = {step: len(after) for step, after in dag.dependents.items()}
    rows: list[Row] = []
    left = -1
    for step in order:
        before = dag.dependencies[step]
        for each in before:
            needed[each] -= 1
        joining = {rails.index(each) for each in before}
        ending = {index for index in joining if not needed[rails[index] or ""]}
        own = min(ending) if ending else _free(rails, min(joining, default=-1), left)
        rails += [None] * (own + 1 - len(rails))
        if len(rails) > _MAX_RAILS:
            return None
        cells = _cells(rails, own, joining, ending, signs)
        text = "".join(cells)
        rows.append(Row(text[: 2 * own], marks.get(step, signs.dot), text[2 * own + 1 :].rstrip(), step, ""))
        for index in ending:
            rails[index] = None
        rails[own] = step if needed[step] else None
        left = -1 if needed[step] else own
        while rails and rails[-1] is None:
            rails.pop()
    return rows


def _free(rails: list[str | None], right_of: int, left: int) -> int:
    """Where a new rail may begin. Not right below a mark whose rail has ended: that would look like a dependency."""
    index = right_of + 1
    while index == left or (index < len(rails) and rails[index] is not None):
        index += 1
    return index


def _cells(
    rails: list[str | None], own: int, joining: set[int], ending: set[int], signs: _Signs
) -> list[str]:
    """One row of signs, two for each rail: the rail, and what leads to the next one."""
    first, last = min({own, *joining}), max({own, *joining})
    cells: list[str] = []
    for index, rail in enumerate(rails):
        is_on_line = first <= index <= last
        if index in joining and index != own:
            kind = 1 if index == first else 2 if index == last else 0
            sign = (signs.ends if index in ending else signs.joins)[kind]
        elif rail is not None:
            sign = signs.rail
        else:
            sign = signs.line if is_on_line else " "
        cells.append(sign)
        cells.append(signs.line if first <= index < last else " ")
    return cells


def _some(names: tuple[str, ...]) -> str:
    if len(names) <= _SHOWN:
        return ", ".join(names)
    return f"{', '.join(names[:_SHOWN])} and {len(names) - _SHOWN} more"
