"""The cap on running nodes, as a state machine."""

import threading

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from langgraph_runner.graph.slots import Seat, Slots


class Nodes(RuleBasedStateMachine):
    """Nodes begin, call others and end, in any order that is possible in LangGraph."""

    seats = Bundle("seats")

    @initialize(limit=st.integers(1, 4))
    def open(self, limit):
        """Some number of slots."""
        self.limit = limit
        self.slots = Slots(limit)
        self.live = []

    @rule(target=seats)
    def begin_at_the_top(self):
        """A node of the outermost graph begins."""
        return self._begin(None)

    @rule(target=seats, parent=seats)
    def begin_below(self, parent):
        """A node that has begun calls another one."""
        return self._begin(parent) if self._is_at_work(parent) or self._lends(parent) else multiple()

    @rule(seat=seats)
    def end(self, seat):
        """A node ends after the nodes that it has called. A waiting node may give up."""
        if seat in self.live and not seat.children:
            self.slots.leave(seat)
            self.live.remove(seat)

    @rule(seat=seats)
    def end_twice(self, seat):
        """Ending a node twice has no effect."""
        if seat not in self.live:
            self.slots.leave(seat)

    def _begin(self, parent):
        seat = self.slots.take(parent)
        self.live.append(seat)
        return seat

    def _is_at_work(self, seat):
        return seat in self.live and seat.has_slot

    def _lends(self, seat):
        return seat in self.live and seat.granted.done() and seat.children > 0

    @invariant()
    def never_more_at_work_than_allowed(self):
        """The cap holds for the whole tree."""
        if hasattr(self, "slots"):
            assert sum(seat.has_slot for seat in self.live) <= self.limit

    @invariant()
    def no_slot_is_lost(self):
        """Each slot is free or held by a node."""
        if hasattr(self, "slots"):
            assert self.slots._free + sum(seat.has_slot for seat in self.live) == self.limit

    @invariant()
    def somebody_can_always_go_on(self):
        """While there are nodes, at least one with a slot does not wait for another node."""
        if hasattr(self, "slots") and self.live:
            assert any(seat.has_slot and not seat.children for seat in self.live)

    @invariant()
    def a_slot_waits_for_nobody(self):
        """If a slot is free, no node waits for one."""
        if hasattr(self, "slots") and self.slots._free:
            assert all(seat.granted.done() for seat in self.live)


TestNodes = Nodes.TestCase


def test_who_gives_up_at_the_last_moment_hands_on_what_it_got():
    """The wait is cancelled just after the slot was granted."""
    slots = Slots(1)
    first, second, third = slots.take(None), slots.take(None), slots.take(None)
    second.granted.cancel()
    slots.leave(first)
    assert not third.granted.done()
    slots.leave(second)
    assert third.granted.done()


def test_closing_wakes_everybody_who_waits_and_lets_nobody_in():
    """Waiting nodes get the error; running nodes continue and may end."""
    slots = Slots(1)
    first, second = slots.take(None), slots.take(None)
    slots.close(RuntimeError("stopped"))
    for refused in (second, slots.take(None), slots.take(first)):
        with pytest.raises(RuntimeError, match="stopped"):
            refused.granted.result(timeout=0)
        slots.leave(refused)
    slots.leave(first)


def test_threads_share_it():
    """With many threads, the cap holds, and all threads end."""
    slots, lock = Slots(3), threading.Lock()
    at_work, peak, done = 0, 0, 0

    def work(parent: Seat | None, depth: int) -> None:
        nonlocal at_work, peak, done
        seat = slots.take(parent)
        try:
            seat.granted.result(timeout=30)
            with lock:
                at_work += 1
                peak = max(peak, at_work)
            with lock:
                at_work -= 1
            if depth:
                threads = [threading.Thread(target=work, args=(seat, depth - 1)) for _ in range(3)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
            with lock:
                done += 1
        finally:
            slots.leave(seat)

    threads = [threading.Thread(target=work, args=(None, 2)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == 5 * (1 + 3 + 9)
    assert peak <= 3
    assert slots._free == 3
