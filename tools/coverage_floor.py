"""Fail if a package has less branch coverage than its floor (requirements N-11 and M-10).

Run after `pytest --cov`: `python tools/coverage_floor.py`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import coverage

FLOORS = {
    "node": 95.0,
    "state": 95.0,
    "errors": 95.0,
    "redaction": 95.0,
    "runtime": 95.0,
    "metrics": 95.0,
    "graph": 95.0,
    "workflow": 95.0,
    "engine": 95.0,
    "cli": 95.0,
    "client": 95.0,
    "server": 95.0,
}
SOURCE = Path("src/langgraph_runner")


def main() -> int:
    """Print the coverage of each package (statements and branches); return 1 if one is below its floor."""
    data = coverage.Coverage()
    data.load()
    low = []
    for package, floor in FLOORS.items():
        percent = _percent(data, SOURCE / package)
        print(f"{package:8} {percent:6.2f} % of statements and branches")
        if percent < floor:
            low.append(package)
    for package in low:
        print(
            f"{package} must have at least {FLOORS[package]:g} %:"
            f" see `coverage report --include='{SOURCE}/{package}/*'`."
        )
    return 1 if low else 0


def _percent(data: coverage.Coverage, folder: Path) -> float:
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "coverage.json"
        data.json_report(outfile=str(report), include=[f"{folder}/*"])
        totals = json.loads(report.read_text(encoding="utf-8"))["totals"]
    covered = totals["covered_lines"] + totals["covered_branches"]
    return 100.0 * covered / (totals["num_statements"] + totals["num_branches"])


if __name__ == "__main__":
    sys.exit(main())
