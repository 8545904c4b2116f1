"""Charts drawn with characters: the fallback of the chart node."""

from typing import Any

from examples.package_audit.state import AuditState
from langgraph_runner import get_node_context

WIDTH = 40


def draw_text_charts(state: AuditState) -> dict[str, Any]:
    """Draw bars of characters, after a line with the error of the other charts."""
    figures = state["figures"]
    parts = [
        f"(drawn with characters: {get_node_context().primary_error})",
        *bars("Lines by package", {area["name"]: area["lines"] for area in figures["areas"]}),
        *bars("Functions by grade of complexity", figures["grades"]),
    ]
    return {"text_charts": "\n".join(parts)}


def bars(title: str, values: dict[str, int]) -> list[str]:
    """Draw one chart."""
    longest = max(map(len, values), default=0)
    highest = max(values.values(), default=0) or 1
    lines = [
        f"{name:<{longest}} {'█' * round(WIDTH * value / highest)} {value:,}"
        for name, value in values.items()
    ]
    return ["", title, *lines]
