"""What it costs to clean the message of an error."""

from __future__ import annotations

from benchmarks.report import Goal, Section, Table
from benchmarks.sanitizer_corpus import TIMED_CHARS, measure_times

LIMIT_MS = 1

METHOD = f"""
`DEFAULT_SANITIZER.text` on messages of {TIMED_CHARS:,} characters each, made with a fixed seed.
`python -m benchmarks.sanitizer_corpus` also shows what it finds and what it leaves alone.
"""
WHY_SLOW = (
    "each message is looked through once for each family of patterns, and each secret found costs a replacement;"
    " fewer, broader first looks would let a benign message off sooner."
)


def measure() -> Section:
    """Time the corpus."""
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
