"""Measure the corpus of the independent author: `python -m benchmarks.sanitizer_independent`.

Only percentages are printed: a rule that is written for one of these texts would make the corpus worthless.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from langgraph_runner import sanitize_text

FOLDER = Path(__file__).parent
MAX_CHARS = 100_000
"""No text is so long that it would be cut."""
RUN = 8
"""A secret counts as hidden if no run of so many of its characters is left."""


def read(name: str) -> list[dict[str, str]]:
    """Read the cases of a file."""
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]


def is_hidden(secret: str, text: str) -> bool:
    """Return whether nothing that is of use is left of a secret."""
    length = min(RUN, len(secret))
    return not any(secret[start : start + length] in text for start in range(len(secret) - length + 1))


def main() -> None:
    """Print how many secrets are hidden, by group, and how many harmless texts stay as they are."""
    total: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for case in read("secrets.jsonl"):
        total[case["group"]] += 1
        right[case["group"]] += is_hidden(case["secret"], sanitize_text(case["text"], max_chars=MAX_CHARS))
    for case in read("benign.jsonl"):
        total["benign"] += 1
        right["benign"] += sanitize_text(case["text"], max_chars=MAX_CHARS) == case["text"]
    for group, count in total.items():
        print(f"{group}: {right[group] / count:.1%} of {count}")


if __name__ == "__main__":
    main()
