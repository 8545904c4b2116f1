"""When regular expressions are compiled, also with several threads at once."""

from __future__ import annotations

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from langgraph_runner.redaction.patterns import LazyPattern

pytestmark = pytest.mark.req("N-20")


def test_an_import_compiles_no_pattern():
    """A program without failures compiles no patterns."""
    program = (
        "import gc; import langgraph_runner.redaction.sanitizer;"
        "from langgraph_runner.redaction.patterns import LazyPattern;"
        "made = [p for p in gc.get_objects() if isinstance(p, LazyPattern)];"
        "print(len(made) > 100, [p.source for p in made if '_compiled' in vars(p)])"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)  # noqa: S603 - our own program
    assert done.stdout.strip() == "True []"


def test_a_pattern_answers_like_a_compiled_one():
    """Each method returns what that of the compiled pattern returns, with its flags."""
    lazy, compiled = LazyPattern("(b)", re.IGNORECASE), re.compile("(b)", re.IGNORECASE)
    for name in ("match", "fullmatch", "search"):
        assert getattr(lazy, name)("B")[0] == getattr(compiled, name)("B")[0]
    assert [found.span() for found in lazy.finditer("abB")] == [(1, 2), (2, 3)]
    assert lazy.findall("abB") == compiled.findall("abB")
    assert lazy.sub("x", "abB") == compiled.sub("x", "abB")


def test_threads_may_use_a_pattern_first_at_once():
    """Each of the threads gets its match."""
    lazy = LazyPattern(r"\d{1,7}x")
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: lazy.fullmatch(f"{number}x")[0], range(64)))
    assert found == [f"{number}x" for number in range(64)]


def test_the_first_failure_compiles_next_to_nothing():
    """Making a node compiles the common patterns, so that an ordinary first failure does not wait for them."""
    program = (
        "import gc\n"
        "from langgraph_runner import create_node, DEFAULT_SANITIZER\n"
        "from langgraph_runner.redaction.patterns import LazyPattern\n"
        "made = [p for p in gc.get_objects() if isinstance(p, LazyPattern)]\n"
        "def compiled(): return {id(p) for p in made if '_compiled' in vars(p)}\n"
        "before = compiled()\n"
        "create_node(lambda state: state)\n"
        "prepared = compiled()\n"
        "raw = 'login failed: password is hunter2x at https://a:hunter2x@db:5432/x, token: a1b2'\n"
        "DEFAULT_SANITIZER.text(raw)\n"
        "print(len(before), len(prepared) > 60, len(compiled() - prepared) <= 2)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)  # noqa: S603 - our own program
    assert done.stdout.strip() == "0 True True"
