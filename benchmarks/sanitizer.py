"""What cleaning an error message costs."""

from __future__ import annotations

from benchmarks.report import Goal, Section, Table
from benchmarks.sanitizer_corpus import TIMED_CHARS, measure_times

LIMIT_MS = 1

METHOD = f"""
`DEFAULT_SANITIZER.text` on messages of {TIMED_CHARS:,} characters each, generated with a fixed seed.
`python -m benchmarks.sanitizer_corpus` also shows which secrets it finds and which texts it leaves unchanged.
"""
WHY_SLOW = (
    "each family of patterns searches each message once, and each secret costs a replacement; fewer and broader first"
    " searches would finish sooner with a benign message."
)


def measure() -> Section:
    """Time the messages of the corpus."""
    found = measure_times()
    return Section(
        title="Cleaning an error message",
        method=METHOD,
        tables=[
            Table(
                "",
                ["Message", "Median, ms", "99th percentile, ms"],
                [[name, f"{median:.3f}", f"{p99:.3f}"] for name, (median, p99) in found.items()],
            )
        ],
        goals=[
            Goal(
                f"99th percentile on {TIMED_CHARS:,} characters",
                max(p99 for _, p99 in found.values()),
                LIMIT_MS,
                "ms",
                if_missed=WHY_SLOW,
            )
        ],
    )
