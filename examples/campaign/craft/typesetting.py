"""Text widths and line breaks, without a font.

The widths are those of Helvetica Bold in thousandths of the size, from Adobe's metrics of the standard fonts of PDF
(Helvetica-Bold.afm). Arial and Liberation Sans have the same ones, so that lines break alike on any machine.
"""

import unicodedata
from typing import NamedTuple

__all__ = ["FONTS", "Block", "fitted", "width"]

FONTS = "Helvetica, Arial, 'Liberation Sans', sans-serif"

_BY_WIDTH = {
    238: "'",
    278: " ,./I\\ijl\u2018\u2019",
    280: "|",
    333: "!()-:;[]`ft",
    389: "*r{}",
    474: '"',
    500: "z\u201c\u201d",
    556: "#$0123456789J_aceksvxy\u20ac\u2013",
    584: "+<=>^~",
    611: "?FLTZbdghnopqu\u00df",
    667: "EPSVXY",
    722: "&ABCDHKNRU",
    778: "GOQw",
    833: "M",
    889: "%m",
    944: "W",
    975: "@",
    1000: "\u2014\u2026",
}
_WIDTHS = {character: wide for wide, characters in _BY_WIDTH.items() for character in characters}
_UNKNOWN = 720
_FULL = 1000
_SHRINK = 0.96
_SPACING = 1.14
ELLIPSIS = "\u2026"


class Block(NamedTuple):
    """Lines of text in a size that fits."""

    lines: tuple[str, ...]
    size: float

    @property
    def leading(self) -> float:
        """The distance between baselines."""
        return self.size * _SPACING

    @property
    def height(self) -> float:
        """The height of all lines."""
        return self.leading * len(self.lines)


def width(text: str, size: float) -> float:
    """Return the width of a line of bold text, in the unit of `size`."""
    return sum(map(_advance, text)) * size / 1000


def fitted(text: str, *, box: tuple[float, float], size: float, least: float) -> Block:
    """Break text into lines within a box: as large as `size` allows, and not smaller than `least`.

    If the text is too long even for that size, the last line ends in an ellipsis.
    """
    while True:
        block = Block(_balanced(text, box[0], size), size)
        if block.height <= box[1] and all(width(line, size) <= box[0] for line in block.lines):
            return block
        if size <= least:
            return _cut(block, box)
        size = max(least, size * _SHRINK)


def _advance(character: str) -> int:
    if character in _WIDTHS:
        return _WIDTHS[character]
    if unicodedata.combining(character):
        return 0
    base = unicodedata.normalize("NFD", character)[0]
    if base in _WIDTHS:
        return _WIDTHS[base]
    return _FULL if unicodedata.east_asian_width(character) in {"W", "F"} else _UNKNOWN


def _balanced(text: str, room: float, size: float) -> tuple[str, ...]:
    """Break into as few lines as possible, of similar widths, so that no single word is on the last line."""
    lines = _broken(text, room, size)
    narrow, wide = room / 2, room
    for _ in range(8):
        middle = (narrow + wide) / 2
        if len(_broken(text, middle, size)) <= len(lines):
            wide = middle
        else:
            narrow = middle
    tried = _broken(text, wide, size)
    return tried if len(tried) <= len(lines) else lines


def _broken(text: str, room: float, size: float) -> tuple[str, ...]:
    lines: list[str] = []
    for word in _pieces(text, room, size):
        if lines and width(f"{lines[-1]} {word}", size) <= room:
            lines[-1] = f"{lines[-1]} {word}"
        else:
            lines.append(word)
    return tuple(lines)


def _pieces(text: str, room: float, size: float) -> list[str]:
    """Return the words. Words wider than a line are split, which also handles scripts without blanks."""
    pieces: list[str] = []
    for word in text.split():
        piece = ""
        for character in word:
            if piece and width(piece + character, size) > room:
                pieces.append(piece)
                piece = ""
            piece += character
        pieces.append(piece)
    return pieces


def _cut(block: Block, box: tuple[float, float]) -> Block:
    count = max(1, int(box[1] // block.leading))
    if len(block.lines) <= count:
        return block
    last = block.lines[count - 1]
    while last and width(last + ELLIPSIS, block.size) > box[0]:
        last = last[:-1].rstrip()
    return Block((*block.lines[: count - 1], last + ELLIPSIS), block.size)
