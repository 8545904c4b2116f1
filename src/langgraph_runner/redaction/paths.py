"""Absolute paths made relative, without asking the operating system.

The working directory is read once, when this module is imported: later a node may run on an event loop,
where `os.getcwd` is a blocking call.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from langgraph_runner.redaction.patterns import LazyPattern

if TYPE_CHECKING:
    import re

_PARTS_KEPT: Final = 3
_HOME = LazyPattern(r"^(?:[A-Za-z]:)?/+(?:home|Users|Documents and Settings)/+[^/]+(?:/+|$)|^/root(?:/+|$)")
_INSTALLED = LazyPattern(r"^.*/(?:site|dist)-packages/")

_ROOTS = (
    "home|Users|root|usr|opt|var|tmp|etc|srv|mnt|media|app|apps|workspace|workspaces|work|code|src|data|builds?"
    "|private|Library|Applications|Volumes|nix|proc|dev|run|snap|deps|project|repo|github|lambda|layers|lib|bin"
)
# The paths of HTTP request lines and of URLs stay. The pattern begins with the slash, so that the search jumps
# from slash to slash.
_STARTS_PATH = (
    r"/(?<![\w.~/\\:@%)\]}$<*?=&#-]/)(?<!GET /)(?<!POST /)(?<!PUT /)(?<!HEAD /)(?<!PATCH /)(?<!DELETE /)"
)
_PART = r"[^\s/\\\"'`<>|:;,()\[\]{}*?=&]"
# A path is below a known root of file systems, or ends in a file name.
_ABSOLUTE = LazyPattern(rf"{_STARTS_PATH}(?:(?:{_ROOTS})(?:/{_PART}+)+/?|{_PART}+(?:/{_PART}+)+)")
_WINDOWS = LazyPattern(rf"(?<![\w/\\])[A-Za-z]:(?:\\{{1,2}}|/(?!/))(?:{_PART}+(?:\\{{1,2}}|/))*{_PART}+")
_DRIVE = LazyPattern(r":[\\/](?!/)")
_FILE_NAME = LazyPattern(r"\.[A-Za-z][A-Za-z0-9]{0,9}$")
_KNOWN_ROOT = LazyPattern(rf"/(?:{_ROOTS})/")


def _current_directory() -> str:
    try:
        return os.getcwd()  # noqa: PTH109 - text is all that is needed
    except OSError:  # The directory may have been deleted.
        return ""


def _directories() -> tuple[str, ...]:
    here = _current_directory()
    return tuple(dict.fromkeys(_slashed(path) for path in (here, os.path.realpath(here)) if path))


def _slashed(path: str) -> str:
    return path.replace("\\\\", "\\").replace("\\", "/")


WORKING_DIRECTORIES: Final = _directories()


def roots_of(project_root: str | None) -> tuple[str, ...]:
    """Return the directories that paths become relative to, in order of precedence; each ends in a slash."""
    wanted = list(WORKING_DIRECTORIES)
    if project_root is not None:
        base = WORKING_DIRECTORIES[0] if WORKING_DIRECTORIES else ""
        # normpath and join read the text only, not the disk.
        wanted.insert(0, _slashed(os.path.normpath(os.path.join(base, project_root))))  # noqa: PTH118
    return tuple(path.rstrip("/") + "/" for path in wanted if path.strip("/"))


def relative_path(path: str, roots: tuple[str, ...]) -> str:
    """Return the path below the first root that contains it, else its last three parts.

    The path of an installed package starts below `site-packages`. The owner of a home directory is not shown.
    """
    slashed = _slashed(path)
    installed = _INSTALLED.sub("", slashed)
    if installed != slashed:
        return installed or "site-packages"
    for root in roots:
        if slashed.startswith(root) and len(slashed) > len(root):
            return slashed[len(root) :].lstrip("/") or "."
        if slashed + "/" == root:
            return "."
    below_home = _HOME.sub("", slashed)
    if not below_home.strip("/"):
        return "~"
    parts = [part for part in below_home.split("/") if part]
    return "/".join(parts[-_PARTS_KEPT:])


def relative_paths(text: str, roots: tuple[str, ...]) -> str:
    """Return the text with each absolute path of a file system made relative; URLs and routes stay."""

    def shorter(match: re.Match[str]) -> str:
        path = match[0]
        known = path.startswith(roots) or _KNOWN_ROOT.match(path) or _FILE_NAME.search(path)
        return relative_path(path, roots) if known else path

    if _DRIVE.search(text):
        text = _WINDOWS.sub(lambda match: relative_path(match[0], roots), text)
    return _ABSOLUTE.sub(shorter, text) if "/" in text else text
