"""Where the audit writes."""

import re
from pathlib import Path

from examples.package_audit.state import AuditState

DEFAULT = Path("out", "package_audit")


def output_folder(state: AuditState) -> Path:
    """Give the folder that was asked for, or one named after the distribution under the default."""
    if state.get("out_dir"):
        return Path(state["out_dir"])
    asked = state["identity"]["name"] if state.get("identity") else state.get("distribution", "")
    # The name may be any text when no such distribution exists: nothing of it may climb out of the folder.
    return DEFAULT / (re.sub(r"[^\w.-]+", "-", asked, flags=re.ASCII).strip("-.")[:80] or "unnamed")
