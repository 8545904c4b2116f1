"""Regular expressions that are compiled when they are first used.

The sanitizer has some 150 of them, and a program needs few: a text contains few of the marks that select a
pattern, and a program without failures needs none.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class LazyPattern:
    """A regular expression with the methods of `re.Pattern`, compiled by the first call of any of them.

    The first use of a method stores it in the instance, so later calls go straight to the compiled pattern.
    When several threads use a pattern first at the same time, `re.compile` gives all of them the same one.
    """

    def __init__(self, source: str, flags: int = 0) -> None:
        self.source = source
        self._flags = flags

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.source, self._flags)

    @cached_property
    def match(self) -> Callable[..., re.Match[str] | None]:
        """`re.Pattern.match`."""
        return self._compiled.match

    @cached_property
    def fullmatch(self) -> Callable[..., re.Match[str] | None]:
        """`re.Pattern.fullmatch`."""
        return self._compiled.fullmatch

    @cached_property
    def search(self) -> Callable[..., re.Match[str] | None]:
        """`re.Pattern.search`."""
        return self._compiled.search

    @cached_property
    def finditer(self) -> Callable[..., Iterator[re.Match[str]]]:
        """`re.Pattern.finditer`."""
        return self._compiled.finditer

    @cached_property
    def findall(self) -> Callable[[str], list[str]]:
        """`re.Pattern.findall`, of a pattern with at most one group."""
        return self._compiled.findall

    @cached_property
    def split(self) -> Callable[[str], list[str]]:
        """`re.Pattern.split`, of a pattern whose groups always match."""
        return self._compiled.split

    @cached_property
    def sub(self) -> Callable[[str | Callable[[re.Match[str]], str], str], str]:
        """`re.Pattern.sub`."""
        return self._compiled.sub
