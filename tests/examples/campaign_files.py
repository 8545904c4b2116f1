"""Shared by the tests of the campaign: the sample brief, one build of it, and strict readers of its files."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

from examples.campaign.reading import SAMPLE

VOID = {"br", "hr", "img", "input", "link", "meta"}


def sample(**changes: Any) -> dict[str, Any]:
    """Return the sample brief, with fields replaced."""
    return {**json.loads(SAMPLE.read_text(encoding="utf-8")), **changes}


class Page(HTMLParser):
    """Parses HTML strictly, and collects what the tests need."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record an element."""
        assert len({name for name, _ in attrs}) == len(attrs), f"an attribute twice in <{tag}>"
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close the innermost element, whose name must match."""
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Record text."""
        if self.open and self.open[-1] != "style":
            self.words.append(" ".join(data.split()))

    @property
    def text(self) -> str:
        """Return the visible text."""
        return " ".join(filter(None, self.words))

    def all(self, tag: str) -> list[dict[str, str]]:
        """Return the attributes of all elements with this name."""
        return [attributes for name, attributes in self.tags if name == tag]

    def local_targets(self) -> set[str]:
        """Return the local files that the page refers to."""
        found = [each.get("href") or each.get("src") or "" for _, each in self.tags]
        return {
            target for target in found if target and not urlsplit(target).scheme and target[0] not in "#{"
        }


def calendar_events(data: bytes) -> list[dict[str, str]]:
    """Return the events of an iCalendar file. Violations of RFC 5545 fail."""
    assert data.endswith(b"\r\n")
    lines = data.split(b"\r\n")[:-1]
    assert all(b"\n" not in line and b"\r" not in line for line in lines)
    assert all(0 < len(line) <= 75 for line in lines)
    for line in lines:
        line.decode()  # A character that is split is invalid UTF-8.
    whole = data.decode().replace("\r\n ", "").split("\r\n")[:-1]
    assert (whole[0], whole[-1]) == ("BEGIN:VCALENDAR", "END:VCALENDAR")
    assert "VERSION:2.0" in whole
    assert any(line.startswith("PRODID:") for line in whole)
    events: list[dict[str, str]] = []
    for line in whole[1:-1]:
        name, _, value = line.partition(":")
        if line == "BEGIN:VEVENT":
            events.append({})
        elif events and line != "END:VEVENT":
            events[-1][name] = value
    assert whole.count("BEGIN:VEVENT") == whole.count("END:VEVENT") == len(events)
    return events
