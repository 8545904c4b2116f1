"""A captured failure: `NodeErrorRecord`, as it is in a state, and `NodeError`, to read it with.

A record contains JSON values only, because a checkpoint does not restore every other class.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, NotRequired, cast

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from langgraph_runner.errors.categories import FailureCategory
from langgraph_runner.errors.codes import ErrorCode

__all__ = ["NodeError", "NodeErrorCause", "NodeErrorRecord"]


class NodeErrorCause(TypedDict):
    """One cause of the recorded error, or one member of an exception group."""

    error_type: str
    """Class name of the error."""
    message: str
    """Its text."""


class NodeErrorRecord(TypedDict):
    """A captured failure, as it is in `state["errors"]`. Every text in it is sanitized.

    The runner writes all fields, and `story_id` only for runs that have one. A record of your own needs only the five
    required fields; `NodeError` has defaults for the others.
    """

    node_id: str
    """Name of the node."""
    message: str
    """What happened, for people to read."""
    code: str
    """An `ErrorCode`, or a code of your own."""
    timestamp: str
    """When it was captured: ISO 8601, UTC."""
    recoverable: bool
    """Whether the same call may succeed later."""
    stack: NotRequired[str]
    """The traceback with causes and notes, without values of variables and absolute paths."""
    error_id: NotRequired[str]
    """Unique to this failure: 16 hex digits."""
    attempts: NotRequired[int]
    """The number of attempts; 0 for a call that was refused or aborted before it began."""
    error_type: NotRequired[str]
    """Name of the class of the error that the function raised."""
    category: NotRequired[str]
    """A `FailureCategory`."""
    trace_id: NotRequired[str]
    """W3C trace id: 32 lower-case hex digits."""
    causes: NotRequired[list[NodeErrorCause]]
    """Up to five causes of the error."""
    story_id: NotRequired[str]
    """The story that the run belongs to."""


class NodeError(BaseModel):
    """A record from `state["errors"]`, validated and typed.

    Example:
        `NodeError.model_validate(state["errors"][-1]).timestamp` is a `datetime`.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    error_id: str | None = None
    node_id: str
    message: str
    code: Annotated[ErrorCode | str, Field(union_mode="left_to_right")]
    """An `ErrorCode`; a text if the code is not one of this package."""
    timestamp: datetime
    stack: str = ""
    recoverable: bool = False
    attempts: int = Field(default=1, ge=0)
    error_type: str = ""
    category: FailureCategory = FailureCategory.OTHER
    trace_id: str = ""
    causes: tuple[NodeErrorCause, ...] = ()
    story_id: str | None = None

    def to_record(self) -> NodeErrorRecord:
        """Return the record that this model was read from, to write it back to a state."""
        record = self.model_dump(mode="json", exclude_none=True)
        return cast("NodeErrorRecord", {**record, "timestamp": self.timestamp.isoformat()})
