"""The bytes follow RFC 8785, whichever encoder wrote them."""

from __future__ import annotations

import json
import struct
from decimal import Decimal
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from langgraph_runner.workflow.hashing import UnhashableInputError, canonical_json
from langgraph_runner.workflow.hashing.canonical import _encode_iteratively, _encode_plain

SAFE = st.integers(-(2**53) + 1, 2**53 - 1)
TEXT = st.text(max_size=6) | st.sampled_from(["$int", "\ufb33", "\U0001f600", "\x7f", "\u2028", '"\\/\b'])
JSON = st.recursive(
    st.none() | st.booleans() | SAFE | TEXT,
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(TEXT, inner, max_size=20),
    max_leaves=60,
)
KEY = st.none() | st.booleans() | st.integers() | TEXT | st.floats(allow_nan=False, allow_infinity=False)
ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | KEY
    | st.binary(max_size=4)
    | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=20)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(KEY, inner, max_size=20)
        | st.sets(KEY, max_size=4)
        | st.frozensets(KEY, max_size=4)
    ),
    max_leaves=40,
)
SORTED = {
    "\u20ac": "Euro Sign",
    "\r": "Carriage Return",
    "\ufb33": "Hebrew Letter Dalet With Dagesh",
    "1": "One",
    "\U0001f600": "Emoji: Grinning Face",
    "\u0080": "Control",
    "\u00f6": "Latin Small Letter O With Diaeresis",
}
# RFC 8785, appendix B: the bits of a double, and how ECMAScript writes it.
NUMBERS = [
    ("0000000000000001", "5e-324"),
    ("8000000000000001", "-5e-324"),
    ("7fefffffffffffff", "1.7976931348623157e+308"),
    ("ffefffffffffffff", "-1.7976931348623157e+308"),
    ("4340000000000000", "9007199254740992"),
    ("c340000000000000", "-9007199254740992"),
    ("4430000000000000", "295147905179352830000"),
    ("44b52d02c7e14af5", "9.999999999999997e+22"),
    ("44b52d02c7e14af6", "1e+23"),
    ("44b52d02c7e14af7", "1.0000000000000001e+23"),
    ("444b1ae4d6e2ef4e", "999999999999999700000"),
    ("444b1ae4d6e2ef4f", "999999999999999900000"),
    ("444b1ae4d6e2ef50", "1e+21"),
    ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
    ("3eb0c6f7a0b5ed8d", "0.000001"),
    ("41b3de4355555553", "333333333.3333332"),
    ("41b3de4355555554", "333333333.33333325"),
    ("41b3de4355555555", "333333333.3333333"),
    ("41b3de4355555556", "333333333.3333334"),
    ("41b3de4355555557", "333333333.33333343"),
    ("becbf647612f3696", "-0.0000033333333333333333"),
    ("43143ff3c1cb0959", "1424953923781206.2"),
]


@pytest.mark.req("R-4")
def test_keys_have_the_order_of_the_example_in_the_standard() -> None:
    """They are sorted by UTF-16 units, so the emoji comes before the Hebrew letter."""
    found = json.loads(canonical_json(SORTED))
    assert list(found) == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]
    assert canonical_json(SORTED) == rfc8785.dumps(SORTED)


@pytest.mark.req("R-4")
def test_texts_are_escaped_as_in_the_example_in_the_standard() -> None:
    """Only quotes, backslashes and control characters are escaped, with the short form if there is one."""
    text = "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/"
    assert canonical_json([text]).decode() == r"""["€$\u000f\nA'B\"\\\\\"/"]"""


@pytest.mark.req("R-4")
@pytest.mark.parametrize(("bits", "text"), NUMBERS)
def test_floats_have_the_digits_of_the_table_in_the_standard(bits: str, text: str) -> None:
    """They are the shortest digits that read back, in Python's notation and under a tag."""
    value = struct.unpack(">d", bytes.fromhex(bits))[0]
    shown = json.loads(canonical_json(value))["$float"]
    assert Decimal(shown) == Decimal(text)
    assert struct.pack(">d", float(shown)).hex() == bits


@pytest.mark.req("R-4")
@pytest.mark.parametrize("bits", ["7fffffffffffffff", "7ff0000000000000", "fff0000000000000"])
def test_nan_and_infinities_are_refused_as_in_the_standard(bits: str) -> None:
    """The table in the standard lists them as errors."""
    with pytest.raises(UnhashableInputError):
        canonical_json(struct.unpack(">d", bytes.fromhex(bits))[0])


@pytest.mark.req("R-4")
@given(JSON)
def test_json_values_are_written_as_by_the_rfc8785_library(value: Any) -> None:
    """All three encoders agree, byte for byte, if no key begins with a `$`."""
    plain = _encode_plain(value, 50) if isinstance(value, dict | list) else None
    if plain is not None:
        assert plain.encode() == rfc8785.dumps(value)
    encoding = canonical_json(value)
    if b'{"$dict":[' not in encoding:
        assert encoding == rfc8785.dumps(value)


@pytest.mark.req("R-4")
@given(ANY)
def test_every_encoding_is_canonical_json(value: Any) -> None:
    """The rfc8785 library reads it and writes the same bytes."""
    encoding = canonical_json(value)
    assert rfc8785.dumps(json.loads(encoding)) == encoding


@pytest.mark.req("R-4")
@given(ANY)
def test_both_encoders_agree(value: Any) -> None:
    """Otherwise a value would change its hash when it is nested more deeply."""
    assert _encode_iteratively(value).encode() == canonical_json(value)


@pytest.mark.parametrize(
    "value",
    [{"é": 1}, {"$": 1}, {1: 1}, [1.0], [(1,)], [2**53], [-(2**53)], ["\ud800"], [[[1]]], [b""]],
    ids=str,
)
def test_values_that_may_need_a_tag_are_not_plain(value: Any) -> None:
    """Neither are keys that the json module sorts differently. The test looks at two levels."""
    assert _encode_plain(value, 2) is None


@pytest.mark.parametrize("value", [{}, [], {"a": [1, True, None, "é"]}, [[2**53 - 1], {"x": {}}]], ids=str)
def test_plain_trees_are_recognised(value: Any) -> None:
    """This ensures that the test above does not pass because no value is plain."""
    assert _encode_plain(value, 4) == rfc8785.dumps(value).decode()
