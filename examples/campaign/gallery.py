"""An index page of all runs, to open in a browser."""

import json
from collections.abc import Iterator
from html import escape
from pathlib import Path
from string import Template

from examples.campaign.console import counts
from examples.campaign.craft.names import slug
from examples.campaign.story import Chapter

__all__ = ["new_folder", "note", "write_index"]

_PAGE = Template(Path(__file__).with_name("gallery.html").read_text(encoding="utf-8"))
_NOTE = "run.json"


def new_folder(out: Path, title: str) -> Path:
    """Create a folder with the next free number."""
    taken = [int(path.name[:3]) for path in out.glob("[0-9][0-9][0-9]-*")]
    number = max(taken, default=0) + 1
    while True:
        folder = out / f"{number:03}-{slug(title)}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:  # Another process was faster.
            number += 1
        else:
            return folder


def note(chapter: Chapter, folder: Path) -> None:
    """Write the facts about a run that the index needs into its folder."""
    facts = {
        "run_id": chapter.run.id,
        "title": chapter.title,
        "about": chapter.about,
        "counts": counts(chapter),
        "files": sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()),
    }
    (folder / _NOTE).write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_index(out: Path) -> None:
    """Write the page of all runs, the newest first."""
    runs = "\n".join(_entry(path.parent) for path in sorted(out.glob(f"*/{_NOTE}"), reverse=True))
    (out / "index.html").write_text(_PAGE.substitute(runs=runs), encoding="utf-8")


def _entry(folder: Path) -> str:
    facts = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
    name, files = escape(folder.name), facts["files"]
    images = "".join(
        _image(name, file) for file in files if file.startswith("images/") and "hero" not in file
    )
    return (
        f'<section><h2><a href="{name}/index.html">{escape(facts["title"])}</a></h2>'
        f"<p>{escape(facts['about'])}<br><small>{escape(facts['counts'])} · {name}</small></p>"
        f'<div class="images">{images}</div><ul class="files">{"".join(_links(name, files))}</ul></section>'
    )


def _image(folder: str, file: str) -> str:
    where = f"{folder}/{escape(file)}"
    return f'<a href="{where}"><img src="{where}" alt="{escape(Path(file).stem)}" loading="lazy"></a>'


def _links(folder: str, files: list[str]) -> Iterator[str]:
    for file in files:
        if not file.startswith("images/"):
            yield f'<li><a href="{folder}/{escape(file)}">{escape(file)}</a></li>'
