"""The first difference between two observations, as a short text."""

from __future__ import annotations

from typing import Any

__all__ = ["first_difference"]


def first_difference(expected: Any, found: Any, path: str = "") -> str | None:
    """Return the path to the first difference between two plain values, and both values there; None if equal."""
    if expected == found:
        return None
    if isinstance(expected, (tuple, list)) and isinstance(found, (tuple, list)):
        for place, (one, other) in enumerate(zip(expected, found, strict=False)):
            if (difference := first_difference(one, other, f"{path}[{place}]")) is not None:
                return difference
        longer = expected if len(expected) > len(found) else found
        which = "missing" if longer is expected else "too much"
        return f"{path}: {which}: {longer[min(len(expected), len(found))]!r:.800}"
    return f"{path}: expected {expected!r:.800}, found {found!r:.800}"
