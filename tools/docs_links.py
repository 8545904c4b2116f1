"""A hook of MkDocs for links from a page to files outside `docs/`.

A code host follows `../examples/studio/README.md`. The site has no such page, so it shows the path as text.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]+)\]\((?P<target>\.\./[^)\s#]+)(?:#[^)\s]*)?\)")


def on_page_markdown(markdown: str, *, page: Page, **_: Any) -> str:
    """Replace the links of a page that lead out of `docs/`; MkDocs calls this.

    Raises:
        FileNotFoundError: The target of a link does not exist.
    """
    folder = (ROOT / "docs" / page.file.src_uri).parent

    def replaced(link: re.Match[str]) -> str:
        path = (folder / link["target"]).resolve()
        if path.is_relative_to(ROOT / "docs"):
            return link[0]
        if not path.exists():
            raise FileNotFoundError(f"{page.file.src_uri}: {link['target']} does not exist.")
        return f"{link['text']} (`{path.relative_to(ROOT)}`)"

    return LINK.sub(replaced, markdown)
