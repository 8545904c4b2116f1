"""Watching a run through LangGraph's callbacks: which nodes begin and end, in which wave, under which node.

Callbacks reach everything that a run calls, nodes of nested graphs too, however these graphs were built. That is
what the cap on concurrency needs, and why it is kept here: a node waits for its slot before LangGraph calls it.

LangChain calls handlers in two ways, blocking and awaited, and a run may change between the two. A blocking run
drops what an async method raises; an awaited one must not be blocked. LangChain reads the method before each call,
so one handler offers both: it returns an async method where an event loop runs, and a blocking one elsewhere.
Handlers of a run inside a run may be called in any order, because LangChain merges handlers as sets.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables.config import var_child_runnable_config
from langgraph.constants import START
from langgraph.errors import GraphDrained

from langgraph_runner.errors.classification import is_control_flow
from langgraph_runner.graph.captures import OUTERMOST, Captures
from langgraph_runner.graph.listener import GRANTED, NodeRun, notify
from langgraph_runner.graph.thread_calls import calls_in_threads, when_all_ended
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES
from langgraph_runner.runtime.wake import call_soon

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from langgraph_runner.graph.listener import NodeRunOutcome, RunListener
    from langgraph_runner.graph.slots import Slots

__all__ = ["RunWatch", "watch_of"]

_monotonic: Final = REAL_RUNTIMES.blocking.monotonic


class _Inline:
    """Called before LangGraph goes on, and not for what models say, token by token."""

    raise_error = True  # Otherwise LangGraph would call a node that may not begin.
    run_inline = True
    ignore_llm = ignore_chat_model = ignore_retriever = ignore_retry = ignore_custom_event = True
    ignore_chain = ignore_agent = False


class RunWatch(_Inline, BaseCallbackHandler):
    """What is known of one run, and the handler that is told of it; add it to the callbacks of the run.

    It makes a node wait for its slot. Thread-safe: each entry is written by the run that it is about.

    Args:
        slots: The cap on nodes at work; None where an outer run keeps it.
        listener: What to notify of each node; None for nothing.
        outer: The watch of the run whose node this run is a part of.
        is_persisted: Whether the run can be resumed after it was stopped.
    """

    def __init__(
        self,
        slots: Slots | None,
        listener: RunListener | None = None,
        outer: RunWatch | None = None,
        *,
        is_persisted: bool = False,
    ) -> None:
        self.is_persisted = is_persisted
        self.waves: set[int] = set()
        """The supersteps of the outermost graph in which nodes have begun."""
        self._slots = slots
        self._listener = listener
        self._outer = outer
        self._is_alone = outer is None and listener is None
        """Whether nothing but this watch wants to know how nodes end."""
        self.depth: int = 0 if outer is None else outer.depth + 1
        """In how many other runs this one is."""
        self.stopped: Exception | None = None
        """Why no further node may begin; None as long as they may."""
        self.captures = Captures()
        self._failed: list[tuple[BaseException, str]] = []
        # The keys of these are LangChain's run ids as integers: the hash of a UUID is a call of its own in Python.
        self._root: int | None = None
        self._nodes: dict[int, NodeRun] = {}
        """The node of each run of a node that has not ended."""
        self._enclosing: dict[int, NodeRun | None] = {}
        """For each run of any kind, the node inside which it is; for the run of a node, that node."""
        self._held: set[int] = set()
        """Runs of nodes that were cancelled while their functions go on in threads."""
        # A node that is cancelled while other handlers are notified of its begin never reports an end. It is noticed
        # by the end of its task, as soon as anything depends on it: a listener, or a node that waits for its slot.
        self._watches_tasks = slots is not None and listener is not None

    @property
    def on_chain_start(self) -> Callable[..., Any]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The method for the way in which LangChain calls it: async where an event loop runs.

        A property in the place of a method, because LangChain reads it before each call.
        """
        # Returns None where `asyncio.get_running_loop()` would raise, which costs more.
        return self._start_blocking if asyncio._get_running_loop() is None else self._start_awaited  # noqa: SLF001

    def _start_blocking(
        self,
        *_: Any,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        metadata: Mapping[str, Any] | None = None,
        **__: Any,
    ) -> None:
        node = self.enter(run_id, parent_run_id, metadata)
        if node is None or node.is_called:
            return
        with self.admission(run_id, node):
            node.granted.result()

    async def _start_awaited(
        self,
        serialized: object,  # noqa: ARG002 - to name what LangChain passes costs less than to collect it
        inputs: object,  # noqa: ARG002
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        metadata: Mapping[str, Any] | None = None,
        tags: object = None,  # noqa: ARG002
        **_: Any,
    ) -> None:
        node = self.enter(run_id, parent_run_id, metadata, asyncio.current_task())
        if node is None or node.is_called:
            return
        with self.admission(run_id, node):
            await asyncio.wrap_future(node.granted)

    def on_tool_start(self, *_: Any, run_id: UUID, parent_run_id: UUID | None = None, **__: Any) -> None:
        """Record the begin of a tool, which is not a node and never waits."""
        self.enter(run_id, parent_run_id)

    def on_chain_end(
        self,
        outputs: Any,
        *,
        run_id: UUID,
        parent_run_id: object = None,  # noqa: ARG002
        tags: object = None,  # noqa: ARG002
        **_: Any,
    ) -> None:
        """Record the end of a chain.

        Raises:
            GraphDrained: The run was stopped and can be resumed, and this is the end of a node.
        """
        if not self._is_alone or self.captures.has_any or type(outputs) is not dict or "errors" in outputs:
            self._record_output(run_id, outputs)
            node = self.leave(run_id)
        else:  # The same for an ordinary output, with fewer calls.
            key = run_id.int
            node = self._nodes.pop(key, None)
            if key not in self._held:
                self._enclosing.pop(key, None)
            if node is not None and self._slots is not None:
                self._slots.leave(node)
        if node is not None and self.stopped is not None and self.is_persisted:
            # LangGraph would write it over what a resumed run has done; after this it writes nothing of the node.
            raise GraphDrained(str(self.stopped))

    @property
    def on_chain_error(self) -> Callable[..., Any]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The method for the way in which LangChain calls it, as `on_chain_start` is."""
        return self._fail_blocking if asyncio._get_running_loop() is None else self._fail_awaited  # noqa: SLF001

    async def _fail_awaited(self, error: BaseException, *_: Any, run_id: UUID, **__: Any) -> None:
        caller = None if run_id.int in self._nodes else self._enclosing.get(run_id.int)
        self._fail_blocking(error, run_id=run_id)
        if self._slots is None or caller is None or not isinstance(error, Exception):
            return
        task = asyncio.current_task()
        if caller.has_slot or task is None or _is_of_handler(task):
            return
        # A graph has failed that the node has called, and the node may continue. The slot that it had lent is still
        # that of a node which was cancelled, or of a function which the graph has left behind in a thread.
        self._slots.take_back(caller)
        with contextlib.suppress(Exception):  # The run was stopped.
            await asyncio.wrap_future(caller.granted)

    def _fail_blocking(self, error: BaseException, *_: Any, run_id: UUID, **__: Any) -> None:
        """Record that a chain has failed, or was interrupted or cancelled."""
        if not (isinstance(error, Exception) and is_control_flow(error)):
            self.record_error(run_id)
        self.leave(run_id, _outcome_of(error), error)

    def on_tool_end(self, *_: Any, run_id: UUID, **__: Any) -> None:
        """Record the end of a tool."""
        self.leave(run_id)

    on_tool_error = on_tool_end

    def stop(self, error: Exception) -> None:
        """Let no further node begin. Where the run can be resumed, no node that ends later counts as done."""
        self.stopped = error
        if self._slots is not None:
            self._slots.close(error)

    def failed_node(self, error: BaseException) -> str | None:
        """Return the node of the outermost graph that raised `error`, in the last wave."""
        return next((name for raised, name in self._failed if raised is error), None)

    def enter(
        self,
        run_id: UUID,
        parent_run_id: UUID | None,
        metadata: Mapping[str, Any] | None = None,
        task: asyncio.Task[Any] | None = None,
    ) -> NodeRun | None:
        """Record that a run begins: of a graph, a node, a chain, a tool. A second call does nothing.

        Args:
            run_id: LangChain's id of the run.
            parent_run_id: That of the run that calls it.
            metadata: Of the run; LangGraph puts there which node it is.
            task: The task that awaits the handler, and then the node; None in a blocking run.

        Returns:
            The node, if the run is that of a node. It is called now, unless `is_called` is False: then it has to
            pass the `admission()` first, to wait for its slot or because the run was stopped.
        """
        # The outer run first: it has the slots.
        outside = None if self._outer is None else self._outer.enter(run_id, parent_run_id, metadata, task)
        key = run_id.int
        if key in self._enclosing:
            return self._nodes.get(key)
        if self._root is None:
            self._root = key
        parent = None if parent_run_id is None else self._enclosing.get(parent_run_id.int)
        place = metadata.get("langgraph_checkpoint_ns") if metadata else None
        # What runs inside a node has the metadata of the node; another place means another node.
        if (
            not place
            or metadata is None
            or (parent is not None and parent.place == place)
            or (name := metadata.get("langgraph_node", "")) == START
        ):
            self._enclosing[key] = parent
            return None
        node = NodeRun(name, metadata.get("langgraph_step", 0), place, parent)
        if parent_run_id is not None and parent_run_id.int == self._root and node.step not in self.waves:
            self.waves.add(node.step)
            self._failed.clear()  # The graph has survived these failures.
        if self._slots is not None:
            node.task = task
            self._slots.take(node)
        elif outside is not None:
            node.granted = outside.granted
        self._enclosing[key] = self._nodes[key] = node
        is_granted = node.granted is GRANTED
        if self._watches_tasks or not is_granted:
            self._watch_tasks(key, node)
        if not is_granted or self.stopped is not None:
            node.is_called = False
        elif self._listener is not None:
            self._notify_begin(self._listener, node)
        return node

    @contextlib.contextmanager
    def admission(self, run_id: UUID, node: NodeRun) -> Iterator[None]:
        """Surround the wait of a node for its slot. After it the node is called.

        Raises:
            asyncio.CancelledError: The run was stopped. It is not an `Exception`, which LangChain would log for each
                node that waits and drop in some threads, and which retry policies would try again.
        """
        try:
            yield
            if self.stopped is not None:
                raise self.stopped  # noqa: TRY301 - it leaves as one that came out of the wait does
        except BaseException as error:
            self.leave(run_id, "cancelled")  # LangChain notifies no handler of the end of what has not begun.
            if isinstance(error, Exception):
                raise asyncio.CancelledError(str(error)) from error
            raise
        if not node.is_called:
            node.is_called = True
            if self._listener is not None:
                self._notify_begin(self._listener, node)

    @staticmethod
    def _notify_begin(listener: RunListener, node: NodeRun) -> None:
        node.started = _monotonic()
        notify(listener, "node_started", node)

    def _record_output(self, run_id: UUID, output: Any) -> None:
        """Follow captured failures through an output: of a node, or of a graph or a chain that a node calls."""
        node = self._nodes.get(run_id.int)
        if node is not None:
            level = OUTERMOST if node.parent is None else node.parent.place
            self.captures.node_ended(node.place, level, output)
        elif (caller := self._enclosing.get(run_id.int)) is not None:
            self.captures.graph_ended(caller.place, output)

    def record_error(self, run_id: UUID) -> None:
        """Record that a run is about to end with an error."""
        caller = self._enclosing.get(run_id.int)
        if caller is not None and run_id.int not in self._nodes and self.stopped is None:
            self.captures.graph_failed(caller.place)

    def is_blocked(self) -> bool:
        """Whether the graph that asks, within its node's context, is to end because a failure was captured.

        It may end between two supersteps only, when none of its nodes is at work.
        """
        if not self.captures.blocks():
            return False
        nodes = tuple(self._nodes.values())
        metadata = (var_child_runnable_config.get() or {}).get("metadata") or {}
        place = metadata.get("langgraph_checkpoint_ns")
        caller = next((node for node in nodes if node.place == place), None)
        if any(node.parent is caller and not _is_lost(node) for node in nodes):
            return False
        return caller is None or self.captures.blocks(caller.place)

    def leave(
        self, run_id: UUID, outcome: NodeRunOutcome = "done", error: BaseException | None = None
    ) -> NodeRun | None:
        """Record that a run has ended, or has stopped waiting for its slot.

        Returns:
            The node, if the run is that of a node that had not ended.
        """
        if self._outer is not None:
            # LangChain does not call the handler of the outer run where that of this run raises.
            self._outer.leave(run_id, outcome, error)
        key = run_id.int
        node = self._nodes.pop(key, None)
        if node is None:
            if key not in self._held:
                self._enclosing.pop(key, None)
            return None
        node.outcome = outcome
        if error is not None and outcome == "failed" and node.parent is None:
            self._failed.append((error, node.name))
        if outcome == "cancelled" and self._slots is not None and node.is_called:
            self._leave_after_threads(key, node)
        else:
            self._release(key, node)
        if self._listener is not None and node.is_called:
            node.duration_ms = (_monotonic() - node.started) * 1000
            node.task = None  # The listener may keep the node.
            notify(self._listener, "node_ended", node)
        return node

    def _leave_after_threads(self, key: int, node: NodeRun) -> None:
        """Release the slot of a cancelled node once its functions have returned in their threads.

        Until then the node is at work: it keeps its slot, and remains the caller of what they call.
        """
        calls = calls_in_threads(node.place)
        if calls:
            self._held.add(key)
            when_all_ended(calls, partial(self._release, key, node))
        else:
            self._release(key, node)

    def _release(self, key: int, node: NodeRun) -> None:
        self._held.discard(key)
        self._enclosing.pop(key, None)
        if self._slots is not None:
            self._slots.leave(node)

    def _watch_tasks(self, key: int, node: NodeRun) -> None:
        """Watch the task of a node that begins; if it is the first one that has to wait, those of all nodes."""
        if self._watches_tasks:
            self._watch_task(key, node)
        elif self._slots is not None:
            # First, so that a node that begins meanwhile is watched by one of the two.
            self._watches_tasks = True
            for each in tuple(self._nodes.items()):
                self._watch_task(*each)

    def _watch_task(self, key: int, node: NodeRun) -> None:
        if node.task is not None:
            ended = partial(self._task_ended, UUID(int=key))
            call_soon(node.task.get_loop(), partial(node.task.add_done_callback, ended))

    def _task_ended(self, run_id: UUID, task: asyncio.Task[Any]) -> None:
        if run_id.int in self._nodes and not _is_of_handler(task):
            self.leave(run_id, "cancelled")


def watch_of(callbacks: Any) -> RunWatch | None:
    """Return the watch of the innermost run that `callbacks` belong to; None outside a run of a `GraphRunner`.

    Args:
        callbacks: A list of handlers, or LangChain's manager of them.
    """
    handlers: Any = getattr(callbacks, "handlers", callbacks) or ()
    watches = [each for each in handlers if isinstance(each, RunWatch)]
    return max(watches, key=lambda watch: watch.depth, default=None)


def _is_lost(node: NodeRun) -> bool:
    """Whether the task of a node has ended without a report."""
    return node.task is not None and node.task.done() and not _is_of_handler(node.task)


def _is_of_handler(task: asyncio.Task[Any]) -> bool:
    """Whether a task runs nothing but the method of the handler.

    LangChain makes such a task, in another thread, where a blocking graph runs in a thread with an event loop. It
    ends before the node is called.
    """
    code = getattr(task.get_coro(), "cr_code", None)
    return code in {RunWatch._start_awaited.__code__, RunWatch._fail_awaited.__code__}  # noqa: SLF001 - of this module


def _outcome_of(error: BaseException) -> NodeRunOutcome:
    if not isinstance(error, Exception):
        return "cancelled"
    return "interrupted" if is_control_flow(error) else "failed"
