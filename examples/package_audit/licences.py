"""The licence, from the licence text of the distribution; without a text, from the metadata.

``read_licence`` is the node's function and ``licence_from_metadata`` its fallback.
"""

import re
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any

from examples.package_audit.inventory import field
from examples.package_audit.record import recorded_files
from examples.package_audit.state import AuditState
from langgraph_runner import get_node_context

LICENCE_FILE = re.compile(r"(licen[cs]e|copying|unlicense)", re.IGNORECASE)

# A licence matches if all of its phrases occur. The first match counts.
SIGNATURES = {
    "AGPL-3.0": ("gnu affero general public license", "version 3"),
    "LGPL-3.0": ("gnu lesser general public license", "version 3"),
    "LGPL-2.1": ("gnu lesser general public license", "version 2.1"),
    "GPL-3.0": ("gnu general public license", "version 3"),
    "GPL-2.0": ("gnu general public license", "version 2"),
    "MPL-2.0": ("mozilla public license", "2.0"),
    "PSF-2.0": ("python software foundation license", "version 2"),
    "Apache-2.0": ("apache license", "version 2.0"),
    "MIT": ("permission is hereby granted, free of charge", 'the software is provided "as is"'),
    "ISC": ("permission to use, copy, modify, and", "distribute this software for any purpose"),
    "BSD-3-Clause": ("redistribution and use in source and binary forms", "endorse or promote"),
    "BSD-2-Clause": ("redistribution and use in source and binary forms",),
    "Unlicense": ("this is free and unencumbered software released into the public domain",),
}


class LicenceTextMissingError(LookupError):
    """The distribution has no licence text, or one that this audit does not recognise."""


def read_licence(state: AuditState) -> dict[str, Any]:
    """Recognise the licence by the text that ships with the distribution.

    Raises:
        LicenceTextMissingError: There is no text, or an unknown one.
        OSError: The text cannot be read.
    """
    found = metadata.distribution(state["identity"]["name"])
    files = [file.path for file in recorded_files(found) if is_licence_file(file.path)]
    if not files:
        raise LicenceTextMissingError("the distribution has no licence text")
    names = {
        file: recognised(Path(str(found.locate_file(file))).read_text(encoding="utf-8", errors="replace"))
        for file in files
    }
    known = sorted({name for name in names.values() if name})
    if not known:
        raise LicenceTextMissingError(f"the text of {files[0].name} is unknown to this audit")
    source = ", ".join(file.name for file, name in names.items() if name)
    return {
        "licence": {"name": " and ".join(known), "source": source, "declared": declared(found), "doubt": ""}
    }


def licence_from_metadata(state: AuditState) -> dict[str, Any]:
    """Read the licence from the metadata, and record why the text could not be used."""
    said = declared(metadata.distribution(state["identity"]["name"]))
    return {
        "licence": {
            "name": said,
            "source": "its metadata" if said else "",
            "declared": said,
            "doubt": str(get_node_context().primary_error),
        }
    }


def is_licence_file(file: PurePosixPath) -> bool:
    """Return whether a file of the distribution is its licence; licences of vendored code are not."""
    in_metadata = file.parts[0].endswith((".dist-info", ".egg-info"))
    return in_metadata and bool(LICENCE_FILE.match(file.name))


def recognised(text: str) -> str:
    """Recognise a licence by its phrases, or give an empty string."""
    flat = " ".join(text.lower().replace("“", '"').replace("”", '"').split())
    return next((name for name, parts in SIGNATURES.items() if all(part in flat for part in parts)), "")


def declared(found: metadata.Distribution) -> str:
    """Read the licence that the metadata claims: expression, classifiers, or the old field's first line."""
    if expression := field(found, "License-Expression"):
        return expression
    classifiers = [
        line for line in found.metadata.get_all("Classifier") or [] if line.startswith("License ::")
    ]
    if classifiers:
        return ", ".join(line.rpartition(" :: ")[2] for line in classifiers)
    return next(iter(field(found, "License").strip().splitlines()), "")
