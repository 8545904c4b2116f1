"""The Markdown elements of the report."""

from collections.abc import Iterable, Iterator, Sequence

Cell = str | int


def section(title: str, lines: Iterable[str]) -> Iterator[str]:
    """Yield a titled section."""
    yield from ("", f"## {title}", "", *lines)


def table(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """Yield a table; columns of numbers are flush right."""
    cells = list(rows)
    numeric = [
        bool(cells) and all(isinstance(row[column], int) for row in cells) for column in range(len(header))
    ]
    yield line(header)
    yield line(["---:" if right else "---" for right in numeric])
    for row in cells:
        yield line([f"{cell:,}" if isinstance(cell, int) else escaped(cell) for cell in row])


def line(cells: Sequence[str]) -> str:
    """Join the cells of one line."""
    return f"| {' | '.join(cells)} |"


def escaped(text: str) -> str:
    """Keep a text inside its cell."""
    return " ".join(text.split()).replace("|", "\\|")


def code(text: str) -> str:
    """Format a text as code, even if it contains backticks."""
    flat = " ".join(text.split())
    fence = "``" if "`" in flat else "`"
    return f"{fence} {flat} {fence}" if "`" in flat or not flat else f"{fence}{flat}{fence}"


def percent(part: int, whole: int) -> str:
    """Return a part in per cent; 100 if the whole is 0."""
    return f"{100 * part / whole if whole else 100:.0f} %"


def listed(names: Sequence[str], most: int = 6) -> str:
    """List names as code, and count those beyond ``most``."""
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(code(name) for name in names[:most]) + rest


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the singular or plural."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
