"""Copies of the state: containers are copied at every depth, other objects are shared."""

import asyncio
import time
from collections import OrderedDict, defaultdict, deque
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.graph import START, StateGraph
from pydantic import BaseModel, ConfigDict, PrivateAttr

from langgraph_runner import GraphState, RetryConfig, create_node
from langgraph_runner.node.langgraph.isolation import MAX_CONTAINERS, MAX_ELEMENTS, isolated

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=20,
)


@pytest.mark.no_cover
@pytest.mark.req("N-5")
@given(st.dictionaries(st.text(), JSON))
def test_a_copy_is_equal(state):
    """With containers of any type."""
    assert isolated(state) == state


@pytest.mark.req("N-5")
@pytest.mark.parametrize("make", [list, tuple, lambda x: {"k": x}], ids=["list", "tuple", "dict"])
def test_containers_are_copied_at_every_depth(make):
    """A change at the bottom of the copy does not reach the original."""
    bottom = []
    state = {"a": make([[bottom]]) if make is not list else [[bottom]]}
    copied = isolated(state)
    inner = copied["a"]
    while not (isinstance(inner, list) and inner == []):
        inner = next(iter(inner.values())) if isinstance(inner, dict) else inner[0]
    inner.append("dirt")
    assert bottom == []


@pytest.mark.req("N-5")
def test_other_objects_are_shared():
    """Such as messages, models and connections, because copies could be expensive."""
    thing = object()
    assert isolated({"a": [thing], "s": {1}})["a"][0] is thing


@pytest.mark.req("N-5")
def test_sets_are_copied():
    """Their members are hashable, so they are not changed."""
    state = {"s": {1, 2}}
    isolated(state)["s"].add(3)
    assert state["s"] == {1, 2}


@pytest.mark.req("N-5")
def test_cycles_and_shared_parts_keep_their_shape():
    """The copy ends, and one shared list stays one list."""
    shared = [1]
    cycle: list = [shared]
    cycle.append(cycle)
    copied = isolated({"c": cycle})["c"]
    assert copied[1] is copied
    assert copied is not cycle
    pair = isolated({"p": [shared, shared]})["p"]
    assert pair[0] is pair[1]


@pytest.mark.req("N-5")
def test_very_deep_states_are_shared_at_the_bottom_and_harm_nothing():
    """10,000 levels cause no recursion error."""
    state: dict = {}
    inner = state
    for _ in range(10_000):
        inner["k"] = {}
        inner = inner["k"]
    assert isolated(state) is not state


class Model(BaseModel):
    """A pydantic state."""

    model_config = ConfigDict(frozen=True)

    items: list[int]


@dataclass
class Data:
    """A dataclass state."""

    items: list[int] = field(default_factory=list)


@pytest.mark.req("N-5")
@pytest.mark.parametrize("state", [Model(items=[1]), Data(items=[1])], ids=["pydantic", "dataclass"])
def test_the_attributes_of_a_state_object_are_copied(state):
    """The object keeps its class."""
    copied = isolated(state)
    copied.items.append(2)
    assert type(copied) is type(state)
    assert state.items == [1]


class Refuses:
    """An object that cannot be copied."""

    def __copy__(self):
        """Raise an error."""
        raise TypeError


@pytest.mark.req("N-5")
def test_what_cannot_be_copied_is_shared():
    """As in LangGraph."""
    state = Refuses()
    assert isolated(state) is state
    assert isolated(5) == 5
    assert isolated([1]) == [1]


@dataclass(frozen=True, slots=True)
class Slotted:
    """A state without a `__dict__`."""

    items: list[int]


@pytest.mark.req("N-5")
@pytest.mark.parametrize(
    "make", [lambda x: defaultdict(list, a=x), lambda x: OrderedDict(a=x), lambda x: deque([x])]
)
def test_subclasses_and_deques_are_copied_as_what_they_are(make):
    """They keep their type."""
    bottom = [1]
    state = {"v": make(bottom)}
    copied = isolated(state)["v"]
    assert type(copied) is type(state["v"])
    (copied["a"] if isinstance(copied, dict) else copied[0]).append(2)
    assert bottom == [1]


@pytest.mark.req("N-5")
def test_slotted_and_frozen_dataclasses_are_copied():
    """Their fields are copied like the items of a dict."""
    state = Slotted([1])
    isolated(state).items.append(2)
    assert state.items == [1]


@pytest.mark.req("N-5")
def test_a_huge_state_costs_no_more_than_the_limit():
    """Containers beyond the limit are shared."""
    state = {"v": [[i] for i in range(MAX_CONTAINERS + 100)]}
    copied = isolated(state)["v"]
    assert copied == state["v"]
    assert copied[0] is not state["v"][0]
    assert copied[-1] is state["v"][-1]


@pytest.mark.req("N-5")
def test_the_graphs_own_state_is_safe_from_the_first_attempt_too(mode):
    """The node must not change them, because channels share their values with the nodes."""
    state = {"items": []}

    def spoil(s):
        s["items"].append("dirt")
        raise KeyError

    mode.call(create_node(mode.function(spoil), retry=2), state)
    assert state == {"items": []}


class Pair(NamedTuple):
    """A named tuple that holds a list."""

    items: list[int]
    other: int = 0


@pytest.mark.req("N-5")
def test_named_tuples_keep_their_kind():
    """Their lists are copied."""
    state = {"pair": Pair([1])}
    copied = isolated(state)["pair"]
    copied.items.append(2)
    assert type(copied) is Pair
    assert state["pair"].items == [1]


@pytest.mark.req("N-5")
def test_tuples_share_and_count_like_other_containers():
    """Otherwise nested pairs of the same tuple would double at every level."""
    tower: tuple = ([1],)
    for _ in range(60):
        tower = (tower, tower)
    copied = isolated({"v": tower})["v"]
    assert copied[0] is copied[1]
    assert copied[0] is not tower[0]


LEFT_BEHIND: ContextVar[str] = ContextVar("left_behind", default="nothing")


@pytest.mark.req("N-5", "N-25")
@pytest.mark.parametrize("limits", [{}, {"timeout_ms": 5_000}], ids=["here", "limited"])
def test_context_variables_of_an_attempt_stay_with_it(mode, fake, limits):
    """The next attempt, the fallback and the caller do not see them."""
    seen = []

    def fail(state):
        seen.append(LEFT_BEHIND.get())
        LEFT_BEHIND.set("dirt")
        raise ConnectionError

    def fallback(state):
        seen.append(LEFT_BEHIND.get())
        return {}

    node = create_node(mode.function(fail), retry=3, fallback=mode.function(fallback), runtime=fake, **limits)

    def call_and_look():
        mode.call(node, {})
        return LEFT_BEHIND.get()

    assert call_and_look() == "nothing"
    assert seen == ["nothing"] * 4


@pytest.mark.req("N-5")
def test_context_variables_of_an_attempt_stay_with_it_in_a_graph(mode):
    """The next attempt, the next node and the caller of the graph do not see them."""
    seen = []

    def fail_once(state):
        seen.append(LEFT_BEHIND.get())
        LEFT_BEHIND.set("dirt")
        if len(seen) == 1:
            raise ConnectionError
        return {}

    def look(state):
        seen.append(LEFT_BEHIND.get())
        return {}

    graph = StateGraph(GraphState)
    graph.add_node("fails", create_node(mode.function(fail_once), retry=RetryConfig(backoff_ms=0)))
    graph.add_node("looks", create_node(mode.function(look), retry=3))
    graph.add_edge(START, "fails")
    graph.add_edge("fails", "looks")
    mode.invoke(graph.compile(), {})
    assert (seen, LEFT_BEHIND.get()) == (["nothing"] * 3, "nothing")


@pytest.mark.req("N-5")
async def test_a_coroutine_finds_its_context_variables_after_it_has_waited():
    """Also variables that were set outside before. Awaited results and thrown exceptions reach it, too."""
    LEFT_BEHIND.set("outside")
    loop = asyncio.get_running_loop()
    seen = []

    async def work(state):
        seen.append(LEFT_BEHIND.get())
        LEFT_BEHIND.set("mine")
        failing = loop.create_future()
        loop.call_soon(failing.set_exception, LookupError("thrown"))
        try:
            await failing
        except LookupError as error:
            seen.append(str(error))
        await asyncio.sleep(0)
        seen.append(LEFT_BEHIND.get())
        return {"x": 1}

    assert await create_node(work, retry=2)({}) == {"x": 1}
    assert (seen, LEFT_BEHIND.get()) == (["outside", "thrown", "mine"], "outside")


@pytest.mark.req("N-5", "N-17")
async def test_a_coroutine_that_is_cancelled_or_dropped_can_clean_up():
    """It receives the cancellation of its task, and the end of an event loop."""
    cleaned = []

    async def work(state):
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append(LEFT_BEHIND.get())

    node = create_node(work, retry=2)
    task = asyncio.create_task(node({}))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    dropped = node({})
    dropped.send(None)
    dropped.close()
    assert cleaned == ["nothing", "nothing"]


class Tagged(tuple):  # noqa: SLOT001 - its attribute is under test
    """A tuple with an attribute."""


class Closes:
    """A state that cleans up."""

    def __init__(self):
        """Begin open."""
        self.closed = []

    def __del__(self):
        """Close."""
        self.closed.append(True)


@dataclass
class ClosingData:
    """A dataclass that cleans up."""

    closed: list[bool]

    def __del__(self):
        """Close."""
        self.closed.append(True)


def tagged():
    """A tuple whose attribute a copy would lose."""
    value = Tagged([[1]])
    value.tag = "kept"
    return value


@pytest.mark.req("N-5")
@pytest.mark.parametrize(
    "make",
    [Path(__file__).stat, lambda: time.localtime(0), tagged, Closes, lambda: ClosingData([])],
    ids=["stat_result", "struct_time", "tuple subclass", "__del__", "dataclass with __del__"],
)
def test_what_a_copy_could_change_is_shared(make):
    """Inside a state and as the state: objects with extra fields, attributes or destructors."""
    value = make()
    assert isolated({"v": value})["v"] is value
    assert isolated(value) is value


@dataclass
class Unset:
    """A dataclass with a field that `__init__` leaves unset."""

    items: list[int]
    later: list[int] = field(init=False)


@pytest.mark.req("N-5")
def test_a_dataclass_with_an_unset_field_is_copied():
    """The field stays unset in the copy."""
    state = Unset([1])
    copied = isolated(state)
    copied.items.append(2)
    assert state.items == [1]
    assert not hasattr(copied, "later")


class Open(BaseModel):
    """A model with extra fields and a private attribute."""

    model_config = ConfigDict(extra="allow")

    _cache: list[int] = PrivateAttr(default_factory=list)


@pytest.mark.req("N-5")
def test_extra_fields_and_private_attributes_of_a_model_are_copied():
    """The copy equals the original, also in the set of given fields."""
    state = Open(extra=[1])
    copied = isolated(state)
    assert (copied, copied.model_fields_set) == (state, state.model_fields_set)
    copied.extra.append(2)
    copied._cache.append(2)
    assert (state.extra, state._cache) == ([1], [])


@pytest.mark.req("N-5")
def test_the_copy_ends_by_elements_too():
    """The limit also holds for a state of few long lists."""
    long = [0] * (MAX_ELEMENTS // 2)
    state = {"v": [list(long) for _ in range(4)]}
    copied = isolated(state)["v"]
    assert copied == state["v"]
    assert [a is b for a, b in zip(copied, state["v"], strict=True)] == [False, False, True, True]
