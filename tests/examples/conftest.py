"""A small distribution for the audit to find, with the files that pip would write; and the server behind Studio."""

from __future__ import annotations

import base64
import hashlib
import json
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from langgraph_sdk.client import SyncLangGraphClient

from tests.examples.server import REPOSITORY, Server, serving
from tests.examples.studio import STUDIO_CONFIG

METADATA = """\
Metadata-Version: 2.1
Name: Tiny-Sample
Version: 1.2.3
Summary: A distribution to audit.
Requires-Dist: packaging>=20
Requires-Dist: surely-not-installed>=1
Requires-Dist: only-for-an-extra; extra == "more"
"""

SOURCES = {
    "tiny/__init__.py": '''
        """A package."""
        from tiny import alpha
        from tiny.beta import branchy
        ''',
    "tiny/alpha.py": '''
        """Has a docstring."""
        import json
        import packaging.version
        import yaml_of_nobody
        from . import beta

        class Documented:
            """Documented."""

            def bare(self):
                return beta
        ''',
    "tiny/beta.py": """
        # A comment.
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from tiny.alpha import Documented

        def branchy(x):
            if x and x > 1 or x < -1:
                return [y for y in range(x) if y]
            return []
        """,
}

MIT = 'Permission is hereby granted, free of charge, to any person. THE SOFTWARE IS PROVIDED "AS IS".'


class Sample:
    """Writes a distribution into a folder. `install` writes ``RECORD`` with every file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.info = folder / "tiny_sample-1.2.3.dist-info"
        self.info.mkdir(parents=True)
        self.metadata = METADATA
        self.record_only: list[str] = []
        for path, source in SOURCES.items():
            self.write(path, textwrap.dedent(source).lstrip())

    def write(self, path: str, content: str | bytes) -> Path:
        """Write a file into the distribution."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    def licence(self, text: str = MIT) -> None:
        """Add a licence text."""
        self.write(f"{self.info.name}/licenses/LICENSE", text)

    def install(self) -> None:
        """Write ``METADATA`` and ``RECORD``."""
        (self.info / "METADATA").write_text(self.metadata)
        files = [file for file in sorted(self.folder.rglob("*")) if file.is_file()]
        lines = [recorded(file, self.folder) for file in files]
        lines += [f"{path},," for path in self.record_only]
        (self.info / "RECORD").write_text("\n".join(lines) + "\n")


def recorded(file: Path, folder: Path) -> str:
    """Return the line of ``RECORD`` for a file."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(file.read_bytes()).digest()).rstrip(b"=").decode()
    return f"{file.relative_to(folder).as_posix()},sha256={digest},{file.stat().st_size}"


@pytest.fixture
def sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sample:
    """A distribution on the path. The test adds files and calls ``install``."""
    made = Sample(tmp_path / "site")
    monkeypatch.syspath_prepend(str(made.folder))
    return made


@pytest.fixture(scope="session")
def make_sample() -> type[Sample]:
    """A factory of distributions, for a program that runs in another process."""
    return Sample


@pytest.fixture(scope="session")
def studio_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the graphs of `examples/studio` and some more for tests."""
    folder = tmp_path_factory.mktemp("studio")
    config = json.loads(STUDIO_CONFIG.read_text())
    config["graphs"] |= {
        name: f"tests.examples.hard_graphs:{name}"
        for name in ("nested_questions", "refusing", "blocking", "kept", "rebuilt")
    }
    (folder / "studio.json").write_text(json.dumps(config))
    with serving(folder, "studio.json", PYTHONPATH=str(REPOSITORY)) as served:
        yield served


@pytest.fixture(scope="session")
def studio(studio_server: Server) -> SyncLangGraphClient:
    """A client that talks to the server as Studio does."""
    return studio_server.client


@pytest.fixture
def thread(studio: SyncLangGraphClient) -> str:
    """A new thread."""
    return studio.threads.create()["thread_id"]
