"""The documentation is correct: every Python block runs, and every relative link has a target.

Each block runs alone, in its own namespace, so a reader can copy any of them. A block asserts what it shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from langgraph_runner import ErrorCode, FailureCategory, GraphState, NodeErrorRecord
from langgraph_runner.node.factory import NodeOptions

ROOT = Path(__file__).parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").glob("*.md")),
]

_FENCE = re.compile(r"^```(?P<language>[^\n]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(?P<title>.+)$", re.MULTILINE)


def blocks() -> Iterator[Any]:
    """Each Python block, named by its page and the line on which it starts."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for fence in _FENCE.finditer(text):
            if fence["language"].startswith("python"):
                line = text.count("\n", 0, fence.start()) + 1
                yield pytest.param(page, line, fence, id=f"{page.name}:{line}")


def links() -> Iterator[Any]:
    """Each link of each page, without web addresses."""
    for page in PAGES:
        for link in _LINK.finditer(without_code(page.read_text(encoding="utf-8"))):
            if "://" not in link["target"]:
                yield pytest.param(page, link["target"], id=f"{page.name}->{link['target']}")


def without_code(text: str) -> str:
    """The prose of a page. Code may contain text that looks like a link or a heading."""
    return re.sub(r"`[^`\n]+`", "`code`", _FENCE.sub("", text))


def anchors(page: Path) -> set[str]:
    """The anchors of the headings of `page`, by the rule of code hosts."""
    titles = _HEADING.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}


@pytest.fixture(autouse=True)
def untouched_structlog() -> Iterator[None]:
    """Restores structlog, because a block may configure it."""
    yield
    structlog.reset_defaults()


@pytest.mark.parametrize(("page", "line", "fence"), list(blocks()))
def test_every_python_block_runs(page: Path, line: int, fence: re.Match[str]) -> None:
    """A block runs to its end, alone. Warnings are errors."""
    assert fence["language"] == "python", "a block that is not run shows something that may not work"
    # Padded, so that a traceback shows the line of the page.
    code = compile("\n" * line + fence["code"], str(page), "exec", dont_inherit=True)
    exec(code, {"__name__": "__docs__"})  # noqa: S102 - the code is ours


@pytest.mark.parametrize(("page", "target"), list(links()))
def test_every_relative_link_leads_somewhere(page: Path, target: str) -> None:
    """The linked file exists, and so does the heading after the `#`."""
    path, _, anchor = target.partition("#")
    file = page.parent / path if path else page
    assert file.exists()
    if anchor:
        assert anchor in anchors(file)


def test_every_page_of_the_docs_is_linked_from_another() -> None:
    """So readers can find each page."""
    linked = {
        target
        for page in PAGES
        for link in _LINK.finditer(without_code(page.read_text(encoding="utf-8")))
        if (target := (page.parent / link["target"].partition("#")[0]).resolve()) != page.resolve()
    }
    assert [page.name for page in (ROOT / "docs").glob("*.md") if page.resolve() not in linked] == []


@pytest.mark.parametrize(
    ("page", "names"),
    [
        pytest.param("nodes.md", sorted(NodeOptions.__annotations__), id="options"),
        pytest.param("errors.md", [code.value for code in ErrorCode], id="codes"),
        pytest.param("errors.md", [category.value for category in FailureCategory], id="categories"),
        pytest.param("errors.md", sorted(NodeErrorRecord.__annotations__), id="record"),
        pytest.param("errors.md", sorted(GraphState.__annotations__), id="state"),
    ],
)
def test_every_row_is_there(page: str, names: list[str]) -> None:
    """The table lists everything of its kind in the code."""
    rows = "".join(re.findall(r"^\|.*$", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.MULTILINE))
    assert [name for name in names if f"`{name}`" not in rows] == []
