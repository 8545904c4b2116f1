"""Each public name is in one `__init__.pyi`, and imported at its first use."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import langgraph_runner

PACKAGE = Path(langgraph_runner.__file__).parent


def run(code: str, *, path: str = "") -> str:
    """Return what a new interpreter prints."""
    command = [sys.executable, "-c", f"import sys\nif {path!r}: sys.path.insert(0, {path!r})\n{code}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - the code is ours
    return done.stdout.strip()


def test_importing_the_package_imports_nothing_else() -> None:
    """Neither LangGraph nor pydantic nor another part of this package is imported."""
    code = (
        "import langgraph_runner\n"
        "print(sorted(name for name in sys.modules if name.startswith(('langgraph', 'langchain', 'pydantic'))))"
    )
    assert run(code) == "['langgraph_runner', 'langgraph_runner._lazy']"


def test_dir_lists_every_name_before_its_use() -> None:
    """Completion in a notebook shows the names that need an extra, too."""
    code = (
        "import langgraph_runner as package\n"
        "print({*package.__all__, 'RunEngine', 'NodeSpans'} <= {*dir(package)}, 'RunEngine' in package.__all__)"
    )
    assert run(code) == "True False"


def test_a_name_is_imported_once() -> None:
    """After the first use it is an ordinary attribute."""
    code = (
        "import langgraph_runner as package\n"
        "print('ErrorCode' in vars(package), package.ErrorCode.__name__, 'ErrorCode' in vars(package))"
    )
    assert run(code) == "False ErrorCode True"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("creat_node", " Did you mean 'create_node'?"),
        ("NodeSpanz", " Did you mean 'NodeSpans'?"),
        ("qqq", ""),
    ],
)
def test_an_unknown_name_is_an_error_with_a_suggestion(name: str, hint: str) -> None:
    """It is an AttributeError, so `hasattr()` and `from ... import` work as with any module."""
    with pytest.raises(AttributeError) as caught:
        getattr(langgraph_runner, name)
    assert str(caught.value) == f"module 'langgraph_runner' has no attribute '{name}'.{hint}"
    with pytest.raises(ImportError, match=f"cannot import name '{name}'"):
        exec(f"from langgraph_runner import {name}")  # noqa: S102 - the name is ours


def test_the_names_are_found_in_a_zip_archive(tmp_path: Path) -> None:
    """The stubs are read from the archive, as in a zipapp."""
    archive = tmp_path / "app.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in PACKAGE.rglob("*.py*"):
            if path.suffix in {".py", ".pyi"}:
                file.write(path, path.relative_to(PACKAGE.parent))
    code = "import langgraph_runner as package\nprint(package.ErrorCode.__name__, package.__file__)"
    assert run(code, path=str(archive)) == f"ErrorCode {archive}/langgraph_runner/__init__.py"


def test_a_module_may_not_hide_a_name(tmp_path: Path) -> None:
    """Importing `shop.cart` would bind the module where users expect its function `cart`."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "from langgraph_runner._lazy import lazy_names\n__getattr__, __dir__, __all__ = lazy_names(__name__)\n"
    )
    (folder / "__init__.pyi").write_text("from shop.cart import cart as cart\n")
    code = "try:\n    import shop\nexcept ImportError as error:\n    print(error)"
    assert run(code, path=str(tmp_path)).endswith("shop.cart hides the name cart. Rename the module.")
