"""A first draft: commit subjects, sorted under the headings of Keep a Changelog."""

import re
from collections import defaultdict
from typing import Any

from examples.studio.release_notes.state import ReleaseNotes
from langgraph_runner import update_state

HEADINGS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
# What a subject begins with: a type of Conventional Commits, or the verb of a plain sentence.
HEADING_OF = {
    **dict.fromkeys(("feat", "add", "allow", "support"), "Added"),
    **dict.fromkeys(("fix", "correct", "repair"), "Fixed"),
    **dict.fromkeys(("remove", "drop", "delete"), "Removed"),
    **dict.fromkeys(("deprecate",), "Deprecated"),
    **dict.fromkeys(("security", "sec"), "Security"),
}
NOT_FOR_USERS = {"build", "chore", "ci", "merge", "release", "revert", "style", "test", "wip"}
CONVENTIONAL = re.compile(r"(?P<type>\w+)(\((?P<scope>[^)]*)\))?(?P<breaking>!)?: +(?P<text>.+)")


def draft(state: ReleaseNotes) -> dict[str, Any]:
    """Write the draft.

    Raises:
        ValueError: No commit is worth a note.
    """
    entries = [entry for line in state["commits"].splitlines() if (entry := entry_of(line.strip()))]
    if not entries:
        raise ValueError("commits must have at least one change for users, one subject per line.")
    by_heading = defaultdict(list)
    for heading, text in entries:
        by_heading[heading].append(f"- {text}")
    blocks = ["\n".join([f"### {name}", "", *by_heading[name]]) for name in HEADINGS if by_heading[name]]
    notes = "\n\n".join([f"## {state['version']}", *blocks])
    return update_state(notes=notes, gate_decisions={"review": {"decision": "pending"}})


def entry_of(subject: str) -> tuple[str, str] | None:
    """Return the heading and the text for a commit; None if it does not concern users."""
    found = CONVENTIONAL.fullmatch(subject)
    kind = (found["type"] if found else subject.partition(" ")[0]).lower()
    if not subject or kind in NOT_FOR_USERS:
        return None
    text = found["text"] if found else subject
    if found and found["scope"]:
        text = f"{found['scope']}: {text}"
    if found and found["breaking"]:
        text = f"**Breaking:** {text}"
    return HEADING_OF.get(kind, "Changed"), text[:1].upper() + text[1:]
