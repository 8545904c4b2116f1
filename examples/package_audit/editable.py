"""Find the sources of an editable install.

``pip install -e`` leaves a ``.pth`` file that points to them; ``RECORD`` does not name them.
"""

from importlib import metadata
from pathlib import Path, PurePosixPath

from packaging.utils import canonicalize_name

from examples.package_audit.record import recorded_files


def editable_sources(found: metadata.Distribution) -> tuple[Path, list[PurePosixPath]] | None:
    """Return the root of the sources and their Python files, or None for a normal install."""
    for file in recorded_files(found):
        if file.path.suffix == ".pth":
            root = pointed_to(Path(str(found.locate_file(file.path))))
            if root is not None:
                return root, python_files(root, package_names(found))
    return None


def pointed_to(pth: Path) -> Path | None:
    """Read the folder that a ``.pth`` file adds to the path, if it adds one."""
    if not pth.is_file():
        return None
    for line in pth.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith(("import ", "#")) and Path(line).is_dir():
            return Path(line)
    return None


def package_names(found: metadata.Distribution) -> list[str]:
    """Guess the top-level packages, because the root may hold tests and virtual environments as well."""
    listed = (found.read_text("top_level.txt") or "").split()
    return listed or [canonicalize_name(found.name).replace("-", "_")]


def python_files(root: Path, packages: list[str]) -> list[PurePosixPath]:
    """List the Python files of these packages and modules, relative to the root."""
    files = [file for package in packages for file in (root / package).rglob("*.py")]
    lone = [root / f"{package}.py" for package in packages]
    found = files + [file for file in lone if file.is_file()]
    return sorted(PurePosixPath(file.relative_to(root).as_posix()) for file in found)
