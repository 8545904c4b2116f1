"""The options of an engine; those of a run, as callers give them and as the store keeps them."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypedDict

from langgraph_runner.engine import checks
from langgraph_runner.runtime.timeouts import as_timeout_ms

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from langgraph_runner.runtime.timeouts import TimeoutLike
    from langgraph_runner.workflow import FailureMode

__all__ = ["EngineOptions", "RunOptions", "TriggerOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """The limits and times of an engine, as the arguments of `RunEngine` with these names.

    Raises:
        ValueError: A number is out of its range.
    """

    max_concurrency: int
    max_active_runs: int
    max_active_runs_per_tenant: int | Mapping[str, int] | None
    lease_ms: int
    poll_ms: int
    max_recovery_attempts: int
    step_queues: tuple[str, ...] | None

    def __post_init__(self) -> None:
        for name, low, high in (
            ("max_concurrency", 1, checks.MAX_AT_ONCE),
            ("max_active_runs", 1, checks.MAX_AT_ONCE),
            ("lease_ms", 100, 3_600_000),
            ("poll_ms", 10, 3_600_000),
            ("max_recovery_attempts", 0, 1_000),
        ):
            checks.whole(getattr(self, name), low, high, field=name)

    @property
    def has_tenant_limits(self) -> bool:
        """Whether a run may have to wait until another run of its tenant has ended."""
        return self.max_active_runs_per_tenant is not None


class TriggerOptions(TypedDict, total=False):
    """The keyword options of `RunEngine.trigger()`, which the other methods that make runs take too."""

    tenant: str
    """The tenant of the run; `"default"` if it is not given."""
    idempotency_key: str | None
    """Reusing a key for the same workflow and tenant returns the existing run."""
    priority: int
    """Waiting runs of a tenant start in the order of their priority, the highest first."""
    failure_mode: FailureMode
    """What a failed step does to branches that do not need it: `"continue"` or `"fail_fast"`."""
    max_concurrency: int | None
    """How many steps of the run may run at once, at least 1; None for the engine's limit."""
    run_timeout_ms: TimeoutLike | None
    """The time limit of the whole run, from its start."""
    force: Iterable[str]
    """Ids of steps that run even if their results are cached; their dependents use the cache as usual."""
    tags: Mapping[str, str] | None
    """For searches: up to 32 names of up to 64 characters, with values of up to 256."""
    metadata: Mapping[str, Any] | None
    """JSON values that are kept with the run: up to 16 KB."""
    use_cache: bool
    """False runs every step as if the cache were empty; results are stored nevertheless."""


@dataclass(slots=True, kw_only=True)
class RunOptions:
    """The options of one run. They are stored with it, so that each owner runs it in the same way."""

    failure_mode: FailureMode = "continue"
    max_concurrency: int | None = None
    run_timeout_ms: float | None = None
    force: tuple[str, ...] = ()
    """Steps that run even if their results are cached."""
    use_cache: bool = True
    """Whether steps may be served from the cache."""

    @classmethod
    def of(
        cls,
        failure_mode: FailureMode = "continue",
        max_concurrency: int | None = None,
        run_timeout_ms: TimeoutLike | None = None,
        force: Iterable[str] = (),
        use_cache: bool = True,
    ) -> RunOptions:
        """Validate the options that a caller gives.

        Raises:
            ValueError: An option is out of its range.
        """
        checks.one_of(failure_mode, ("continue", "fail_fast"), field="failure_mode")
        if max_concurrency is not None:
            checks.whole(max_concurrency, 1, checks.MAX_AT_ONCE, field="max_concurrency")
        timeout_ms = as_timeout_ms(run_timeout_ms, field="run_timeout_ms")
        checks.of_kind(use_cache, bool, field="use_cache", fix="True or False")
        return cls(
            failure_mode=failure_mode,
            max_concurrency=max_concurrency,
            run_timeout_ms=timeout_ms,
            force=tuple(sorted({*force}, key=str)),
            use_cache=use_cache,
        )

    def runs_anyway(self, step: str) -> bool:
        """Return whether a step runs even if its result is cached."""
        return not self.use_cache or step in self.force

    def dump(self) -> str:
        """Return the options as JSON. Unused options are left out, so that an earlier release can run it."""
        kept: dict[str, Any] = {
            "failure_mode": self.failure_mode,
            "max_concurrency": self.max_concurrency,
            "run_timeout_ms": self.run_timeout_ms,
        }
        if self.force:
            kept["force"] = self.force
        if not self.use_cache:
            kept["use_cache"] = False
        return json.dumps(kept)

    @classmethod
    def read(cls, text: str) -> tuple[RunOptions, frozenset[str]]:
        """Read stored options; return them, and the names of unknown options, which a later release has written."""
        kept = json.loads(text)
        known = {each.name for each in fields(cls)}
        return cls(**{name: kept[name] for name in known & kept.keys()}), frozenset(kept.keys() - known)
