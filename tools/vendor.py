"""Fetch the libraries of the dashboard from npm: `python tools/vendor.py`. A test checks their hashes.

The files are unmodified. THIRD_PARTY.md has their versions, hashes and licences.
"""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
DASHBOARD = ROOT / "src" / "langgraph_runner" / "server" / "dashboard" / "vendor"
TESTS = ROOT / "tests" / "dashboard" / "vendor"


class Library(NamedTuple):
    """An npm package, and the files that the dashboard uses."""

    name: str
    version: str
    licence: str
    files: dict[str, str]
    """Our file name by the path in the package."""


LIBRARIES = [
    Library(
        "preact", "11.2.0", "MIT", {"dist/preact.mjs": "preact.js", "hooks/dist/hooks.mjs": "preact-hooks.js"}
    ),
    Library("htm", "3.1.1", "Apache-2.0", {"dist/htm.module.js": "htm.js"}),
    Library("@preact/signals", "2.11.4", "MIT", {"dist/signals.mjs": "signals.js"}),
    Library("@preact/signals-core", "1.14.5", "MIT", {"dist/signals-core.mjs": "signals-core.js"}),
    Library("@dagrejs/dagre", "3.1.3", "MIT", {"dist/dagre.esm.js": "dagre.js"}),
]
FOR_TESTS = [Library("axe-core", "4.14.1", "MPL-2.0", {"axe.min.js": "axe.min.js"})]


def main() -> None:
    """Write the files and their THIRD_PARTY.md."""
    vendor(LIBRARIES, DASHBOARD)
    vendor(FOR_TESTS, TESTS)


def vendor(libraries: list[Library], target: Path) -> None:
    """Write the files of these libraries into a folder."""
    target.mkdir(parents=True, exist_ok=True)
    rows, licences = [], []
    for library in libraries:
        with tempfile.TemporaryDirectory() as folder:
            packed = subprocess.run(  # noqa: S603 - our own list of packages
                ["npm", "pack", "--silent", f"{library.name}@{library.version}"],  # noqa: S607
                cwd=folder,
                check=True,
                capture_output=True,
                text=True,
            ).stdout.split()[-1]
            with tarfile.open(Path(folder, packed)) as archive:
                for path, name in library.files.items():
                    data = _read(archive, f"package/{path}")
                    (target / name).write_bytes(data)
                    sha256 = hashlib.sha256(data).hexdigest()
                    rows.append(
                        f"| `{name}` | {library.name} | {library.version} | {library.licence} | `{sha256}` |"
                    )
                licence = _read(archive, "package/LICENSE").decode().strip()
                licences.append(f"## {library.name}\n\n```text\n{licence}\n```")
    text = "\n".join(
        [
            "# Third-party files",
            "",
            "Unmodified files of npm packages; `python tools/vendor.py` fetches them again.",
            "",
            "| file | package | version | licence | sha256 |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    )
    (target / "THIRD_PARTY.md").write_text(text + "\n" + "\n\n".join(licences) + "\n")


def _read(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    if file is None:
        raise FileNotFoundError(name)
    return file.read()


if __name__ == "__main__":
    main()
