"""What both SVG drawings share: escaping, the frame, the styles for light and dark."""

from __future__ import annotations

import re
from html import escape
from typing import Final

__all__ = ["ACCENT", "document", "text", "text_width"]

ACCENT: Final = "#d9622b"
"""The colour of the critical path."""
_NOT_IN_XML: Final = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_WIDTH_OF_A_LETTER: Final = 7.3
_STYLE: Final = """
    svg { background: #ffffff; font: 13px system-ui, -apple-system, "Segoe UI", sans-serif }
    text { fill: #1f2933 }
    .dim { fill: #66727f }
    .box { fill: #f5f7fa; stroke: #9aa5b1; stroke-width: 1.2 }
    .edge { fill: none; stroke: #9aa5b1; stroke-width: 1.4 }
    .tip { fill: #9aa5b1 }
    .grid { stroke: #e4e8ec; stroke-width: 1 }
    .wait { fill: #d5dbe1 }
    @media (prefers-color-scheme: dark) {
      svg { background: #14181d }
      text { fill: #e4e8ec }
      .dim { fill: #9aa5b1 }
      .box { fill: #1f262e; stroke: #5d6975 }
      .edge { stroke: #5d6975 }
      .tip { fill: #5d6975 }
      .grid { stroke: #2a323b }
      .wait { fill: #39434d }
    }"""


def text(value: str) -> str:
    """Escape text for an element or an attribute, and replace characters that XML does not allow."""
    return escape(_NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", value))


def text_width(value: str) -> float:
    """Estimate the width of a text. The fonts of the reader are unknown."""
    return len(value) * _WIDTH_OF_A_LETTER


def document(title: str, width: float, height: float, parts: list[str]) -> str:
    """Return the text of an SVG file."""
    body = "\n".join(f"  {part}" for part in parts)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" \
viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{text(title)}">
  <title>{text(title)}</title>
  <style>{_STYLE}
  </style>
{body}
</svg>
"""
