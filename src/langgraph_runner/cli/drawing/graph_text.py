"""The graph of a workflow as text: Mermaid, and rails as in `git log --graph`.

A rail stands for the output of a step. It goes from the row of the step to that of the last step that needs it:

    ●     theme
    ├─●   headlines
    │ │ ● media
    │ ●─╯ bundle         needs headlines and media; no later step needs these
    ●     report         needs theme
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langgraph_runner.cli.render.text import StatusStyle
    from langgraph_runner.workflow import Dag

__all__ = ["Row", "mermaid", "rails"]

_MAX_RAILS: Final = 24
_MAX_NEEDS: Final = 6
_NOT_IN_CLASS_NAME: Final = re.compile(r"[^a-z]+")


class Row(NamedTuple):
    """One step of a drawing in text."""

    before: str
    """The rails to the left of its mark."""
    mark: str
    after: str
    """The rails to the right of its mark, padded to the same width in all rows."""
    step: str
    needs: str
    """The dependencies as text, in a graph that has too many rails."""


class _Characters(NamedTuple):
    """The characters of rails."""

    dot: str
    rail: str
    line: str
    joins: str
    """A rail that goes on below a line: on both sides of it, only to the right, only to the left."""
    ends: str
    """The same for a rail that ends."""


_BOTH_SIDES, _RIGHT_ONLY, _LEFT_ONLY = 0, 1, 2
_UNICODE: Final = _Characters("●", "│", "─", "┼├┤", "┴╰╯")
_ASCII: Final = _Characters("*", "|", "-", "+++", "'''")


def mermaid(
    dag: Dag, styles: Mapping[str, StatusStyle] | None = None, labels: Mapping[str, str] | None = None
) -> str:
    """Draw the graph in the language of Mermaid, from left to right.

    Args:
        dag: The graph.
        styles: The style of each step that the run has; None to draw the workflow without a run.
        labels: The labels of steps whose label is not their id.
    """
    names = {step: f"s{index}" for index, step in enumerate(dag.order)}
    lines = [
        "flowchart LR",
        *(f'    {names[step]}["{(labels or {}).get(step, step)}"]' for step in dag.order),
    ]
    lines += [
        f"    {names[before]} --> {names[step]}" for step in dag.order for before in dag.dependencies[step]
    ]
    if styles is not None:
        classes = {style: _NOT_IN_CLASS_NAME.sub("", style.short_label) for style in styles.values()}
        lines += [
            f"    classDef {name} stroke:{style.colour},stroke-width:2px" for style, name in classes.items()
        ]
        lines += [f"    class {names[step]} {classes[style]}" for step, style in styles.items()]
    return "\n".join(lines) + "\n"


def rails(dag: Dag, *, is_unicode: bool = True, marks: Mapping[str, str] | None = None) -> list[Row]:
    """Draw the graph as one row for each step, each below its dependencies.

    Args:
        dag: The graph.
        is_unicode: Whether the characters need not be ASCII.
        marks: The marks of steps that have no dot.
    """
    characters = _UNICODE if is_unicode else _ASCII
    order = _order(dag)
    rows = _rails(dag, order, characters, marks or {})
    if rows is None:
        return [
            Row("", (marks or {}).get(step, characters.dot), "", step, _shorten(dag.dependencies[step]))
            for step in order
        ]
    width = max(len(row.before) + 1 + len(row.after) for row in rows)
    return [row._replace(after=row.after.ljust(width - len(row.before) - 1)) for row in rows]


def _order(dag: Dag) -> list[str]:
    """Order the steps so that few rails are open at once.

    The next step is the one that ends the most rails; among equals, the one whose last dependency was placed last.
    """
    # How many dependencies of each step are not placed yet, and how many dependents.
    left = {step: len(before) for step, before in dag.dependencies.items()}
    needed = {step: len(after) for step, after in dag.dependents.items()}
    place = {step: index for index, step in enumerate(dag.order)}
    ready = [step for step in dag.order if not left[step]]
    order: list[str] = []
    row: dict[str, int] = {}
    while ready:

        def priority(step: str) -> tuple[int, int, int]:
            before = dag.dependencies[step]
            ends = sum(needed[each] == 1 for each in before)
            return (
                ends - bool(dag.dependents[step]),
                max((row[each] for each in before), default=-1),
                -place[step],
            )

        step = max(ready, key=priority)
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


def _rails(dag: Dag, order: list[str], characters: _Characters, marks: Mapping[str, str]) -> list[Row] | None:
    """Return the rows; None if there are too many rails."""
    rails: list[str | None] = []
    needed = {step: len(after) for step, after in dag.dependents.items()}
    rows: list[Row] = []
    ended = -1
    for step in order:
        before = dag.dependencies[step]
        for each in before:
            needed[each] -= 1
        joining = {rails.index(each) for each in before}
        ending = {index for index in joining if not needed[rails[index] or ""]}
        # A step takes over the leftmost rail that ends at it, or begins a new one.
        own = min(ending) if ending else _free(rails, min(joining, default=-1), ended)
        rails += [None] * (own + 1 - len(rails))
        if len(rails) > _MAX_RAILS:
            return None
        # Each rail takes two cells, so the mark of the step is at 2 * own.
        cells = _cells(rails, own, joining, ending, characters)
        text = "".join(cells)
        rows.append(
            Row(text[: 2 * own], marks.get(step, characters.dot), text[2 * own + 1 :].rstrip(), step, "")
        )
        for index in ending:
            rails[index] = None
        rails[own] = step if needed[step] else None
        ended = -1 if needed[step] else own
        while rails and rails[-1] is None:
            rails.pop()
    return rows


def _free(rails: list[str | None], right_of: int, ended: int) -> int:
    """Return where a new rail may begin. Right below a mark whose rail ended it would look like a dependency."""
    index = right_of + 1
    while index == ended or (index < len(rails) and rails[index] is not None):
        index += 1
    return index


def _cells(
    rails: list[str | None], own: int, joining: set[int], ending: set[int], characters: _Characters
) -> list[str]:
    """Return one row, two characters for each rail: the rail, and the line to the next rail."""
    first, last = min({own, *joining}), max({own, *joining})
    cells: list[str] = []
    for index, rail in enumerate(rails):
        is_on_line = first <= index <= last
        if index in joining and index != own:
            side = _BOTH_SIDES
            if index == first:
                side = _RIGHT_ONLY
            elif index == last:
                side = _LEFT_ONLY
            cells.append((characters.ends if index in ending else characters.joins)[side])
        elif rail is not None:
            cells.append(characters.rail)
        else:
            cells.append(characters.line if is_on_line else " ")
        cells.append(characters.line if first <= index < last else " ")
    return cells


def _shorten(names: tuple[str, ...]) -> str:
    if len(names) <= _MAX_NEEDS:
        return ", ".join(names)
    return f"{', '.join(names[:_MAX_NEEDS])} and {len(names) - _MAX_NEEDS} more"
