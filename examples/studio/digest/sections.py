"""Split a Markdown text into sections, sentences and words."""

import re
from typing import Any

from examples.studio.digest.state import DigestState, Section

HEADING = re.compile(r"^#{1,6} +(?P<title>.+?) *#*$", re.MULTILINE)
LINK = re.compile(r"!?\[(?P<label>[^\]]*)\]\((?P<target>[^)\s]+)[^)]*\)|<?(?P<bare>https?://[^\s<>)\]]+)>?")
NO_PROSE = re.compile(r"^```.*?^```$|^\|[^\n]*$|`", re.MULTILINE | re.DOTALL)
"""Code blocks, rows of tables, and the backticks around code in a sentence. The code itself stays."""


def split(state: DigestState) -> dict[str, Any]:
    """Split the text into sections. The text before the first heading is a section, too.

    Raises:
        ValueError: There is no text.
    """
    text = NO_PROSE.sub("", state["text"])
    parts = HEADING.split(text)
    titles, texts = ["", *parts[1::2]], parts[0::2]
    sections: list[Section] = [
        {"name": f"{number}. {title or 'Introduction'}", "anchor": anchor(title), "text": body.strip()}
        for number, (title, body) in enumerate(zip(titles, texts, strict=True))
        if title or body.strip()
    ]
    if not sections:
        raise ValueError("text must not be empty.")
    return {"sections": sections}


def anchor(title: str) -> str:
    """Return the anchor of a heading, as code hosts name it."""
    return "#" + re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-")


def sentences(text: str) -> list[str]:
    """Split a text into sentences. Paragraphs and list items end a sentence, too."""
    prose = LINK.sub(lambda link: link["label"] or "", text)
    blocks = re.split(r"\n\s*\n|\n\s*[-*+] +", prose)
    found = (part for block in blocks for part in re.split(r"(?<=[.!?])\s+", " ".join(block.split())))
    return [sentence.lstrip("-*+> ") for sentence in found if words(sentence)]


def words(text: str) -> list[str]:
    """Return the words of a text."""
    return re.findall(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*", text)
