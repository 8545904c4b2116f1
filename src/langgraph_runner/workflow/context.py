"""`StepContext`: what a step can know of its run, and do beside returning a value."""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from langgraph_runner.node import AbortController
from langgraph_runner.node.context import CURRENT_CONTEXT
from langgraph_runner.workflow.hashing.scalars import is_unicode
from langgraph_runner.workflow.values.fidelity import a_kind

if TYPE_CHECKING:
    from langgraph_runner.node import AbortSignal

__all__ = ["ArtifactRef", "ArtifactSink", "StepContext", "is_artifact_name"]

_NAME: Final = re.compile(r"[^/\\\x00-\x1f]+(/[^/\\\x00-\x1f]+)*")
_MAX_NAME: Final = 512


@dataclass(frozen=True, slots=True)
class ArtifactRef:
    """A file that a step has made, kept by its content."""

    name: str
    """What the step calls it, such as `hero.svg`; unique within the step."""
    uri: str
    """Where it is."""
    media_type: str
    size: int
    """In bytes."""
    sha256: str
    """Of its content, 64 lower-case hex digits."""


class ArtifactSink(Protocol):
    """Who keeps artifacts for a running step."""

    def save(self, step: str, name: str, data: bytes, media_type: str) -> ArtifactRef:
        """Keep `data`. It counts only once the step has succeeded."""
        ...


class StepContext:
    """The `ctx` of a step: made by whoever runs it. For the time of the step; safe to hand to its threads.

    A unit test makes one: `theme(brand, ctx=StepContext())`.

    Args:
        run_id: The run.
        workflow: Its workflow.
        step: The step.
        tenant: Whose run it is.
        sink: Who keeps artifacts; None discards them.
        fencing_token: Of the claim under which the run goes; 0 without an engine.
        idempotency_key: None for one of the run and the step.
    """

    __slots__ = ("_sink", "fencing_token", "idempotency_key", "run_id", "step", "tenant", "workflow")

    def __init__(
        self,
        *,
        run_id: str = "test",
        workflow: str = "test",
        step: str = "test",
        tenant: str = "default",
        sink: ArtifactSink | None = None,
        fencing_token: int = 0,
        idempotency_key: str | None = None,
    ) -> None:
        self.run_id = run_id
        self.workflow = workflow
        self.step = step
        self.tenant = tenant
        self.fencing_token = fencing_token
        """Grows each time that a process takes over the run. A service that remembers the greatest one that it has
        seen can refuse a process that was taken for dead and comes back."""
        self.idempotency_key = idempotency_key or f"{run_id}:{step}"
        """The same for each attempt of this step in this run, after a crash too: for services that take one."""
        self._sink = sink

    @property
    def attempt(self) -> int:
        """Which attempt this is, from 1; 1 in a unit test."""
        context = CURRENT_CONTEXT.get()
        return 1 if context is None else context.attempt

    @property
    def abort_signal(self) -> AbortSignal:
        """Fires when this attempt is to stop: its timeout passed, its run was cancelled or taken over.

        In a unit test it never does.
        """
        context = CURRENT_CONTEXT.get()
        return AbortController().signal if context is None else context.abort_signal

    def save_artifact(
        self, name: str, data: bytes | str, media_type: str = "application/octet-stream"
    ) -> ArtifactRef:
        """Keep a file, by its content: the same bytes are kept once.

        It belongs to the step's result: a cached result brings it back, and is none once the file is gone. Where
        nobody keeps files, as in a graph or a node that was given no sink, it is discarded.

        Args:
            name: What to call it: one path component or several with `/`, no `..`. A second one of the same name
                replaces the first.
            data: Its content; text becomes UTF-8.
            media_type: Such as `image/svg+xml`.

        Raises:
            TypeError: The name or the media type is no text, or the content is neither text nor bytes.
            ValueError: The name is no relative path.
        """
        for what, text in (("name", name), ("media type", media_type)):
            if not isinstance(text, str):
                raise TypeError(f"Artifact {name!r:.80}: its {what} is {a_kind(text)}; give a text.")
        content: Any = data.encode() if isinstance(data, str) else data
        if not isinstance(content, (bytes, bytearray, memoryview)):
            raise TypeError(f"Artifact '{name}': its content is {a_kind(data)}; give bytes or a text.")
        content = bytes(content)
        if not is_artifact_name(name):
            raise ValueError(
                f"The artifact name {name!r:.80} is no relative path, such as 'images/hero.svg'."
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
    """Whether a file may be called so: a relative path of at most 512 characters that stays in its folder."""
    return bool(
        len(name) <= _MAX_NAME
        and is_unicode(name)
        and _NAME.fullmatch(name)
        and not {"..", "."} & {*name.split("/")}
    )
