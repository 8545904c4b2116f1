"""`RunOutputs`: the outputs of a run's steps, which are read when they are accessed.

This module knows no database: `reading/store_outputs.py` reads from one, and the client reads from a service.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Self

from langgraph_runner.engine.errors import RunNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["OutputSource", "RunOutputs"]

_NO_SOURCE: Final = (
    "This run was pickled or built by hand, so it cannot read its outputs; ask an engine:"
    " get_output(run.id, step)."
)


class OutputSource:
    """Where a `Run` reads its outputs. This base class reads nothing: it is for runs that come from no engine.

    It is not part of a run's value: all sources are equal, and a pickled run has this base class.
    """

    def output(self, tenant: str, run_id: str, step: str) -> Any:
        """Return the output of a step, as its type. Blocks."""
        del tenant, run_id, step
        raise RuntimeError(_NO_SOURCE)

    def steps(self, tenant: str, run_id: str) -> list[str]:
        """Return the steps that have an output. Blocks."""
        del tenant, run_id
        raise RuntimeError(_NO_SOURCE)

    def result_step(self, workflow: str) -> str:
        """Return the step whose output is the result of a run. May block."""
        del workflow
        raise RuntimeError(_NO_SOURCE)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OutputSource)

    def __hash__(self) -> int:
        return hash(OutputSource)

    def __deepcopy__(self, _memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return OutputSource, ()


class RunOutputs(Mapping[str, Any]):
    """The outputs of a run by step, for steps that have one. Each access reads the output again."""

    def __init__(self, source: OutputSource, tenant: str, run_id: str) -> None:
        self._source = source
        self._tenant = tenant
        self._run_id = run_id

    def __getitem__(self, step: str) -> Any:
        try:
            return self._source.output(self._tenant, self._run_id, step)
        except RunNotFoundError:
            raise
        except LookupError as error:
            raise KeyError(str(error)) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._source.steps(self._tenant, self._run_id))

    def __len__(self) -> int:
        return len(self._source.steps(self._tenant, self._run_id))

    def __repr__(self) -> str:
        return f"<outputs of run {self._run_id}>"
