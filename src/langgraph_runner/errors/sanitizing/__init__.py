"""Messages and stacks of exceptions, made safe to store."""

from __future__ import annotations

from langgraph_runner.errors.sanitizing.defaults import sanitize_stack, sanitize_text
from langgraph_runner.errors.sanitizing.sanitizer import DEFAULT_SANITIZER, Sanitizer, compile_patterns

__all__ = ["DEFAULT_SANITIZER", "Sanitizer", "compile_patterns", "sanitize_stack", "sanitize_text"]
