"""iCalendar: RFC 5545, https://www.rfc-editor.org/rfc/rfc5545."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import NamedTuple

__all__ = ["Entry", "calendar_text"]

_LIMIT = 75  # Octets of a line without its break, section 3.1.


class Entry(NamedTuple):
    """An entry on a day, or at a local time of the reader."""

    uid: str
    when: date | datetime
    days: int
    """Number of days, for an entry without a time."""
    title: str
    note: str


def calendar_text(name: str, entries: Iterable[Entry], *, stamp: date) -> str:
    """Return a calendar.

    Args:
        name: As calendar programs show it.
        entries: Its events.
        stamp: The day of the entries' DTSTAMP. An argument, so that the same entries give the same file.
    """
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//langgraph-runner//campaign example//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        f"NAME:{_escaped(name)}",  # RFC 7986
        f"X-WR-CALNAME:{_escaped(name)}",
    ]
    for entry in entries:
        lines += _event(entry, stamp)
    lines.append("END:VCALENDAR")
    return "".join(f"{_folded(line)}\r\n" for line in lines)


def _event(entry: Entry, stamp: date) -> list[str]:
    return [
        "BEGIN:VEVENT",
        f"UID:{entry.uid}",
        f"DTSTAMP:{stamp:%Y%m%d}T000000Z",
        *_times(entry),
        f"SUMMARY:{_escaped(entry.title)}",
        f"DESCRIPTION:{_escaped(entry.note)}",
        "TRANSP:TRANSPARENT",
        "END:VEVENT",
    ]


def _times(entry: Entry) -> list[str]:
    if isinstance(entry.when, datetime):
        # Neither a zone nor a `Z`: the local time of the reader (section 3.3.5, form 1).
        return [f"DTSTART:{entry.when:%Y%m%dT%H%M%S}", "DURATION:PT30M"]
    # DTEND is exclusive (section 3.6.1).
    end = entry.when + timedelta(days=entry.days)
    return [f"DTSTART;VALUE=DATE:{entry.when:%Y%m%d}", f"DTEND;VALUE=DATE:{end:%Y%m%d}"]


def _escaped(text: str) -> str:
    for mark in "\\;,":
        text = text.replace(mark, f"\\{mark}")
    return text.replace("\n", "\\n")


def _folded(line: str) -> str:
    """Break a line after 75 octets, and never within a character; what follows begins with a blank."""
    parts, room, part = [], _LIMIT, ""
    for character in line:
        octets = len(character.encode())
        if octets > room:
            parts.append(part)
            part, room = " ", _LIMIT - 1
        part += character
        room -= octets
    return "\r\n".join([*parts, part])
