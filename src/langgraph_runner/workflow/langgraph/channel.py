"""`CheckedInputs`: where a graph of a workflow keeps the inputs of its run, checked once for all its steps."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from langgraph.channels import LastValue
from pydantic_core import from_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langgraph_runner.workflow.values.input_type import InputType

__all__ = ["CheckedInputs"]


class CheckedInputs(LastValue[Any]):
    """A channel of LangGraph's that holds inputs as JSON values with all their defaults; None while there are none.

    So a default that is made anew each time, an id or a time, is the same for every step.

    Args:
        inputs: How they are checked.
        key: The name of the channel.
    """

    __slots__ = ("_inputs",)

    def __init__(self, inputs: InputType, key: str = "") -> None:
        super().__init__(Any, key)
        self._inputs = inputs
        self.value = None

    def copy(self) -> CheckedInputs:
        """Another one that holds the same."""
        return self.from_checkpoint(self.value)

    def from_checkpoint(self, checkpoint: Any) -> CheckedInputs:
        """Another one that holds what was kept, if anything was."""
        kept: LastValue[Any] = LastValue(Any, self.key).from_checkpoint(checkpoint)
        made = CheckedInputs(self._inputs, self.key)
        if kept.is_available():
            made.value = kept.get()
        return made

    def update(self, values: Sequence[Any]) -> bool:
        """Check what was written to it; without anything, before the first steps, what no inputs stand for.

        Raises:
            WorkflowInputError: It does not fit.
        """
        if super().update(values):
            self.value = self._checked(self.value)
        elif self.value is None:
            with suppress(Exception):  # A step will ask again, and then it is raised: nobody may need any.
                self.value = self._checked(None)
                return True
        return bool(values)

    def _checked(self, given: Any) -> Any:
        return from_json(self._inputs.check(given)[1])
