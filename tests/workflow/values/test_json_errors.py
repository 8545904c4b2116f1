"""The message about a value that cannot be stored names its place and its type, never its content."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import Base64Bytes, BaseModel, ConfigDict, field_serializer

from langgraph_runner.workflow import ChangeRequest, ChangeRequestError, StepOutputError, Workflow
from langgraph_runner.workflow.changes import impact_of
from langgraph_runner.workflow.values.input_type import InputType
from langgraph_runner.workflow.values.output_type import OutputType

if TYPE_CHECKING:
    from decimal import Decimal as Money

pytestmark = pytest.mark.req("R-1")


class Mode(Enum):
    """No JSON value."""

    RED = "red"


@dataclasses.dataclass
class Price:
    """A dataclass, whose instances pydantic does not validate again."""

    net: float
    sizes: list[int] = dataclasses.field(default_factory=list)


class Cart(BaseModel):
    """Accepts extra fields."""

    model_config = ConfigDict(extra="allow")

    prices: dict[str, Price] = {}
    note: Any = None


class Image(BaseModel):
    """Accepts any bytes."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    png: bytes


class Encoded(BaseModel):
    """Stores its bytes as base64."""

    png: Base64Bytes


class Stars(BaseModel):
    """Has its own serializer."""

    count: Any
    other: Any = None

    @field_serializer("count")
    def _as_text(self, count: object) -> str:
        return "*"


@dataclasses.dataclass
class Foreign:
    """Its type exists for type checkers only."""

    money: Money


def refusal(annotation: Any, value: Any) -> str:
    """Return the problem of a step that returns `value`."""
    with pytest.raises(StepOutputError) as refused:
        OutputType("step", annotation).dump(value)
    return refused.value.problem


UNDECLARED = [
    ({"prices": [{"tea": Decimal(1)}]}, "at prices.0.tea, a Decimal "),
    ({"a": [{}, object()]}, "at a.1, an object "),
    ([datetime(2024, 1, 1, tzinfo=UTC)], "at 0, a datetime "),
    ({"a": {"b": Mode.RED}}, "at a.b, a Mode "),
    ({"a": (1, float("nan"))}, "at a.1, NaN "),
    ([float("inf")], "at 0, a float "),
    ({"a": {(1, 2): 3}}, "at a, a dict (keys must be "),
    ({"a": ["\ud800"]}, "at a.0, a str "),
    ({"a": 10**5000}, "at a, an int "),
    ({"a": Cart()}, "at a, a Cart "),
    (object(), "as JSON: an object "),
]


@pytest.mark.parametrize(("value", "place"), UNDECLARED, ids=[str(n) for n in range(len(UNDECLARED))])
def test_the_place_is_named_without_a_declared_type(value: Any, place: str) -> None:
    """The message also gives the fix."""
    problem = refusal(Any, value)
    assert place in problem
    assert "Declare its type" in problem


DECLARED = [
    (dict[str, Any], {"a": [1, object()]}, "at a.1, an object "),
    (list[set[Any]], [{object()}], "at 0.*, an object "),
    (Cart, Cart(note={"a": len}), "at note.a, a builtin_function_or_method "),
    (Cart, Cart.model_validate({"more": [object()]}), "at more.0, an object "),
    (list[str], ["\ud800"], "at 0, a str "),
    (Stars, Stars(count=object(), other=object()), "at other, an object "),
    (dict[str, Any], {"a": Foreign(object())}, "at a.money, an object "),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(
    ("annotation", "value", "place"), DECLARED, ids=[str(n) for n in range(len(DECLARED))]
)
def test_the_place_is_named_with_a_declared_type(annotation: Any, value: Any, place: str) -> None:
    """The message also gives the fix."""
    problem = refusal(annotation, value)
    assert place in problem
    assert "Declare precisely" in problem


WRONG: Any = "hunter2"
WRONG_FIELDS = [
    (dict[str, Price], {"tea": Price(WRONG)}, "tea.net: Input should be a valid number, not a str."),
    (
        dict[str, Price],
        {"tea": Price(1, [WRONG])},
        "tea.sizes.0: Input should be a valid integer, not a str.",
    ),
    (Cart, Cart(prices={"tea": Price(WRONG)}), "prices.tea.net: Input should be a valid number, not a str."),
    (list[Cart], [Cart.model_construct(prices=WRONG)], "0.prices: Input should be a valid dictionary, not a"),
]


@pytest.mark.parametrize(
    ("annotation", "value", "words"), WRONG_FIELDS, ids=[str(n) for n in range(len(WRONG_FIELDS))]
)
def test_a_wrong_field_is_reported_on_one_line(annotation: Any, value: Any, words: str) -> None:
    """The message has its place and the expected type. It has no value, which may be secret."""
    problem = refusal(annotation, value)
    assert f"its output cannot be stored as JSON: {words} " in problem
    assert "\n" not in problem
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    ("annotation", "value", "place"),
    [
        (bytes, b"\xff", ""),
        (dict[str, bytes], {"a": b"\xff"}, "at a, "),
        (tuple[Image, list[bytes]], (Image(png=b"\xff"), [b"ok", b"\xff"]), "at 1.1, "),
        (Any, {"a": b"\xff"}, "at a, "),
    ],
    ids=["whole", "part", "beside bytes that are kept", "undeclared"],
)
def test_bytes_that_are_not_text_are_refused_with_a_fix(annotation: Any, value: Any, place: str) -> None:
    """This holds for any declared type around them."""
    problem = refusal(annotation, value)
    assert f"as JSON: {place}a bytes " in problem
    assert "ctx.save_artifact()" in problem
    assert "ser_json_bytes='base64'" in problem


@pytest.mark.parametrize("image", [Image(png=b"\xff\x00"), Encoded(png=b"/wA=")], ids=["raw", "encoded"])
def test_a_model_may_store_any_bytes(image: Image | Encoded) -> None:
    """This is the fix that the message gives."""
    output = OutputType("step", type(image))
    assert output.load(output.dump(image)).png == b"\xff\x00"


@pytest.mark.parametrize("annotation", [Any, dict[str, Any]])
def test_a_value_that_contains_itself_is_named_once(annotation: Any) -> None:
    """The path ends where the cycle closes."""
    loop: dict[str, Any] = {}
    loop["a"] = [loop]
    assert "at a.0, a dict " in refusal(annotation, loop)


@pytest.mark.parametrize("annotation", [Any, list[Any]])
def test_the_place_in_a_value_too_deep_stays_readable(annotation: Any) -> None:
    """The path is cut."""
    deep: list[Any] = []
    for _ in range(3000):
        deep = [deep]
    assert len(refusal(annotation, deep)) < 400


def test_the_place_in_inputs_is_named() -> None:
    """The message is like that for outputs."""
    with pytest.raises(ValueError, match=r"they cannot be stored as JSON: at a\.0, an object "):
        InputType("w", None).check({"a": [object()]})
    with pytest.raises(
        ValueError, match=r"as JSON: prices\.tea\.net: Input should be a valid number, not a str\.$"
    ):
        InputType("w", Cart).check(Cart(prices={"tea": Price("x")}))  # type: ignore[arg-type]


def test_the_place_in_a_payload_is_named() -> None:
    """The message is like that for outputs."""
    flow = Workflow("w")
    flow.step(lambda: 1, id="a")
    flow.on_change("x")
    with pytest.raises(ChangeRequestError, match=r"the payload is not JSON: at a\.0, a Decimal "):
        impact_of(flow.blueprint(), ChangeRequest("x", {"a": [Decimal(1)]}), b"{}")


def test_a_wrong_field_whose_type_cannot_be_read_is_named() -> None:
    """Local names in an annotation cannot be resolved later."""

    class Size(BaseModel):
        width: int

    class Box(BaseModel):
        size: Size

    problem = refusal(list[Box], [Box.model_construct(size=3)])  # type: ignore[arg-type]
    assert "as JSON: at 0.size, an int is not of the declared type. " in problem


class Untold:
    """A key whose `str()` raises."""

    def __str__(self):
        raise RuntimeError

    __repr__ = __str__


def test_a_value_whose_parts_raise_is_refused_all_the_same():
    """The search for the bad part must not raise another error."""
    with pytest.raises(StepOutputError, match="cannot be stored as JSON"):
        OutputType("s", Any).dump({Untold(): object()})
