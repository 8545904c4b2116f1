"""What all tests share: one fixture for sync and async nodes, a fake clock, and the requirements table."""

from __future__ import annotations

import asyncio
import functools
import gc
import os
import signal
import sys
import threading
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import structlog

from langgraph_runner import abandoned_threads
from langgraph_runner.testing import FakeRuntime

# The duration of an example, and of making it, depends on how busy the machine is.
hypothesis.settings.register_profile(
    "suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("suite")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Two processes for each core: half the time of the suite is waiting for servers, disks and other processes."""
    return 2 * (os.cpu_count() or 1)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Measure no coverage of a test that is marked with `no_cover`, also in processes of xdist.

    In those processes pytest-cov has two collectors. It stops only the upper one, which starts the lower one again.
    """
    traced = sys.gettrace()
    if traced is None or item.get_closest_marker("no_cover") is None:
        return (yield)
    of_threads = threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)  # type: ignore[arg-type]
    try:
        return (yield)
    finally:
        sys.settrace(traced)
        threading.settrace(of_threads)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Mode:
    """Runs the same test with a sync node and with an async one."""

    is_async: bool

    def function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function in this mode: unchanged, or as an async function with the same signature."""
        if not self.is_async:
            return function

        @functools.wraps(function)
        async def awaited(*arguments: Any, **keywords: Any) -> Any:
            return function(*arguments, **keywords)

        return awaited

    def call(self, node: Any, *arguments: Any, **keywords: Any) -> Any:
        """Call a node (or its `run`) and wait for the result."""
        if not self.is_async:
            return node(*arguments, **keywords)

        async def call() -> Any:
            return await node(*arguments, **keywords)

        return asyncio.run(call())

    def invoke(self, graph: Any, state: Any, config: Any = None, **keywords: Any) -> Any:
        """Run a compiled graph."""
        if not self.is_async:
            return graph.invoke(state, config, **keywords)
        return asyncio.run(graph.ainvoke(state, config, **keywords))


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def mode(request: pytest.FixtureRequest) -> Mode:
    """Runs the test with a sync node, then with an async one."""
    return Mode(is_async=request.param)


@pytest.fixture
def fake() -> FakeRuntime:
    """A clock that moves only when code waits on it."""
    return FakeRuntime()


@pytest.fixture
def structlog_restored() -> Iterator[None]:
    """Leaves structlog unconfigured, before and after the test."""
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()


@pytest.fixture
def restless_threads() -> Iterator[None]:
    """Makes threads switch about every microsecond, so that rare races happen."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def no_thread_left() -> None:
    """Waits for threads that other tests left behind, because `abandoned_threads()` counts all of the process."""
    for thread in threading.enumerate():
        if thread.name.startswith("node-"):
            thread.join(30)
    assert abandoned_threads() == 0


@pytest.fixture(autouse=True)
def signals_as_they_were() -> Iterator[None]:
    """Fails a test that does not restore the handler of Ctrl-C, instead of a later test that needs it."""
    before = signal.getsignal(signal.SIGINT)
    yield
    assert signal.getsignal(signal.SIGINT) == before


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Processes that the test starts can be interrupted, also if the tests run under `nohup` or in the background.

    A process inherits ignored signals from its parent, and only the process itself can change that.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def unheard_signal() -> Iterator[Callable[[Callable[..., object]], None]]:
    """Calls a signal handler without waking the main thread from its sleep: another thread receives the signal.

    The same happens when a signal arrives just before the main thread falls asleep.
    """
    before = signal.getsignal(signal.SIGUSR1)
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})

    def deliver() -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)

    def send(handler: Callable[..., object]) -> None:
        signal.signal(signal.SIGUSR1, handler)
        threading.Timer(0.05, deliver).start()

    yield send
    signal.pthread_sigmask(signal.SIG_SETMASK, masked)
    signal.signal(signal.SIGUSR1, before)


CLAIMS_HOLD = pytest.StashKey[bool]()
REQUIREMENTS = Path(__file__).parent.parent / "docs" / "requirements.toml"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--requirements`."""
    parser.addoption(
        "--requirements", action="store_true", help="print each requirement with its tests, and run none"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With `--requirements`: print the table instead of running tests; fail if a requirement has no test."""
    if not config.getoption("--requirements"):
        return
    tests: dict[str, set[str]] = defaultdict(set)
    for item in items:
        for marker in item.iter_markers("req"):
            for requirement in marker.args:
                tests[requirement].add(item.nodeid.split("[")[0])
    claims = tomllib.loads(REQUIREMENTS.read_text(encoding="utf-8"))
    done, partly = claims["done"], claims["partly"]
    for requirement, title in done.items():
        found = sorted(tests.get(requirement, ()))
        print(f"\n{requirement}  {title}")  # noqa: T201 - the option asks for this table
        for test in found[:8] or ["  NO TEST"]:
            print(f"    {test}")  # noqa: T201
        if len(found) > 8:
            print(f"    ... and {len(found) - 8} more")  # noqa: T201
    missing = [requirement for requirement in done if requirement not in tests]
    unknown = sorted(set(tests) - set(done) - set(partly))
    print(f"\n{len(done) - len(missing)} of {len(done)} requirements have tests.")  # noqa: T201
    if missing or unknown:
        print(f"No test: {missing}. Not in {REQUIREMENTS.name}: {unknown}.")  # noqa: T201
    config.stash[CLAIMS_HOLD] = not (missing or unknown)
    items.clear()


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Prints a line at the end of the session, also if the test runs in a process of xdist."""
    return functools.partial(record_property, "told")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Let no garbage collection look at the tests themselves, which are most of the objects of a process."""
    del session
    # On its first run Hypothesis asks who refers to its Random. Python 3.14 does not find frozen objects.
    hypothesis.given(hypothesis.strategies.none())(lambda value: None)()
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the lines of `tell` and the number of comparisons. It runs in the main process of xdist."""
    passed = terminalreporter.stats.get("passed", ())
    told = [str(text) for report in passed for name, text in report.user_properties if name == "told"]
    compared = sum("a_wrapped_graph_shows" in report.nodeid for report in passed)
    if compared:
        from tests.transparency import summary  # imported late, because it builds 223 graphs

        told += summary.lines(compared)
    for line in told:
        terminalreporter.write_line(line)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With `--requirements` it is fine that no test ran."""
    if session.config.getoption("--requirements"):
        session.exitstatus = 0 if session.config.stash.get(CLAIMS_HOLD, False) else 1
