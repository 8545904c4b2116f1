"""`StepContext`: what a step can read about its run, and the files that it saves."""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from langgraph_runner.node import AbortController
from langgraph_runner.node.context import CURRENT_CONTEXT
from langgraph_runner.workflow.hashing.scalars import is_unicode
from langgraph_runner.workflow.tenant import DEFAULT_TENANT
from langgraph_runner.workflow.values.round_trip import describe_type

if TYPE_CHECKING:
    from langgraph_runner.node import AbortSignal

__all__ = ["ArtifactRef", "ArtifactSink", "StepContext", "is_artifact_name", "is_media_type"]

_NAME: Final = re.compile(r"[^/\\\x00-\x1f]+(/[^/\\\x00-\x1f]+)*")
_MAX_NAME: Final = 512
_TCHARS: Final = r"[\w!#$%&'*+.^`|~-]+"
_MEDIA_TYPE: Final = re.compile(
    rf'{_TCHARS}/{_TCHARS}(?:[ \t]*;[ \t]*{_TCHARS}=(?:{_TCHARS}|"[ !#-\[\]-~]*"))*', re.ASCII
)
"""RFC 9110, section 8.3.1. It becomes a header, which holds neither line breaks nor letters outside ASCII."""
_MAX_MEDIA_TYPE: Final = 128


@dataclass(frozen=True, slots=True)
class ArtifactRef:
    """A file that a step has saved, stored by its content."""

    name: str
    """The name that the step gave it, such as `hero.svg`; unique within the step."""
    uri: str
    """Where it is stored."""
    media_type: str
    size: int
    """In bytes."""
    sha256: str
    """The hash of its content, 64 lower-case hex digits."""


class ArtifactSink(Protocol):
    """Stores the artifacts of a running step."""

    def save(self, step: str, name: str, data: bytes, media_type: str) -> ArtifactRef:
        """Store `data`. It becomes part of the result only when the step succeeds."""
        ...


class StepContext:
    """The `ctx` of a step, valid while the step runs. The step may pass it to its own threads.

    In a unit test, create one: `theme(brand, ctx=StepContext())`.

    Args:
        run_id: The id of the run.
        workflow: The id of the workflow.
        step: The id of the step.
        tenant: The tenant of the run.
        sink: Stores artifacts; None discards them.
        fencing_token: The token of the engine's claim on the run; 0 without an engine.
        idempotency_key: None for a key made of the run and the step.
    """

    __slots__ = ("_sink", "fencing_token", "idempotency_key", "run_id", "step", "tenant", "workflow")

    def __init__(
        self,
        *,
        run_id: str = "test",
        workflow: str = "test",
        step: str = "test",
        tenant: str = DEFAULT_TENANT,
        sink: ArtifactSink | None = None,
        fencing_token: int = 0,
        idempotency_key: str | None = None,
    ) -> None:
        self.run_id = run_id
        self.workflow = workflow
        self.step = step
        self.tenant = tenant
        self.fencing_token = fencing_token
        """Grows each time a process takes over the run. A service that remembers the greatest token can refuse a
        process that was believed dead and continues late."""
        self.idempotency_key = idempotency_key or f"{run_id}:{step}"
        """The same for each attempt of this step in this run, also after a crash. Send it to services that accept an
        idempotency key."""
        self._sink = sink

    @property
    def attempt(self) -> int:
        """The number of this attempt, from 1; 1 in a unit test."""
        context = CURRENT_CONTEXT.get()
        return 1 if context is None else context.attempt

    @property
    def abort_signal(self) -> AbortSignal:
        """Fires when this attempt must stop: its timeout passed, or its run was cancelled or taken over.

        In a unit test it never fires.
        """
        context = CURRENT_CONTEXT.get()
        return AbortController().signal if context is None else context.abort_signal

    def save_artifact(
        self, name: str, data: bytes | str, media_type: str = "application/octet-stream"
    ) -> ArtifactRef:
        """Save a file. Files with the same bytes are stored once.

        The file is part of the step's result: a cached result includes it, and becomes a cache miss when the file is
        gone. Without a sink, as in a graph or a node that was given none, the file is discarded.

        Args:
            name: One path component, or several with `/`; no `..`. A second file with the same name replaces the
                first.
            data: The content. Text is encoded as UTF-8.
            media_type: Such as `image/svg+xml`.

        Raises:
            TypeError: The name or the media type is not a text, or the content is neither text nor bytes.
            ValueError: The name is not a relative path, or the media type cannot be sent in a header.
        """
        for what, text in (("name", name), ("media type", media_type)):
            if not isinstance(text, str):
                raise TypeError(
                    f"Artifact {name!r:.80}: the {what} must be a text, got {describe_type(text)}."
                )
        content: Any = data.encode() if isinstance(data, str) else data
        if not isinstance(content, (bytes, bytearray, memoryview)):
            raise TypeError(
                f"Artifact '{name}': the content must be bytes or a text, got {describe_type(data)}."
            )
        content = bytes(content)
        if not is_artifact_name(name):
            raise ValueError(
                f"The artifact name must be a relative path, such as 'images/hero.svg', got {name!r:.80}."
            )
        if not is_media_type(media_type):
            raise ValueError(
                f"Artifact '{name}': the media type must be such as 'image/svg+xml' or 'text/plain; charset=utf-8',"
                f" got {media_type!r:.80}."
            )
        if self._sink is None:
            sha256 = hashlib.sha256(content).hexdigest()
            return ArtifactRef(name, f"discarded:{sha256}", media_type, len(content), sha256)
        return self._sink.save(self.step, name, content, media_type)

    async def asave_artifact(
        self, name: str, data: bytes | str, media_type: str = "application/octet-stream"
    ) -> ArtifactRef:
        """`save_artifact()` in a thread, for async steps: the event loop goes on while the file is written.

        Use it for large files, and wherever files are kept on another machine, such as in S3.
        """
        return await asyncio.to_thread(self.save_artifact, name, data, media_type)


def is_artifact_name(name: str) -> bool:
    """Return whether `name` can name an artifact: a relative path of at most 512 characters without `.` or `..`."""
    return bool(
        len(name) <= _MAX_NAME
        and is_unicode(name)
        and _NAME.fullmatch(name)
        and not {"..", "."} & {*name.split("/")}
    )


def is_media_type(text: str) -> bool:
    """Return whether `text` is a media type of at most 128 characters, such as `text/plain; charset=utf-8`."""
    return len(text) <= _MAX_MEDIA_TYPE and _MEDIA_TYPE.fullmatch(text) is not None
