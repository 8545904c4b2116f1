"""The documented encoding. A change that fails these tests invalidates every cache."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from hashlib import sha256
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from langgraph_runner.workflow import hashing
from langgraph_runner.workflow.hashing import canonical_json, content_hash
from langgraph_runner.workflow.hashing.objects import RESERVED_TAGS
from tests.workflow.hashing.samples import MESSAGES, SAMPLES

ROOT = Path(__file__).parents[3]
HASHES = [
    (None, "74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b"),
    ({}, "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"),
    ({"b": [1, "é"], "a": (1.0, b"x")}, "23246036a15be0363aeb8b4b071a0fc3ea60407053cbf819890f038153688762"),
]
PROGRAM = """
from tests.workflow.hashing.samples import MESSAGES, SAMPLES
from langgraph_runner.workflow.hashing import content_hash
print(*(content_hash(value) for value in [*(value for value, _ in SAMPLES), *MESSAGES]))
"""


@pytest.mark.req("R-4")
@pytest.mark.parametrize(("value", "encoding"), SAMPLES, ids=lambda each: type(each).__name__)
def test_every_kind_of_value_has_the_encoding_of_the_table(value: Any, encoding: str) -> None:
    """The hash is that of its UTF-8 bytes."""
    assert canonical_json(value).decode() == encoding
    assert content_hash(value) == sha256(encoding.encode()).hexdigest()


@pytest.mark.req("R-4")
@pytest.mark.parametrize(("value", "digest"), HASHES, ids=["none", "empty", "mixed"])
def test_hashes_are_stable(value: Any, digest: str) -> None:
    """The expected hashes were written down when the encoding was defined."""
    assert content_hash(value) == digest


@pytest.mark.req("R-4")
def test_all_samples_have_different_encodings() -> None:
    """This includes values that are equal or look alike."""
    encodings = [canonical_json(value) for value in [*(value for value, _ in SAMPLES), *MESSAGES]]
    assert [pair for pair in combinations(encodings, 2) if pair[0] == pair[1]] == []


@pytest.mark.req("R-4")
@pytest.mark.parametrize(("value", "encoding"), SAMPLES, ids=lambda each: type(each).__name__)
def test_data_that_looks_like_an_encoding_is_encoded_differently(value: Any, encoding: str) -> None:
    """A dict whose key looks like a tag is only data."""
    lookalike = json.loads(encoding)
    assert (canonical_json(lookalike) == canonical_json(value)) is ("$" not in encoding.replace("a$", ""))


@pytest.mark.req("R-4")
@pytest.mark.parametrize("seed", ["0", "1", "4242"])
def test_other_processes_compute_the_same_hashes(seed: str) -> None:
    """They have other seeds for Python's own hashes, and so other orders of sets."""
    done = subprocess.run(  # noqa: S603 - the program is ours
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    here = [content_hash(value) for value in [*(value for value, _ in SAMPLES), *MESSAGES]]
    assert done.stdout.split() == here


@pytest.mark.req("R-4")
@pytest.mark.parametrize("value", [value for value, _ in SAMPLES], ids=lambda each: type(each).__name__)
def test_hashing_does_not_change_the_value(value: Any) -> None:
    """A second hash is the same."""
    before = repr(value), repr(getattr(value, "__dict__", None))
    first = content_hash({"a": value})
    assert content_hash({"a": value}) == first
    assert (repr(value), repr(getattr(value, "__dict__", None))) == before


def test_every_tag_is_in_the_tables_and_in_a_sample() -> None:
    """The docstring, the docs and the list of reserved tags have exactly the same tags."""
    page = (ROOT / "docs" / "reference" / "hashing.md").read_text(encoding="utf-8")
    named = re.compile(r'\{"\$([a-z]+)":')
    assert set(named.findall(hashing.__doc__ or "")) == RESERVED_TAGS
    assert set(named.findall(page)) == RESERVED_TAGS
    assert {tag for _, encoding in SAMPLES for tag in named.findall(encoding)} == RESERVED_TAGS
