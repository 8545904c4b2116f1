"""Outputs as JSON and back: the next step gets what was returned, or the step fails."""

from __future__ import annotations

import dataclasses
import re
import uuid
from collections import Counter, OrderedDict, defaultdict, deque
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Annotated, Any, ForwardRef, Literal, NamedTuple, NotRequired
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    Json,
    PlainSerializer,
    PrivateAttr,
    RootModel,
    SecretStr,
    StringConstraints,
    computed_field,
)
from pydantic.version import version_short
from typing_extensions import TypedDict  # pydantic reads that of typing only from Python 3.12 on

from langgraph_runner.workflow import StepOutputError
from langgraph_runner.workflow.values.output_type import OutputType
from langgraph_runner.workflow.values.round_trip import find_difference

pytestmark = pytest.mark.req("R-1")


@pytest.mark.parametrize(
    ("annotation", "value", "problem"),
    [
        (str, None, "a valid string, not None. Is a `return` missing?"),
        (str, 3, "a valid string, not an int"),
        (
            dict[str, float],
            {"a": float("nan")},
            "a: Input should be a valid number, not None. NaN and infinity bec",
        ),
    ],
)
def test_a_refusal_names_the_returned_type(annotation: Any, value: Any, problem: str) -> None:
    """It does not show the content."""
    with pytest.raises(StepOutputError, match=re.escape(problem)):
        OutputType("s", annotation).dump(value)


class Colour(Enum):
    """An enum with names."""

    RED = "red"


class Level(IntEnum):
    """Equal to a number."""

    LOW = 1


class Word(StrEnum):
    """Equal to a text."""

    YES = "yes"


class Theme(BaseModel):
    """A model."""

    colour: str
    weights: dict[int, float] = {}
    at: datetime | None = None


class Dark(Theme):
    """A subclass with one more field."""

    depth: int = 1


class Renamed(BaseModel):
    """Has an alias, a computed field, and a field with JSON in a text."""

    model_config = ConfigDict(extra="forbid")

    hue: int = Field(alias="Hue")
    raw: Json[list[int]] = Field(default="[1]", validate_default=True)

    @computed_field
    def double(self) -> int:
        """A property, not a field."""
        return 2 * self.hue


class Hidden(BaseModel):
    """Loses a field in JSON."""

    shown: int = 1
    lost: int = Field(default=0, exclude=True)


class Forgetful(BaseModel):
    """Has a private attribute."""

    shown: int = 1
    _memo: int = PrivateAttr(default=0)


class Loose(BaseModel):
    """Accepts any value, and extra fields."""

    model_config = ConfigDict(extra="allow")

    value: Any = None


class Twin(BaseModel):
    """Has the same fields as `Theme`."""

    colour: str


@dataclasses.dataclass
class Price:
    """A dataclass whose float field may hold an int."""

    net: float
    parts: list[Theme] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(eq=False)
class Uncomparable:
    """Equal to itself only."""

    net: int


class Row(TypedDict):
    """A dict with known keys."""

    name: str
    size: NotRequired[int]


class Pair(NamedTuple):
    """A tuple with names."""

    left: int
    right: str


def came_back(annotation: Any, value: Any) -> Any:
    """Return what the next step gets."""
    output = OutputType("step", annotation)
    return output.load(output.dump(value))


GOOD = [
    (Theme, Theme(colour="red", weights={1: 0.5}, at=datetime(2024, 2, 29, 12, tzinfo=UTC))),
    (Renamed, Renamed(Hue=3)),
    (Forgetful, Forgetful(shown=2)),
    (Loose, Loose(value=[1, "a", None], more={"x": 1.5})),
    (Price, Price(1.5, [Theme(colour="red")])),
    (Uncomparable, Uncomparable(1)),
    (Row, {"name": "a"}),
    (Row, {"name": "a", "size": 1}),
    (Pair, Pair(1, "x")),
    (Colour, Colour.RED),
    (Level, Level.LOW),
    (dict[Colour, int], {Colour.RED: 1}),
    (datetime, datetime(2024, 2, 29, 1, 2, 3, 4, tzinfo=UTC).replace(tzinfo=None)),
    (date, date(2024, 2, 29)),
    (timedelta, timedelta(days=-1, microseconds=1)),
    (Decimal, Decimal("1.00")),
    (uuid.UUID, uuid.UUID(int=7)),
    (tuple[int, str], (1, "a")),
    (tuple[int, ...], (1, 2, 3)),
    (set[int], {1, 2}),
    (frozenset[str], frozenset("ab")),
    (Theme | None, None),
    (Theme | None, Theme(colour="red")),
    (int | str, "1"),
    (int | str, 1),
    (list[Theme], [Theme(colour="a"), Theme(colour="b")]),
    (dict[int, Theme], {1: Theme(colour="a")}),
    (dict[str, list[tuple[int, Decimal]]], {"a": [(1, Decimal("0.1"))]}),
    (Literal["a", 1], 1),
    (Annotated[int, Field(gt=0)], 3),
    (bytes, b"text"),
    (None, None),
    (float, -0.0),
    (int, 10**40),
    (str, "\x00 ☃ \U0001f600"),
    (AIMessage, AIMessage("hello", id="1")),
    (list[AnyMessage], [HumanMessage("hi"), AIMessage("hello")]),
    (RootModel[list[int]], RootModel[list[int]]([1])),
    (Any, None),
    (Any, {"a": [1, 1.5, True, None, "x", {}], "": []}),
]


@pytest.mark.parametrize(("annotation", "value"), GOOD, ids=[str(n) for n in range(len(GOOD))])
def test_an_output_comes_back_as_its_declared_type(annotation: Any, value: Any) -> None:
    """It is equal and of the same class, in every part."""
    back = came_back(annotation, value)
    assert type(back) is type(value)
    assert find_difference(value, back) is None


BAD = [
    (int, "1"),
    (int, True),
    (int, 1.0),
    (int, Level.LOW),
    (float, "1.5"),
    (float, True),
    (bool, 1),
    (str, 1),
    (str, Word.YES),
    (float, float("nan")),
    (float, float("inf")),
    (float | None, float("nan")),
    (dict[str, float], {"a": float("nan")}),
    (Price, Price(float("nan"))),
    (Decimal, Decimal("NaN")),
    (Decimal, 1),
    (datetime, "2024-02-29T00:00:00"),
    (Colour, "red"),
    (Theme, {"colour": "red"}),
    (Theme, Dark(colour="red")),
    (Theme, Theme.model_construct(colour=1)),
    (Theme, None),
    (None, 1),
    (Hidden, Hidden(lost=5)),
    (SecretStr, SecretStr("s")),
    (list[int], (1, 2)),
    (tuple[int, ...], [1]),
    (set[int], [1]),
    (dict[str, int], Counter("aab")),
    (dict[str, int], OrderedDict(a=1)),
    (dict[str, int], {1: 1}),
    (Row, {"name": "a", "other": 1}),
    (Row, {}),
    (bytes, b"\xff"),
    (Annotated[str, StringConstraints(strip_whitespace=True)], " a "),
    (dict[str, Any], {"a": (1, 2)}),
    (dict[str, Any], {"a": Theme(colour="red")}),
    (dict[str, Any], {"a": {1: 2}}),
    (dict[str, Any], {"a": b"x"}),
    (dict[str, Any], {"a": datetime(2024, 1, 1, tzinfo=UTC)}),
    (Loose, Loose(value={1, 2})),
    (Loose, Loose(value=Level.LOW)),
    (Theme | Twin, Twin(colour="red")),
    (Any, (1, 2)),
    (Any, [{"a": (1,)}]),
    (Any, {1: "a"}),
    (Any, {"a": {None: 1}}),
    (Any, [{"a": [{True: 1}]}]),
    (Any, {1, 2}),
    (Any, b"x"),
    (Any, float("nan")),
    (Any, [float("-inf")]),
    (Any, Level.LOW),
    (Any, {"a": [Word.YES]}),
    (Any, Colour.RED),
    (Any, Decimal(1)),
    (Any, datetime(2024, 1, 1, tzinfo=UTC)),
    (Any, Theme(colour="red")),
    (Any, object()),
    (Any, "\ud800"),
    (Any, 10**5000),
    (Any, {Word.YES: 1}),
    (Any, Counter("a")),
]


@pytest.mark.parametrize(("annotation", "value"), BAD, ids=[str(n) for n in range(len(BAD))])
def test_a_value_that_json_would_change_is_refused(annotation: Any, value: Any) -> None:
    """The message names the step. The value is never converted, and pydantic does not warn."""
    with pytest.raises(StepOutputError, match="Step 'step': its output") as refused:
        OutputType("step", annotation).dump(value)
    assert refused.value.step == "step"


class Priced(BaseModel):
    """Writes its price as a JSON number."""

    price: Annotated[Decimal, PlainSerializer(float, when_used="json")]


HAS_DEQUES = version_short() >= "2.14"
"""Before, pydantic checked a deque strictly as a list, so a step that returns one fails."""
NAIVE = datetime(2024, 10, 27, 2, 30)  # noqa: DTZ001 - which of two it is, in a zone that nobody names

ANOTHER = [
    (
        datetime,
        NAIVE.replace(fold=1),
        "a datetime comes back as another one (its fold is lost; give it a timezone)",
    ),
    (
        time,
        NAIVE.time().replace(fold=1),
        "a time comes back as another one (its fold is lost; give it a timezone)",
    ),
    (dict[datetime, int], {NAIVE.replace(fold=1): 1}, "its fold is lost"),
    (set[datetime], {NAIVE.replace(fold=1)}, "its fold is lost"),
    (time, time(2, 30, tzinfo=ZoneInfo("Europe/Berlin")), "its timezone, which has no fixed offset, is lost"),
    *(
        [
            (
                deque[int],
                deque([1, 2, 3], maxlen=3),
                "a deque comes back as another one (its maxlen is lost; use a list",
            )
        ]
        if HAS_DEQUES
        else []
    ),
    (
        defaultdict[str, int],
        defaultdict(lambda: 5),
        "(its default_factory is that of the declared type; use this",
    ),
    (defaultdict[str, int], defaultdict(None), "its default_factory is that of the declared type"),
    (Literal[1], True, "a bool comes back as an int"),
    (
        Priced,
        Priced(price=Decimal("1.00")),
        "at price, a Decimal comes back as another one (equal, but not written",
    ),
    (complex, complex(-0.0, 1), "a complex comes back as another one (equal, but not written the same)"),
]


@pytest.mark.parametrize(
    ("annotation", "value", "problem"), ANOTHER, ids=[str(n) for n in range(len(ANOTHER))]
)
def test_an_equal_value_that_differs_for_a_step_is_refused(annotation: Any, value: Any, problem: str) -> None:
    """The two are equal in Python, but a step could distinguish them."""
    with pytest.raises(StepOutputError, match=re.escape(problem)):
        OutputType("step", annotation).dump(value)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (datetime, NAIVE.replace(fold=1, tzinfo=ZoneInfo("Europe/Berlin"))),
        (time, time(2, 30, fold=1, tzinfo=UTC)),
        *([(deque[int], deque([1]))] if HAS_DEQUES else []),
        (defaultdict[str, list[int]], defaultdict(list, a=[1])),
        (OrderedDict[str, int], OrderedDict(b=1, a=2)),
        (Counter[str], Counter({"a": 0, "b": -1})),
        (Priced, Priced(price=Decimal("1.5"))),
    ],
    ids=repr,
)
def test_such_values_come_back_if_json_keeps_the_difference(annotation: Any, value: Any) -> None:
    """With an offset, the fold is not needed; the others have nothing that JSON loses."""
    back = came_back(annotation, value)
    assert find_difference(value, back) is None
    assert not isinstance(value, dict) or [*back] == [*value]


def test_the_refusal_names_the_place_and_the_types() -> None:
    """It also gives the fix."""
    with pytest.raises(StepOutputError) as refused:
        OutputType("step", Any).dump({"a": [1, {"b": (1, 2)}]})
    assert "at a.1.b, a tuple comes back as a list. Declare its type" in str(refused.value)
    with pytest.raises(StepOutputError, match="NaN comes back as None"):
        OutputType("step", float | None).dump(float("nan"))
    with pytest.raises(StepOutputError, match=r"at 0\.lost, an int comes back as another one"):
        OutputType("step", list[Hidden]).dump([Hidden(lost=5)])


def test_the_refusal_does_not_show_the_value() -> None:
    """It goes to the log and the database."""
    with pytest.raises(StepOutputError) as refused:
        OutputType("step", int).dump("hunter2")
    assert "hunter2" not in str(refused.value)


def test_an_int_may_stand_for_a_float() -> None:
    """Type checkers allow it, too. It comes back as a float."""
    back = came_back(Price, Price(3))
    assert (back.net, type(back.net)) == (3.0, float)
    assert type(came_back(dict[str, float], {"a": 2})["a"]) is float


class Text(str):
    """A str subclass with more methods, as LangChain's parsers return it."""

    __slots__ = ()


def test_a_scalar_subclass_comes_back_as_its_base() -> None:
    """The content is the same; the methods of the class are lost. Enums are excluded."""
    for annotation in (Any, str):
        assert type(came_back(annotation, Text("x"))) is str


def test_an_int_that_no_float_equals_is_refused() -> None:
    """It is not rounded."""
    with pytest.raises(StepOutputError):
        OutputType("step", Price).dump(Price(2**53 + 1))


def test_a_zone_comes_back_as_its_offset() -> None:
    """The instant and the clock time are the same; the name of the zone is lost."""
    was = datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin"))
    back = came_back(datetime, was)
    assert (back.utcoffset(), back.replace(tzinfo=None)) == (
        timedelta(hours=1),
        was.replace(tzinfo=None, fold=0),
    )


def test_private_attributes_do_not_count() -> None:
    """They come back with the values of a new model."""
    value = Forgetful()
    value._memo = 5
    assert came_back(Forgetful, value)._memo == 0


def test_a_value_too_deep_for_json_is_refused() -> None:
    """It is refused when it is returned, not when it is read."""
    deep: list[Any] = []
    for _ in range(3000):
        deep = [deep]
    for annotation in (Any, list[Any]):
        with pytest.raises(StepOutputError):
            OutputType("step", annotation).dump(deep)


def test_a_value_that_contains_itself_is_refused() -> None:
    """JSON cannot express it."""
    loop: dict[str, Any] = {}
    loop["loop"] = loop
    for annotation in (Any, dict[str, Any]):
        with pytest.raises(StepOutputError):
            OutputType("step", annotation).dump(loop)


def test_a_returned_coroutine_is_reported() -> None:
    """It is closed, so that Python does not warn."""

    async def late() -> int:
        return 1

    output = OutputType("step", Any)
    with pytest.raises(StepOutputError, match="make it an async function"):
        output.dump(late())


@pytest.mark.parametrize(
    "annotation", [type("Plain", (), {}), "NoSuch", ForwardRef("NoSuch")], ids=["class", "text", "list"]
)
def test_a_type_without_json_is_refused_at_once(annotation: Any) -> None:
    """No step has run then."""
    with pytest.raises(StepOutputError, match="cannot be stored as JSON"):
        OutputType("step", annotation)


def test_stored_data_of_another_type_is_refused() -> None:
    """The message asks to change the version."""
    for annotation, data in ((Theme, b'{"hue": 1}'), (int, b'"x"'), (Any, b"{")):
        with pytest.raises(StepOutputError, match="change its version"):
            OutputType("step", annotation).load(data)


def test_each_load_returns_a_new_value() -> None:
    """A step may change its argument without effect on the next."""
    output = OutputType("step", list[Theme])
    data = output.dump([Theme(colour="red")])
    output.load(data)[0].colour = "blue"
    assert output.load(data)[0].colour == "red"


def test_the_member_order_of_a_union_is_respected() -> None:
    """Equal unions with another order read JSON differently."""
    assert type(came_back(Theme | Twin, Theme(colour="red"))) is Theme
    assert type(came_back(Twin | Theme, Twin(colour="red"))) is Twin


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
any_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary(max_size=4)
    | st.sampled_from([Level.LOW, Word.YES, Colour.RED, Theme(colour="x"), Decimal("1.0"), date(2024, 1, 1)]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=2) | st.integers() | st.none(), inner, max_size=3)
        | st.builds(lambda each: Loose(value=each), inner)
    ),
    max_leaves=8,
)


@given(json_values)
def test_every_json_value_comes_back(value: Any) -> None:
    """This holds with and without a declared type."""
    assert repr(came_back(Any, value)) == repr(value)
    assert repr(came_back(Loose, Loose(value=value)).value) == repr(value)


@given(
    any_values, st.sampled_from([Any, list[Any], dict[str, Any], Loose, float, int | str, tuple[Any, ...]])
)
def test_any_value_comes_back_or_is_refused(value: Any, annotation: Any) -> None:
    """There is no third outcome."""
    try:
        back = came_back(annotation, value)
    except StepOutputError:
        return
    if annotation is float and type(value) is int:
        assert back == value
    else:
        assert repr(back) == repr(value)
