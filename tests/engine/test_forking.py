"""An engine in a process that was forked after the engine was made."""

import asyncio
import os
import signal
import sys
import warnings

import pytest

from langgraph_runner.engine import RunEngine

HANGS_AFTER_S = 30


def in_child(check):
    """Return whether `check` returns True in a forked child. A child that hangs is killed by its alarm."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # Python warns of a fork in a process with threads.
        child = os.fork()
    if not child:
        signal.alarm(HANGS_AFTER_S)
        is_right = False
        try:
            is_right = check()
        finally:
            os._exit(not is_right)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def is_refused(call):
    """Return whether the call raises the error that says what to do."""
    try:
        call()
    except RuntimeError as error:
        return "Make the engine in the child" in str(error)
    return False


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
@pytest.mark.parametrize("is_blocking", [False, True], ids=["awaited", "blocking"])
def test_an_engine_refuses_calls_in_a_forked_child(store_url, is_blocking):
    """Its threads do not exist there, so a call would wait forever. The parent's engine works as before."""
    if is_blocking:
        with RunEngine.sync(store=store_url) as engine:
            assert in_child(lambda: is_refused(engine.list_runs) and engine.close() is None)
            assert engine.list_runs() == []
        return
    engine = RunEngine(store=store_url)
    assert in_child(
        lambda: (
            is_refused(lambda: asyncio.run(engine.list_runs()))
            and is_refused(lambda: asyncio.run(engine.start()))
            and asyncio.run(engine.close()) is None
        )
    )

    async def used():
        async with engine:
            return await engine.list_runs()

    assert asyncio.run(used()) == []
