"""`Flaky`: a function that follows a script, such as failing twice and then succeeding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langgraph_runner.testing.fake_runtime import FakeRuntime

__all__ = ["Flaky"]


class Flaky:
    """A scripted node function, sync and async.

    Args:
        *script: What each call does, in turn: an exception (instance or class) is raised, anything else is
            returned. The last entry repeats.
        takes_s: How long each call takes on `clock`, in seconds.
        clock: The fake clock; needed only with `takes_s`.

    Example:
        >>> flaky = Flaky(ConnectionError, ConnectionError, {"answer": 42})
        >>> from langgraph_runner import create_node
        >>> fake_free = create_node(flaky.sync, retry={"max_attempts": 3, "backoff_ms": 0})
        >>> fake_free({}), flaky.calls
        ({'answer': 42}, 3)
    """

    def __init__(self, *script: Any, takes_s: float = 0.0, clock: FakeRuntime | None = None) -> None:
        if not script:
            raise ValueError("script must have at least one entry, got none.")
        if takes_s and clock is None:
            raise ValueError("clock must be given with takes_s, got None. Pass the FakeRuntime of the node.")
        self._script = script
        self._takes_s = takes_s
        self._clock = clock
        self.states: list[Any] = []
        """The state that each call received."""

    @property
    def calls(self) -> int:
        """The number of calls."""
        return len(self.states)

    def sync(self, state: Any) -> Any:
        """Do what the script says next; the function of a sync node."""
        step = self._script[min(self.calls, len(self._script) - 1)]
        self.states.append(state)
        if self._clock is not None and self._takes_s:
            self._clock.advance(self._takes_s)
        if isinstance(step, BaseException) or (isinstance(step, type) and issubclass(step, BaseException)):
            raise step
        return step

    async def awaited(self, state: Any) -> Any:
        """Do what the script says next; the function of an async node."""
        return self.sync(state)
