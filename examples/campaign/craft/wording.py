"""Small rules of English that templates need."""

import re
from collections.abc import Iterable

__all__ = ["all_fitting", "capital", "cut", "first_fitting", "joined", "lower", "sentence", "with_article"]

_VOWEL = re.compile(r"(?!(?:uni|use|usu|uti|one\b|eu|ufo))[aeiou]|hour|honest|honou?r|heir", re.IGNORECASE)
_ACRONYM = re.compile(r"\w*[A-Z]\w*[A-Z]|\w*\d|I\b")


def capital(text: str) -> str:
    """Return the text with a capital first letter."""
    return text[:1].upper() + text[1:]


def lower(text: str) -> str:
    """Return the text for the middle of a sentence: the first letter becomes small, unless it begins an acronym."""
    first = text.split(" ", 1)[0]
    return text if _ACRONYM.match(first) else text[:1].lower() + text[1:]


def sentence(text: str) -> str:
    """Return the text with a capital first letter and a full stop."""
    text = capital(text)
    return text if text[-1:] in ".!?\u2026" else f"{text}."


def with_article(noun: str) -> str:
    """Return the noun with its article: `a bicycle`, `an e-bike`, `an hour`."""
    return f"{'an' if _VOWEL.match(noun) else 'a'} {noun}"


def joined(parts: Iterable[str], word: str = "and") -> str:
    """Join words: `one, two and three`."""
    *most, last = parts
    return f"{', '.join(most)} {word} {last}" if most else last


def first_fitting(candidates: Iterable[str], limit: int) -> str:
    """Return the first text of at most `limit` characters. If all are longer, cut the first one after a word."""
    tried = [*candidates]
    return next((each for each in tried if len(each) <= limit), cut(tried[0], limit))


def all_fitting(sentences: Iterable[str], limit: int) -> str:
    """Join sentences; leave out those that do not fit."""
    said = ""
    for each in sentences:
        longer = f"{said} {each}".strip()
        if len(longer) <= limit:
            said = longer
    return said


def cut(text: str, limit: int) -> str:
    """Return at most `limit` characters, in whole words if possible."""
    if len(text) <= limit:
        return text
    return text[: limit + 1].rpartition(" ")[0].rstrip(" ,;:-") or text[:limit]
