"""Values of every kind that can be hashed, each with its encoding, all different."""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
from collections import ChainMap, Counter, OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum, IntEnum, IntFlag, StrEnum
from fractions import Fraction
from functools import cached_property
from pathlib import PurePosixPath, PureWindowsPath
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from langchain_core.documents import Document
from langchain_core.messages import AIMessage, HumanMessage
from pydantic import AnyUrl, BaseModel, ConfigDict, HttpUrl, PrivateAttr, SecretBytes, SecretStr, TypeAdapter

HERE = "tests.workflow.hashing.samples"


class Mode(Enum):
    """Members whose values encode alike."""

    RED = 1
    BLUE = "1"


class Level(IntEnum):
    """Equal to a number."""

    LOW = 1


class Tone(StrEnum):
    """Equal to a text."""

    WARM = "warm"


class Access(IntFlag):
    """Its members combine."""

    READ = 1
    WRITE = 2


class Theme(BaseModel):
    """With a private attribute and a cached property."""

    name: str
    size: int = 1
    _cache: dict[str, int] = PrivateAttr(default_factory=dict)

    @cached_property
    def shout(self) -> str:
        """A cached property, which is stored next to the fields."""
        return self.name.upper()


class Palette(Theme):
    """The same fields as `Theme`, another class."""


class Open(BaseModel):
    """Accepts extra fields."""

    model_config = ConfigDict(extra="allow")
    name: str = ""


@dataclass
class Point:
    """One of its fields is ignored by `==`."""

    x: int
    y: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Slotted:
    """Without a `__dict__`."""

    x: int


class Pair(NamedTuple):
    """Equal to a tuple."""

    left: int
    right: int


Couple = namedtuple("Couple", "left right")  # noqa: PYI024 - the older way makes the same


class Attribute:
    """A field as attrs describes it."""

    def __init__(self, name: str) -> None:
        self.name = name


class Measured:
    """A class as attrs makes it."""

    __attrs_attrs__ = (Attribute("length"),)

    def __init__(self, length: int) -> None:
        self.length = length


class Text(str):  # noqa: SLOT000 - it is to have a __dict__
    """A subclass that may have attributes."""


class Number(int):
    """A subclass that may have attributes."""

    __slots__ = ()


class Real(float):
    """Equal to a number."""

    __slots__ = ()


class Items(list[Any]):
    """Equal to a list."""


class Table(dict[str, Any]):
    """Equal to a dict."""


class Bag(set[int]):
    """Equal to a set."""


BERLIN = ZoneInfo("Europe/Berlin")
NOON = dt.datetime(2024, 2, 29, 12, 0, tzinfo=dt.UTC)


def text_with(attribute: Any) -> Text:
    """Return a text with an attribute."""
    value = Text("a")
    value.note = attribute  # type: ignore[attr-defined]
    return value


SAMPLES: list[tuple[Any, str]] = [
    (None, "null"),
    (True, "true"),
    (False, "false"),
    (0, "0"),
    (1, "1"),
    (-1, "-1"),
    (2**53 - 1, "9007199254740991"),
    (-(2**53) + 1, "-9007199254740991"),
    (2**53, '{"$int":"0x20000000000000"}'),
    (-(2**53), '{"$int":"-0x20000000000000"}'),
    (1.0, '{"$float":"1.0"}'),
    (0.0, '{"$float":"0.0"}'),
    (-0.0, '{"$float":"-0.0"}'),
    (0.1, '{"$float":"0.1"}'),
    (1e22, '{"$float":"1e+22"}'),
    (5e-324, '{"$float":"5e-324"}'),
    (1 + 2j, '{"$complex":["1.0","2.0"]}'),
    (complex(1, -0.0), '{"$complex":["1.0","-0.0"]}'),
    (Decimal("1.0"), '{"$decimal":"1.0"}'),
    (Decimal("1.00"), '{"$decimal":"1.00"}'),
    (Decimal("-0"), '{"$decimal":"-0"}'),
    (Decimal("1E+3"), '{"$decimal":"1E+3"}'),
    (Fraction(1, 3), '{"$fraction":[1,3]}'),
    ("", '""'),
    ("1", '"1"'),
    ("é\u2028😀\x7f", '"é\u2028😀\x7f"'),
    ('"\\\n\x01/', '"\\"\\\\\\n\\u0001/"'),
    (b"", '{"$bytes":""}'),
    (b"a", '{"$bytes":"YQ=="}'),
    (bytearray(b"a"), '{"$bytearray":"YQ=="}'),
    ([], "[]"),
    ([1, [2]], "[1,[2]]"),
    ((), '{"$tuple":[]}'),
    ((1, [2]), '{"$tuple":[1,[2]]}'),
    (set(), '{"$set":[]}'),
    ({3, 20, 1}, '{"$set":[1,20,3]}'),
    (frozenset({"b", "a"}), '{"$frozenset":["a","b"]}'),
    (deque([1]), '{"$deque":[[1],null]}'),
    (deque([1], 5), '{"$deque":[[1],5]}'),
    (range(3), '{"$range":[0,3,1]}'),
    ({}, "{}"),
    ({"b": 1, "a": [None]}, '{"a":[null],"b":1}'),
    ({"$int": "5"}, '{"$dict":[["$int","5"]]}'),
    ({"$dict": [["$int", "5"]]}, '{"$dict":[["$dict",[["$int","5"]]]]}'),
    ({"a$": 1}, '{"a$":1}'),
    ({1: "a"}, '{"$dict":[[1,"a"]]}'),
    ({(1, 2): 3, None: 4, "x": 5}, '{"$dict":[["x",5],[null,4],[{"$tuple":[1,2]},3]]}'),
    (OrderedDict(b=1, a=2), '{"$ordereddict":[["b",1],["a",2]]}'),
    (OrderedDict(a=2, b=1), '{"$ordereddict":[["a",2],["b",1]]}'),
    (defaultdict(None, a=1), '{"$defaultdict":[null,{"a":1}]}'),
    (defaultdict(int, a=1), '{"$defaultdict":[["builtins","int"],{"a":1}]}'),
    (Counter("a"), '{"$subclass":["collections","Counter",null,{"a":1}]}'),
    (MappingProxyType({"a": 1}), '{"$mapping":["builtins","mappingproxy",{"a":1}]}'),
    (ChainMap({"a": 1}, {"b": 2}), '{"$mapping":["collections","ChainMap",{"a":1,"b":2}]}'),
    (dt.date(2024, 2, 29), '{"$date":"2024-02-29"}'),
    (dt.datetime(2024, 2, 29, 12, 0), '{"$datetime":["2024-02-29T12:00:00",0,null]}'),  # noqa: DTZ001 - naive
    (NOON, '{"$datetime":["2024-02-29T12:00:00+00:00",0,{"$offset":[0,"UTC"]}]}'),
    (
        NOON.astimezone(dt.timezone(dt.timedelta(hours=1))),
        '{"$datetime":["2024-02-29T13:00:00+01:00",0,{"$offset":[3600000000,"UTC+01:00"]}]}',
    ),
    (
        NOON.astimezone(dt.timezone(dt.timedelta(hours=1), "CET")),
        '{"$datetime":["2024-02-29T13:00:00+01:00",0,{"$offset":[3600000000,"CET"]}]}',
    ),
    (
        NOON.astimezone(BERLIN),
        '{"$datetime":["2024-02-29T13:00:00+01:00",0,{"$zone":"Europe/Berlin"}]}',
    ),
    (
        dt.datetime(2024, 2, 29, 13, 0, tzinfo=BERLIN, fold=1),
        '{"$datetime":["2024-02-29T13:00:00+01:00",1,{"$zone":"Europe/Berlin"}]}',
    ),
    (
        TypeAdapter(dt.datetime).validate_python("2024-02-29T13:00:00+01:00"),
        '{"$datetime":["2024-02-29T13:00:00+01:00",0,{"$offset":[3600000000,"+01:00"]}]}',
    ),
    (dt.time(1, 2, 3, 4), '{"$time":["01:02:03.000004",0,null]}'),
    (dt.timedelta(days=-1, microseconds=1), '{"$timedelta":[-1,0,1]}'),
    (BERLIN, '{"$zone":"Europe/Berlin"}'),
    (dt.UTC, '{"$offset":[0,"UTC"]}'),
    (UUID(int=5), '{"$uuid":"00000000-0000-0000-0000-000000000005"}'),
    (ipaddress.ip_address("10.0.0.1"), '{"$ip":["IPv4Address","10.0.0.1"]}'),
    (ipaddress.ip_network("10.0.0.0/8"), '{"$ip":["IPv4Network","10.0.0.0/8"]}'),
    (ipaddress.ip_address("::1%eth0"), '{"$ip":["IPv6Address","::1%eth0"]}'),
    (PurePosixPath("a/b"), '{"$path":["PurePosixPath","a/b"]}'),
    (PureWindowsPath("a/b"), '{"$path":["PureWindowsPath","a\\\\b"]}'),
    (re.compile("a"), '{"$pattern":["a",32]}'),
    (re.compile("a", re.IGNORECASE), '{"$pattern":["a",34]}'),
    (re.compile(b"a"), '{"$pattern":[{"$bytes":"YQ=="},0]}'),
    (
        SecretStr("pw"),
        (
            '{"$secret":["pydantic.types","SecretStr",'
            '"49cff356a0dadb2dd1f1d2ead6b836b17b5d98743fa1661bb20f0610038ba40e"]}'
        ),
    ),
    (
        SecretBytes(b"pw"),
        (
            '{"$secret":["pydantic.types","SecretBytes",'
            '"59d4311e3c31e8dc2af68eeacfa46caaba660971e12fdf4a7967892dee77d63e"]}'
        ),
    ),
    (AnyUrl("http://a.b/c"), '{"$url":["pydantic.networks","AnyUrl","http://a.b/c"]}'),
    (HttpUrl("http://a.b/c"), '{"$url":["pydantic.networks","HttpUrl","http://a.b/c"]}'),
    (Mode.RED, f'{{"$enum":["{HERE}","Mode","RED",1]}}'),
    (Mode.BLUE, f'{{"$enum":["{HERE}","Mode","BLUE","1"]}}'),
    (Level.LOW, f'{{"$enum":["{HERE}","Level","LOW",1]}}'),
    (Tone.WARM, f'{{"$enum":["{HERE}","Tone","WARM","warm"]}}'),
    (Access.READ | Access.WRITE, f'{{"$enum":["{HERE}","Access",null,3]}}'),
    (Theme(name="a"), f'{{"$model":["{HERE}","Theme",{{"name":"a","size":1}},null]}}'),
    (Palette(name="a"), f'{{"$model":["{HERE}","Palette",{{"name":"a","size":1}},null]}}'),
    (Open(name="a"), f'{{"$model":["{HERE}","Open",{{"name":"a"}},null]}}'),
    (Open(b=[1]), f'{{"$model":["{HERE}","Open",{{"name":""}},{{"b":[1]}}]}}'),  # type: ignore[call-arg]
    (Point(1), f'{{"$dataclass":["{HERE}","Point",{{"x":1,"y":0}}]}}'),
    (Point(1, 2), f'{{"$dataclass":["{HERE}","Point",{{"x":1,"y":2}}]}}'),
    (Slotted(1), f'{{"$dataclass":["{HERE}","Slotted",{{"x":1}}]}}'),
    (Pair(1, 2), f'{{"$namedtuple":["{HERE}","Pair",null,{{"left":1,"right":2}}]}}'),
    (Couple(1, 2), f'{{"$namedtuple":["{HERE}","Couple",null,{{"left":1,"right":2}}]}}'),
    (Measured(1), f'{{"$attrs":["{HERE}","Measured",{{"length":1}}]}}'),
    (Text("a"), f'{{"$subclass":["{HERE}","Text",null,"a"]}}'),
    (text_with(1), f'{{"$subclass":["{HERE}","Text",{{"note":1}},"a"]}}'),
    (Number(1), f'{{"$subclass":["{HERE}","Number",null,1]}}'),
    (Real(1), f'{{"$subclass":["{HERE}","Real",null,{{"$float":"1.0"}}]}}'),
    (Items([1]), f'{{"$subclass":["{HERE}","Items",null,[1]]}}'),
    (Table(a=1), f'{{"$subclass":["{HERE}","Table",null,{{"a":1}}]}}'),
    (Bag([1]), f'{{"$subclass":["{HERE}","Bag",null,{{"$set":[1]}}]}}'),
]

MESSAGES: list[Any] = [
    HumanMessage("hi"),
    AIMessage("hi"),
    AIMessage("hi", tool_calls=[{"name": "f", "args": {"a": 1}, "id": "1"}]),
    HumanMessage("hi", id="1"),
    Document("hi"),
    Document("hi", metadata={"source": "a"}),
]
