"""The comparisons: every graph, in each of its modes, with each observation that applies to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tests.transparency.difference import first_difference
from tests.transparency.graphs import ALL
from tests.transparency.observations import BY_COLOUR, OBSERVATIONS
from tests.transparency.observing import observed
from tests.transparency.scenario import Form, Mode, Scenario

__all__ = ["COMPARISONS", "Comparison"]


@dataclass(frozen=True)
class Comparison:
    """One graph in one mode with one observation."""

    graph: str
    mode: Mode
    observation: str

    def difference(self) -> str | None:
        """The first difference between the graph and the wrapped graph; None if there is none."""
        scenario, look = ALL[self.graph], OBSERVATIONS[self.observation]
        expected = observed(scenario, Form(self.mode, wrapped=False), look)
        found = observed(scenario, Form(self.mode, wrapped=True), look)
        return first_difference(expected, found)

    def __str__(self) -> str:
        return f"{self.graph}-{self.mode}-{self.observation}"


def _is_worth_it(scenario: Scenario, mode: Mode, observation: str) -> bool:
    if scenario.parallel and mode != "async" and observation in {"events_v3", "time_travel"}:
        return False  # Thread order decides the numbers of events and the versions of channels.
    return scenario.only is None or observation in scenario.only


COMPARISONS: Final = tuple(
    Comparison(name, mode, look.__name__)
    for name, scenario in ALL.items()
    for mode in scenario.modes
    for look in BY_COLOUR[mode]
    if _is_worth_it(scenario, mode, look.__name__)
)
