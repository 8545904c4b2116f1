"""`StepContext`: what a step can know of its run, and do beside returning a value."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from langgraph_runner.node import AbortController
from langgraph_runner.node.context import CURRENT_CONTEXT

if TYPE_CHECKING:
    from langgraph_runner.node import AbortSignal

__all__ = ["ArtifactRef", "ArtifactSink", "StepContext"]

_NAME: Final = re.compile(r"[^/\\\x00-\x1f]+(/[^/\\\x00-\x1f]+)*")


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
    """The `ctx` of a step: made by whoever runs it. For the time of the step; safe to hand to its threads."""

    __slots__ = ("_sink", "fencing_token", "run_id", "step", "tenant", "workflow")

    def __init__(
        self,
        *,
        run_id: str,
        workflow: str,
        step: str,
        tenant: str,
        sink: ArtifactSink | None,
        fencing_token: int = 0,
    ) -> None:
        self.run_id = run_id
        self.fencing_token = fencing_token
        """Grows each time that a process takes over the run. A service that remembers the greatest one it has seen can
        refuse a process that was taken for dead and comes back."""
        self.workflow = workflow
        self.step = step
        self.tenant = tenant
        self._sink = sink

    @property
    def attempt(self) -> int:
        """Which attempt this is, from 1."""
        return get_node_context().attempt

    @property
    def abort_signal(self) -> AbortSignal:
        """Fires when this attempt is to stop: its timeout passed, its run was cancelled or taken over."""
        return get_node_context().abort_signal

    @property
    def idempotency_key(self) -> str:
        """The same for each attempt of this step in this run, after a crash too: for services that take one."""
        return f"{self.run_id}:{self.step}"

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
            ValueError: The name is no relative path.
        """
        content = data.encode() if isinstance(data, str) else data
        if not _NAME.fullmatch(name) or {"..", "."} & set(name.split("/")):
            raise ValueError(
                f"The artifact name {name!r:.80} is no relative path, such as 'images/hero.svg'."
            )
        if self._sink is None:
            sha256 = hashlib.sha256(content).hexdigest()
            return ArtifactRef(name, f"discarded:{sha256}", media_type, len(content), sha256)
        return self._sink.save(self.step, name, content, media_type)
