"""Check the first lines of a commit message: `python tools/commit_subject.py FILE`.

pre-commit calls it with the file that holds the message.
"""

from __future__ import annotations

import sys
from pathlib import Path

MAX_SUBJECT = 72


def problems(message: str) -> list[str]:
    """Return the problems of a commit message; an empty list if there are none."""
    lines = [line for line in message.splitlines() if not line.startswith("#")]
    subject = lines[0] if lines else ""
    found = []
    if not subject.strip():
        return ["The subject must not be empty."]
    if len(subject) > MAX_SUBJECT:
        found.append(f"The subject must be at most {MAX_SUBJECT} characters, got {len(subject)}.")
    if subject.endswith("."):
        found.append("The subject must not end with a full stop.")
    if subject[0].islower():
        found.append(f"The subject must begin with a capital letter, got {subject[0]!r}.")
    if len(lines) > 1 and lines[1].strip():
        found.append("The second line must be empty: it separates the subject from the body.")
    return found


def main() -> int:
    """Print the problems; return 1 if there are any."""
    found = problems(Path(sys.argv[1]).read_text(encoding="utf-8"))
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
