"""Whole SVG documents, with text that is set in lines."""

from html import escape

from examples.campaign.craft.typesetting import FONTS, Block

__all__ = ["document", "text_block", "text_line"]


def document(width: int, height: int, *, title: str, body: str) -> str:
    """Return a drawing with a title, which screen readers read."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" aria-labelledby="title">\n'
        f'<title id="title">{escape(title)}</title>\n{body}\n</svg>\n'
    )


def text_line(
    text: str, x: float, baseline: float, *, size: float, colour: str, anchor: str = "start"
) -> str:
    """Return one bold line."""
    return (
        f'<text x="{x:.0f}" y="{baseline:.0f}" font-family="{FONTS}" font-size="{size:.1f}" '
        f'font-weight="700" fill="{colour}" text-anchor="{anchor}">{escape(text)}</text>'
    )


def text_block(block: Block, x: float, top: float, *, colour: str) -> str:
    """Return lines below each other, from `top` down."""
    return "\n".join(
        text_line(line, x, top + block.size + number * block.leading, size=block.size, colour=colour)
        for number, line in enumerate(block.lines)
    )
