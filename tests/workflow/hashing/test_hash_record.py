"""The hash of a dict of hashes whose keys are known in advance."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_runner.workflow.hashing import content_hash
from langgraph_runner.workflow.hashing.canonical import HashRecord

hashes = st.none() | st.binary().map(lambda data: hashlib.sha256(data).hexdigest())
texts = st.text(st.characters(exclude_categories=["Cs"]))
names = texts.map("k:{}".format)


@given(st.dictionaries(texts.map("fixed:{}".format), texts), st.dictionaries(names, hashes))
def test_it_computes_the_content_hash_of_the_dict(fixed, given_hashes):
    """The keys and the fixed values may be any texts."""
    record = HashRecord(fixed, given_hashes)
    assert record.hash_of(given_hashes) == content_hash({**fixed, **given_hashes})


def test_a_key_that_would_be_a_tag_is_refused():
    """Such a dict has another encoding."""
    with pytest.raises(ValueError, match=r"\$"):
        HashRecord({}, ["$set"])
