"""Run LangGraph's own tests without nodes, and with each action wrapped in a node; fail if an outcome differs.

`make upstream`, or `python tools/upstream_suite.py [--cache FOLDER] [--workers N] [pytest's arguments]`. The first
run fetches the tests of the installed LangGraph and makes an environment for them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from upstream_environment import ROOT, Upstream, prepared

_TRACE: Final = (
    "The trace of a @task lists the arguments of its signature; the trace of a node has `config`, too."
)
KNOWN: Final = {
    "tests/test_deprecation.py::test_config_parameter_incorrect_typing": (
        "LangGraph warns that it does not pass a config with an unknown annotation; a node passes it."
    ),
    "tests/test_pregel_async.py::test_imp_task": _TRACE,
    "tests/test_pregel_async.py::test_imp_exception": _TRACE,
}
"""Tests that pass without nodes and fail with them, with the reason why that is correct."""
LEFT_OUT: Final = "left out"
MIN_SHARE: Final = 0.99
"""The share of the actions of the plain run that must be nodes in the other run."""


@dataclass(frozen=True)
class Run:
    """The result of one run of the tests."""

    outcomes: dict[str, str]
    building: int
    """The number of tests that add actions."""
    seen: Counter[str]
    done: Counter[str]
    seconds: float

    def count(self, outcome: str) -> int:
        """Return how many tests had this outcome."""
        return sum(1 for each in self.outcomes.values() if each == outcome)

    @property
    def actions(self) -> int:
        """The number of actions that the tests added and that can be nodes."""
        return self.seen.total() - self.seen[LEFT_OUT]

    @property
    def nodes(self) -> int:
        """The number of actions that were wrapped in nodes."""
        return self.done.total() - self.done["calls"]


def main() -> int:
    """Print the comparison; return 1 if it has an unknown difference, or if it compared nothing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cache", type=Path, default=ROOT / ".venv" / "upstream")
    parser.add_argument("--workers", default="auto")
    options, selection = parser.parse_known_args()
    upstream = prepared(options.cache)
    with_workers = ["-n", options.workers, "--dist", "worksteal", *selection]
    plain = _run(upstream, "plain", with_workers)
    wrapped = _run(upstream, "wrapped", with_workers)
    differing = sorted(
        test
        for test, outcome in plain.outcomes.items()
        if outcome == "passed" and wrapped.outcomes.get(test) != "passed"
    )
    unsteady: list[str] = []
    if differing:
        again = _run(upstream, "wrapped again", differing)
        unsteady = [test for test in differing if again.outcomes.get(test) == "passed"]
        differing = [test for test in differing if test not in unsteady]
    _print_table(upstream, plain, wrapped)
    for test in sorted(test for test, outcome in plain.outcomes.items() if outcome == "failed"):
        print(f"Fails without nodes, so it was not compared: {test}")
    unknown = _print_differences(differing, unsteady)
    doubts = _doubts(plain, wrapped, differing, is_whole=not selection)
    for doubt in doubts:
        print(f"The comparison is not reliable: {doubt}")
    print(f"Logs: {upstream.tests.parent}/*.log")
    return 1 if unknown or doubts else 0


def _run(upstream: Upstream, name: str, arguments: list[str]) -> Run:
    folder = upstream.tests.parent
    report, log = folder / f"{name}.json", folder / f"{name}.log"
    report.unlink(missing_ok=True)
    environment = {
        **os.environ,
        "NO_DOCKER": "true",  # With this setting, the tests skip everything that needs PostgreSQL or Redis.
        "PYTHONPATH": os.pathsep.join([str(ROOT / "tools"), str(ROOT / "src")]),
        "UPSTREAM_REPORT": str(report),
        "UPSTREAM_WRAP": "0" if name == "plain" else "1",
    }
    command = [
        upstream.python,
        "-m",
        "pytest",
        "-p",
        "upstream_wrapping",
        "-p",
        "no:cacheprovider",
        "--quiet",
    ]
    command += [
        "--override-ini=addopts=",
        "--snapshot-warn-unused",
        "--tb=short",
        "--timeout=120",
        *arguments,
    ]
    print(f"Running LangGraph's tests, {name} ...", flush=True)
    started = time.perf_counter()  # noqa: TID251 - how long it took is for the reader
    with log.open("wb") as output:
        subprocess.run(  # noqa: S603 - the command is made here
            command, cwd=upstream.tests, env=environment, stdout=output, stderr=subprocess.STDOUT, check=False
        )
    if not report.exists():
        sys.exit(f"pytest wrote no report; see {log}")
    found = json.loads(report.read_text(encoding="utf-8"))
    counted = Counter(found["seen"]), Counter(found["done"])
    seconds = time.perf_counter() - started  # noqa: TID251
    return Run(found["outcomes"], found["building"], *counted, seconds)


def _print_table(upstream: Upstream, plain: Run, wrapped: Run) -> None:
    rows = [(f"langgraph {upstream.version}", "as it is", "with nodes")]
    rows += [
        (f"tests {outcome}", str(plain.count(outcome)), str(wrapped.count(outcome)))
        for outcome in ("passed", "failed", "skipped")
    ]
    rows.append(("tests that add actions", str(plain.building), str(wrapped.building)))
    rows += [
        (f"actions of {kind}: nodes of all", f"0 of {count}", f"{wrapped.done[kind]} of {wrapped.seen[kind]}")
        for kind, count in sorted(plain.seen.items())
        if kind != LEFT_OUT
    ]
    rows.append((f"actions {LEFT_OUT}", str(plain.seen[LEFT_OUT]), str(wrapped.seen[LEFT_OUT])))
    rows.append(("calls of nodes", "0", str(wrapped.done["calls"])))
    rows.append(("seconds", f"{plain.seconds:.0f}", f"{wrapped.seconds:.0f}"))
    print()
    for title, *cells in rows:
        print(f"{title:40}" + "".join(f"{cell:>16}" for cell in cells))
    print()


def _print_differences(differing: list[str], unsteady: list[str]) -> list[str]:
    """Print the tests that pass without nodes and fail with them, and return the unknown ones."""
    cases = Counter(test.split("[")[0] for test in differing)
    for test, count in cases.items():
        print(f"Differs ({count}): {test}\n    {KNOWN.get(test, 'UNKNOWN')}")
    for test in unsteady:
        print(f"Passed in a second attempt: {test}")
    unknown = [test for test in cases if test not in KNOWN]
    print(f"{len(unknown)} unknown differences, {len(cases) - len(unknown)} known.")
    return unknown


def _doubts(plain: Run, wrapped: Run, differing: list[str], *, is_whole: bool) -> list[str]:
    """Return the reasons why the comparison is not reliable."""
    doubts = []
    if not plain.count("passed"):
        doubts.append("no test passed without nodes.")
    if not plain.actions or wrapped.nodes < MIN_SHARE * plain.actions:
        doubts.append(f"only {wrapped.nodes} of {plain.actions} actions were wrapped in nodes.")
    if wrapped.done["calls"] < wrapped.nodes:
        doubts.append(f"{wrapped.nodes} nodes were called only {wrapped.done['calls']} times.")
    if missing := plain.outcomes.keys() - wrapped.outcomes.keys():
        doubts.append(f"{len(missing)} tests did not run with nodes.")
    if is_whole and (gone := KNOWN.keys() - {test.split("[")[0] for test in differing}):
        doubts.append(f"known differences that no longer differ: {', '.join(sorted(gone))}.")
    return doubts


if __name__ == "__main__":
    sys.exit(main())
