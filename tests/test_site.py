"""The site of `make docs` is complete, its links have targets, and it can be read without a network."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ["langgraph_runner", "langgraph_runner.testing", "langgraph_runner.workflow.hashing"]
ELSEWHERE = re.compile(r"(?:https?:)?//")


class Loaded(HTMLParser):
    """Collects the addresses that a browser loads with a page, without links."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Record what the element loads, and its id."""
        given = {name: value or "" for name, value in attributes}
        self.anchors.add(given.get("id", ""))
        if "src" in given:
            self.addresses.append(given["src"])
        if tag == "link":
            self.addresses.append(given.get("href", ""))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site. In strict mode a dead link, an unknown anchor or an unknown name is an error of the build."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(  # noqa: S603 - our own tool
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def pages(folder: Path) -> Iterator[tuple[Path, Loaded]]:
    """The content of each page."""
    for path in sorted(folder.rglob("*.html")):
        page = Loaded()
        page.feed(path.read_text(encoding="utf-8"))
        yield path, page


def names_of(package: str) -> list[str]:
    """Return the public names of a package, including those that need an extra."""
    module = importlib.import_module(package)
    found = {name: getattr(module, name) for name in dir(module) if not name.startswith("_")}
    return [f"{package}.{name}" for name, value in found.items() if not inspect.ismodule(value)]


def test_the_reference_has_every_public_name(site: Path) -> None:
    """Each has an entry on a page in `docs/reference/`: `::: langgraph_runner.NAME`."""
    entries = {anchor for _, page in pages(site / "reference") for anchor in page.anchors}
    names = {name for package in PACKAGES for name in names_of(package)}
    assert names - entries - {"langgraph_runner.workflow.hashing.UnhashableInputError"} == set()


def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    """It contains all scripts, styles, fonts and pictures."""
    loaded = {(path.name, each) for path, page in pages(site) for each in page.addresses}
    assert {each for each in loaded if ELSEWHERE.match(each[1])} == set()
    styles = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))
    assert re.findall(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", styles) == []


def test_a_link_out_of_the_docs_is_shown_as_a_path(site: Path) -> None:
    """The file is on the code host, not on the site."""
    assert "<code>examples/studio/README.md</code>" in (site / "studio.html").read_text(encoding="utf-8")


def test_an_example_in_a_docstring_is_shown_as_code(site: Path) -> None:
    """It is a block of Python, not quoted text."""
    reference = (site / "reference" / "testing.html").read_text(encoding="utf-8")
    assert '<span class="gp">&gt;&gt;&gt; </span>' in reference
    assert 'class="example"' not in reference
