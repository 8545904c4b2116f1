"""`CheckedInputs`: the channel for the inputs of a workflow that runs as a graph. They are checked once."""

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
    """A LangGraph channel that holds inputs as JSON values with all their defaults; None before they are set.

    Checking them once makes a computed default, such as a new id or the current time, the same for every step.

    Args:
        inputs: The type of the inputs.
        key: The name of the channel.
    """

    __slots__ = ("_inputs",)

    def __init__(self, inputs: InputType, key: str = "") -> None:
        super().__init__(Any, key)
        self._inputs = inputs
        self.value = None

    def copy(self) -> CheckedInputs:
        """Return a channel with the same value."""
        return self.from_checkpoint(self.value)

    def from_checkpoint(self, checkpoint: Any) -> CheckedInputs:
        """Return a channel with the value of a checkpoint, if it has one."""
        restored: LastValue[Any] = LastValue(Any, self.key).from_checkpoint(checkpoint)
        channel = CheckedInputs(self._inputs, self.key)
        if restored.is_available():
            channel.value = restored.get()
        return channel

    def update(self, values: Sequence[Any]) -> bool:
        """Check the inputs that were written. If nothing was written before the first step, use the defaults.

        Raises:
            WorkflowInputError: The inputs do not fit.
        """
        if super().update(values):
            self.value = self._checked(self.value)
        elif self.value is None:
            # There may be no step that needs inputs. One that does will raise the error.
            with suppress(Exception):
                self.value = self._checked(None)
                return True
        return bool(values)

    def _checked(self, given: Any) -> Any:
        return from_json(self._inputs.check(given)[1])
