"""Find the distribution, and list its files.

All data comes from the files that pip writes next to the package: ``METADATA`` and ``RECORD``.
"""

import difflib
import re
from collections import Counter
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any

from packaging.utils import canonicalize_name

from examples.package_audit.editable import editable_sources
from examples.package_audit.record import recorded_files
from examples.package_audit.state import AuditState, Identity, Inventory, SourceFile

# https://packaging.python.org/en/latest/specifications/name-normalization/
NAME = re.compile(r"[A-Z0-9]|[A-Z0-9][A-Z0-9._-]*[A-Z0-9]", re.IGNORECASE | re.ASCII)
COMPILED = {".so", ".pyd", ".dylib", ".dll"}


class UnknownDistributionError(LookupError):
    """No installed distribution has that name. The message suggests others."""


def resolve(state: AuditState) -> dict[str, Any]:
    """Find the distribution.

    Raises:
        UnknownDistributionError: The name is unusable, or nothing installed has it.
    """
    name = state.get("distribution", "").strip()
    check_name(name)
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        raise UnknownDistributionError(f"No distribution {name!r} is installed. {hint(name)}") from None
    return {"identity": identity(found)}


def check_name(name: str) -> None:
    """Refuse an invalid name, and say why."""
    if not name:
        raise UnknownDistributionError("Give the name of an installed distribution, such as 'langgraph'.")
    if "/" in name or "\\" in name:
        raise UnknownDistributionError(
            f"{name!r} is a path. Install it first (pip install -e {name}) and give the distribution's name."
        )
    if not NAME.fullmatch(name):
        raise UnknownDistributionError(
            f"{name!r} cannot be a distribution: names have letters, digits, '.', '_' and '-' only."
        )


def hint(name: str) -> str:
    """Suggest a name: the distribution of a package with this name, or similar names."""
    owners = sorted(set(metadata.packages_distributions().get(name, ())))
    if owners:
        return f"The package {name!r} comes with {' and '.join(owners)}."
    installed = {
        str(canonicalize_name(found.name)): found.name for found in metadata.distributions() if found.name
    }
    close = difflib.get_close_matches(canonicalize_name(name), installed, n=3, cutoff=0.7)
    alike = [installed[other] for other in close]
    return f"Did you mean {' or '.join(alike)}?" if alike else "'pip list' shows the installed ones."


def identity(found: metadata.Distribution) -> Identity:
    """Read name, version and summary."""
    return {
        "name": found.name,
        "version": found.version,
        "summary": field(found, "Summary"),
        "requires_python": field(found, "Requires-Python"),
    }


def field(found: metadata.Distribution, name: str) -> str:
    """Read a field of the metadata, or give an empty string."""
    return next(iter(found.metadata.get_all(name) or []), "")


def take_inventory(state: AuditState) -> dict[str, Any]:
    """List the files of the distribution, and the Python ones to parse."""
    found = metadata.distribution(state["identity"]["name"])
    return {"inventory": editable_inventory(found) or installed_inventory(found)}


def installed_inventory(found: metadata.Distribution) -> Inventory:
    """List the files that ``RECORD`` names, whether they are still there or not."""
    files = [file for file in recorded_files(found) if file.path.suffix != ".pyc"]
    counts = Counter(kind(file.path) for file in files)
    sizes: Counter[str] = Counter()
    for file in files:
        sizes[kind(file.path)] += file.size
    sources = [
        source_file(file.path, file.sha256) for file in sorted(files) if kind(file.path) == "Python source"
    ]
    return {
        "root": str(found.locate_file("")),
        "editable": False,
        "counts": dict(counts.most_common()),
        "sizes": dict(sizes),
        "sources": sources,
    }


def editable_inventory(found: metadata.Distribution) -> Inventory | None:
    """List the files of a source tree installed with ``pip install -e``, or None if it is not one."""
    tree = editable_sources(found)
    if tree is None:
        return None
    root, files = tree
    size = sum(Path(root, file).stat().st_size for file in files)
    return {
        "root": str(root),
        "editable": True,
        "counts": {"Python source": len(files)},
        "sizes": {"Python source": size},
        "sources": [source_file(file) for file in files],
    }


def kind(file: PurePosixPath) -> str:
    """Return the kind of a file."""
    if file.parts[0] == "..":
        return "Scripts and shared data"
    if any(part.endswith((".dist-info", ".egg-info")) for part in file.parts):
        return "Metadata"
    if file.suffix == ".py":
        return "Python source"
    if file.suffix == ".pyi" or file.name == "py.typed":
        return "Type stubs and markers"
    return "Compiled extensions" if file.suffix in COMPILED else "Other data"


def source_file(file: PurePosixPath, sha256: str = "") -> SourceFile:
    """Name the module that a file holds: ``a/b/__init__.py`` is ``a.b``."""
    parts = file.with_suffix("").parts
    if parts[-1] == "__init__" and len(parts) > 1:
        parts = parts[:-1]
    return {"module": ".".join(parts), "path": file.as_posix(), "sha256": sha256}
