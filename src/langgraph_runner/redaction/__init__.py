"""Messages and stacks of exceptions, made safe to store: bounded in length, without secrets or absolute paths.

Everything that recognises a secret or rewrites a text lives here. This package imports nothing else of
langgraph_runner. When an error is sanitized, and what its record holds, is decided in `errors/`.
"""

from __future__ import annotations

from langgraph_runner.redaction.defaults import sanitize_stack, sanitize_text
from langgraph_runner.redaction.sanitizer import DEFAULT_SANITIZER, Sanitizer, compile_patterns

__all__ = ["DEFAULT_SANITIZER", "Sanitizer", "compile_patterns", "sanitize_stack", "sanitize_text"]
