"""Charts as SVG files.

The charts use matplotlib's ``Figure`` instead of pyplot, because pyplot has global state and nodes run in threads.
matplotlib is imported when a chart is drawn: without it the node fails, and its fallback (``text_charts.py``) draws
with characters.
"""

import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from examples.package_audit.complexity import GRADES, grade
from examples.package_audit.figures import parsed_modules
from examples.package_audit.output import output_folder
from examples.package_audit.state import Area, AuditState, ImportGraph

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

BARS = 14
FEWEST_ROWS = 4
INK, GRID = "#1f2933", "#d9dee4"
BLUE, LIGHT_BLUE, SAND = "#2f6f9f", "#9cc3dd", "#e3c77b"
SIZE_COLOURS = (BLUE, LIGHT_BLUE, SAND, GRID)
GRADE_COLOURS = dict(
    zip(GRADES, ("#5b9f6b", "#a3bf5f", "#e3c14f", "#e39a4a", "#d9684a", "#b33a3a"), strict=True)
)
HIGHEST_SHOWN = 40
LOW_COVERAGE = 0.5
WHITE_TEXT_ABOVE = 0.6


def draw_charts(state: AuditState) -> dict[str, Any]:
    """Draw the charts.

    Raises:
        ImportError: matplotlib is not installed.
        OSError: The output folder cannot be written.
    """
    areas = state["figures"]["areas"]
    if not areas:
        return {}
    figures = {
        "size": size_chart(areas),
        "complexity": complexity_chart(complexities(state)),
        "docstrings": docstring_chart(areas),
    }
    if state.get("imports") and len(state["imports"]["areas"]) > 1:
        figures["imports"] = import_chart(state["imports"], len(areas))
    folder = output_folder(state)
    folder.mkdir(parents=True, exist_ok=True)
    return {
        "artifact_paths": {
            f"{name}_chart": saved(figure, folder / f"{name}.svg") for name, figure in figures.items()
        }
    }


def complexities(state: AuditState) -> list[int]:
    """Collect the complexity of every function."""
    return [function["complexity"] for module in parsed_modules(state) for function in module["functions"]]


def saved(figure: "Figure", path: Path) -> str:
    """Write a figure; the same figures give the same file."""
    figure.savefig(path, format="svg", metadata={"Date": None}, facecolor="white")
    return str(path)


def size_chart(areas: list[Area]) -> "Figure":
    """Draw lines by area, split by kind."""
    shown = areas[:BARS]
    figure, axes = canvas(len(shown), title_with_rest("Lines by package", len(shown), len(areas)))
    names = [area["name"] for area in shown]
    split = {
        "code": [area["code"] for area in shown],
        "docstrings": [area["docstring"] for area in shown],
        "comments": [area["comment"] for area in shown],
        "blank": [area["blank"] for area in shown],
    }
    left = [0] * len(shown)
    for widths, colour in zip(split.values(), SIZE_COLOURS, strict=True):
        axes.barh(names, widths, left=left, color=colour, height=0.7)
        left = [before + width for before, width in zip(left, widths, strict=True)]
    downwards(axes, len(shown))
    legend_below(figure, dict(zip(split, SIZE_COLOURS, strict=True)))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    return figure


def docstring_chart(areas: list[Area]) -> "Figure":
    """Draw the part of public things that have a docstring, the largest areas first."""
    shown = areas[:BARS]
    figure, axes = canvas(
        len(shown), title_with_rest("Public things with a docstring", len(shown), len(areas))
    )
    parts = [area["documented"] / area["documentable"] for area in shown]
    colours = [SAND if part < LOW_COVERAGE else BLUE for part in parts]
    bars = axes.barh([area["name"] for area in shown], parts, color=colours, height=0.7)
    labels = [f"{area['documented']} of {area['documentable']}" for area in shown]
    axes.bar_label(bars, labels, padding=4, color=INK, fontsize=9)
    downwards(axes, len(shown))
    axes.set_xlim(0, 1.18)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    legend_below(figure, {"half or more": BLUE, "less than half": SAND})
    return figure


def complexity_chart(values: list[int]) -> "Figure":
    """Draw the number of functions by cyclomatic complexity; the last bar contains all higher values."""
    figure, axes = canvas(9, "Functions by cyclomatic complexity")
    counts = Counter(min(value, HIGHEST_SHOWN + 1) for value in values)
    graded = Counter(map(grade, values))
    for letter, (low, high) in GRADES.items():
        inside = [value for value in counts if low <= value <= high]
        span = f"{low} to {high}" if high <= HIGHEST_SHOWN else f"{low} and more"
        label = f"{letter}, {span}: {graded[letter]:,}"
        heights = [counts[value] for value in inside]
        # Without a bar the legend would have no colour.
        axes.bar(inside or [0], heights or [0], color=GRADE_COLOURS[letter], label=label)
    axes.set_yscale("log")
    axes.set_ylim(0.7, 1.5 * max(counts.values(), default=1))
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlim(0, HIGHEST_SHOWN + 2)
    axes.grid(axis="x", visible=False)
    axes.grid(axis="y", color=GRID)
    axes.set_xlabel(
        f"cyclomatic complexity of a function (all above {HIGHEST_SHOWN} in the last bar)", color=INK
    )
    axes.set_ylabel("functions (logarithmic)", color=INK)
    axes.legend(frameon=False, loc="upper right", ncols=2)
    return figure


def import_chart(imports: ImportGraph, of: int) -> "Figure":
    """Draw the imports between packages as a matrix: numbers below the diagonal are imports against the layers."""
    areas, matrix = imports["areas"], imports["matrix"]
    figure, axes = canvas(
        len(areas) + 4, title_with_rest("Imports between packages (row imports column)", len(areas), of)
    )
    shades = [
        [math.nan if row == column else math.log1p(count) for column, count in enumerate(counts)]
        for row, counts in enumerate(matrix)
    ]
    palette = matplotlib_colormap("Blues").with_extremes(bad=GRID)
    axes.imshow(shades, cmap=palette, aspect="auto", interpolation="nearest", vmin=0)
    darkest = max(shade for row in shades for shade in row if not math.isnan(shade))
    for row, counts in enumerate(matrix):
        for column, count in enumerate(counts):
            if count and row != column:
                colour = "white" if shades[row][column] > WHITE_TEXT_ABOVE * darkest else INK
                axes.text(column, row, str(count), ha="center", va="center", fontsize=8, color=colour)
    axes.set_xticks(range(len(areas)), areas, rotation=45, ha="left", rotation_mode="anchor")
    axes.set_yticks(range(len(areas)), areas)
    axes.xaxis.tick_top()
    axes.grid(visible=False)
    return figure


def matplotlib_colormap(name: str) -> "Colormap":
    """Return one of matplotlib's palettes."""
    from matplotlib import colormaps  # noqa: PLC0415 - see the module docstring

    return colormaps[name]


def canvas(rows: int, title: str) -> "tuple[Figure, Axes]":
    """Make a figure with space for this number of rows."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - see the module docstring

    figure = Figure(figsize=(9, 1.7 + 0.32 * max(rows, FEWEST_ROWS)), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, loc="left", color=INK, fontsize=13, pad=12)
    axes.spines[:].set_visible(False)
    axes.tick_params(colors=INK, length=0, which="both")
    axes.grid(axis="x", color=GRID)
    axes.set_axisbelow(True)
    return figure, axes


def legend_below(figure: "Figure", colours: dict[str, str]) -> None:
    """Put the legend below the axes, because the title above them may be long."""
    from matplotlib.patches import Patch  # noqa: PLC0415 - see the module docstring

    handles = [Patch(color=colour, label=words) for words, colour in colours.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)


def downwards(axes: "Axes", rows: int) -> None:
    """Put the first row on top, and keep bars slim if there are few."""
    axes.set_ylim(max(rows, FEWEST_ROWS) - 0.5, -0.5)


def title_with_rest(title: str, shown: int, count: int) -> str:
    """Return the title; if not all areas are shown, with their number."""
    return title if shown == count else f"{title}: the {shown} largest of {count}"
