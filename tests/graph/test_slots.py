"""The cap on running nodes, as a state machine."""

import threading

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from langgraph_runner.graph.listener import NodeRun
from langgraph_runner.graph.slots import Slots


def begin(slots, parent=None):
    """Begin a node that asks for a slot."""
    node = NodeRun("n", 1, "n:1", parent)
    slots.take(node)
    return node


class Nodes(RuleBasedStateMachine):
    """Nodes begin, call others and end, in any order that is possible in LangGraph."""

    nodes = Bundle("nodes")

    @initialize(limit=st.integers(1, 4))
    def open(self, limit):
        """Some number of slots."""
        self.limit = limit
        self.slots = Slots(limit)
        self.live = []

    @rule(target=nodes)
    def begin_at_the_top(self):
        """A node of the outermost graph begins."""
        return self._begin(None)

    @rule(target=nodes, parent=nodes)
    def begin_below(self, parent):
        """A node that has begun calls another one."""
        return self._begin(parent) if self._is_at_work(parent) or self._lends(parent) else multiple()

    @rule(node=nodes)
    def end(self, node):
        """A node ends after the nodes that it has called. A waiting node may give up."""
        if node in self.live and not node.children:
            self.slots.leave(node)
            self.live.remove(node)

    @rule(node=nodes)
    def end_twice(self, node):
        """Ending a node twice has no effect."""
        if node not in self.live:
            self.slots.leave(node)

    def _begin(self, parent):
        node = begin(self.slots, parent)
        self.live.append(node)
        return node

    def _is_at_work(self, node):
        return node in self.live and node.has_slot

    def _lends(self, node):
        return node in self.live and node.granted.done() and node.children > 0

    @invariant()
    def never_more_at_work_than_allowed(self):
        """The cap holds for the whole tree."""
        if hasattr(self, "slots"):
            assert sum(node.has_slot for node in self.live) <= self.limit

    @invariant()
    def no_slot_is_lost(self):
        """Each slot is free or held by a node."""
        if hasattr(self, "slots"):
            assert len(self.slots._free) + sum(node.has_slot for node in self.live) == self.limit

    @invariant()
    def somebody_can_always_go_on(self):
        """While there are nodes, at least one with a slot does not wait for another node."""
        if hasattr(self, "slots") and self.live:
            assert any(node.has_slot and not node.children for node in self.live)

    @invariant()
    def a_slot_waits_for_nobody(self):
        """If a slot is free, no node waits for one."""
        if hasattr(self, "slots") and self.slots._free:
            assert all(node.granted.done() for node in self.live)


TestNodes = Nodes.TestCase


def test_who_gives_up_at_the_last_moment_hands_on_what_it_got():
    """The wait is cancelled just after the slot was granted."""
    slots = Slots(1)
    first, second, third = begin(slots), begin(slots), begin(slots)
    second.granted.cancel()
    slots.leave(first)
    assert not third.granted.done()
    slots.leave(second)
    assert third.granted.done()


def test_closing_wakes_everybody_who_waits_and_lets_nobody_in():
    """Waiting nodes get the error; running nodes continue and may end."""
    slots = Slots(1)
    first, second = begin(slots), begin(slots)
    slots.close(RuntimeError("stopped"))
    for refused in (second, begin(slots), begin(slots, first)):
        with pytest.raises(RuntimeError, match="stopped"):
            refused.granted.result(timeout=0)
        slots.leave(refused)
    slots.leave(first)


def test_threads_share_it():
    """With many threads, the cap holds, and all threads end."""
    slots, lock = Slots(3), threading.Lock()
    at_work, peak, done = 0, 0, 0

    def work(parent: NodeRun | None, depth: int) -> None:
        nonlocal at_work, peak, done
        node = begin(slots, parent)
        try:
            node.granted.result(timeout=30)
            with lock:
                at_work += 1
                peak = max(peak, at_work)
            with lock:
                at_work -= 1
            if depth:
                threads = [threading.Thread(target=work, args=(node, depth - 1)) for _ in range(3)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
            with lock:
                done += 1
        finally:
            slots.leave(node)

    threads = [threading.Thread(target=work, args=(None, 2)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == 5 * (1 + 3 + 9)
    assert peak <= 3
    assert len(slots._free) == 3


class WatchedLock:
    """A lock that records that a thread asks for it."""

    def __init__(self):
        self.is_asked_for = threading.Event()
        self._lock = threading.Lock()

    def __enter__(self):
        self.is_asked_for.set()
        self._lock.acquire()

    def __exit__(self, *_):
        self._lock.release()


class Interrupted(NodeRun):
    """A node during which something happens just after one of its attributes was read."""

    def __getattribute__(self, name):
        value = super().__getattribute__(name)
        happens = super().__getattribute__("__dict__").get("after", {}).pop(name, None)
        if happens is not None:
            happens()
        return value


def test_a_node_that_leaves_while_it_lends_gives_its_slot_back_once():
    """A function that was left behind in a thread calls a graph."""
    slots = Slots(2)
    slots._lock = WatchedLock()
    parent, child = Interrupted("n", 1, "n:1"), NodeRun("n", 1, "n:2")
    child.parent = parent
    slots.take(parent)
    has_left_or_waits = slots._lock.is_asked_for
    leaving = threading.Thread(target=lambda: (slots.leave(parent), has_left_or_waits.set()))

    def leave_in_another_thread():
        has_left_or_waits.clear()
        leaving.start()
        assert has_left_or_waits.wait(30)

    parent.after = {"has_left": leave_in_another_thread}
    slots.take(child)
    leaving.join()
    slots.leave(child)
    assert len(slots._free) == 2


def test_a_node_that_is_called_while_its_caller_leaves_does_not_take_its_slot():
    """The caller gives it back itself."""
    slots = Slots(2)
    parent, child = Interrupted("n", 1, "n:1"), NodeRun("n", 1, "n:2")
    child.parent = parent
    slots.take(parent)
    parent.after = {"has_slot": lambda: slots.take(child)}
    slots.leave(parent)
    assert child.has_slot
    slots.leave(child)
    assert len(slots._free) == 2


class GivenBackLate(list):
    """Free slots, of which one comes back when it was just too late for who asks."""

    asked = 0

    def pop(self):
        """Take a slot."""
        self.asked += 1
        try:
            return super().pop()
        except IndexError:
            if self.asked == 2:
                self.give_back()
            raise


def test_a_slot_that_comes_back_while_a_node_begins_to_wait_is_handed_out():
    """Who gives it back does not see anybody wait."""
    slots = Slots(1)
    first, second = begin(slots), NodeRun("n", 1, "n:2")
    slots._free = GivenBackLate()
    slots._free.give_back = lambda: slots.leave(first)
    slots.take(second)
    assert second.granted.done()
    slots.leave(second)
    assert len(slots._free) == 1
