"""The default sanitizer as two functions."""

from __future__ import annotations

from langgraph_runner.redaction.sanitizer import DEFAULT_SANITIZER

__all__ = ["sanitize_stack", "sanitize_text"]


def sanitize_text(text: str, *, max_chars: int | None = None) -> str:
    """Replace secrets in a text by `[REDACTED]`, and make absolute paths relative.

    Thread-safe; never raises. For rules of your own, make a `Sanitizer` and call its `text()`.

    Args:
        text: Any text.
        max_chars: The most characters to return, at least 0; None for no bound.

    Example:
        >>> sanitize_text("login failed: password=hunter2-and-more")
        'login failed: password=[REDACTED]'
    """
    return DEFAULT_SANITIZER.text(text, max_chars=max_chars)


def sanitize_stack(stack: BaseException | str) -> str:
    """Return the traceback of an exception without secrets, source lines or absolute paths, at most 8,000 characters.

    Causes, groups and notes are in it; installed and standard code is folded. Thread-safe; never raises.
    For rules of your own, make a `Sanitizer` and call its `stack()`.

    Args:
        stack: The exception; or a traceback that is text already, which is sanitized like any text.
    """
    if isinstance(stack, BaseException):
        return DEFAULT_SANITIZER.stack(stack)
    return DEFAULT_SANITIZER.text(stack, max_chars=DEFAULT_SANITIZER.max_stack_chars)
