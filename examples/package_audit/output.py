"""The output folder."""

import re
from pathlib import Path

from examples.package_audit.state import AuditState

DEFAULT = Path("out", "package_audit")


def output_folder(state: AuditState) -> Path:
    """Return the requested folder; by default, one named after the distribution."""
    if state.get("out_dir"):
        return Path(state["out_dir"])
    asked = state["identity"]["name"] if state.get("identity") else state.get("distribution", "")
    # If no such distribution exists, the name may be any text, also one with `..`. It must stay inside the folder.
    return DEFAULT / (re.sub(r"[^\w.-]+", "-", asked, flags=re.ASCII).strip("-.")[:80] or "unnamed")
