"""Messages and stacks of exceptions, made safe to store: bounded in length, without secrets or absolute paths.

Everything that recognises a secret or rewrites a text lives here; docs/sanitizing.md shows the way of a text
through it. This package imports nothing else of langgraph_runner. `errors/` decides when an error is sanitized
and what its record contains.
"""

from __future__ import annotations

from langgraph_runner.redaction.sanitizer import (
    DEFAULT_SANITIZER,
    Sanitizer,
    compile_patterns,
    sanitize_stack,
    sanitize_text,
)

__all__ = ["DEFAULT_SANITIZER", "Sanitizer", "compile_patterns", "sanitize_stack", "sanitize_text"]
