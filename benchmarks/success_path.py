"""What a node costs when the function succeeds."""

from __future__ import annotations

from benchmarks import rivals
from benchmarks.contenders import (
    RETRY,
    TIMEOUT_MS,
    full_node,
    logger_to_logging,
    logging_to_null,
    plain,
    plain_async,
    plain_with_asyncio_timeout,
    structlog_logger,
    structlog_to_null,
    two_events,
)
from benchmarks.harness import Contender, race
from benchmarks.report import Goal, Section, Table, microseconds, times
from langgraph_runner import CircuitBreakerConfig, create_node

ROUNDS = 400

BARE = "the function alone"
BARE_TIMEOUT = "the function in `asyncio.timeout`"
FULL = "node: retry, breaker, collector"
FULL_TIMEOUT = "node: retry, breaker, collector, timeout"
TENACITY = "tenacity: retry"
STAMINA = "stamina: retry"
HYX = "hyx: retry, breaker; prometheus"
STACK = "stack: stamina, aiobreaker, prometheus"
STACK_TIMEOUT = "stack: stamina, aiobreaker, `asyncio.timeout`, prometheus"

METHOD = """
One call of a function that returns a small dict. *Over bare* is the time in addition to the function alone.
*Relative to the node* is that time divided by the time of the node that does the same or more: retry, breaker and
collector, and a timeout if the contender has one.
hyx supports only asyncio: it copies no state, reads no config, and takes no lock.
With events at INFO, a node logs its begin and its end, which a handler drops. *Two calls of structlog* log the same
two events by hand, without making a trace id or measuring a duration.
"""

KINDS_OF_LOG = {
    "`logging`": (logging_to_null, logger_to_logging),
    "structlog JSON": (structlog_to_null, structlog_logger),
}
LOGGED = "{}; {} at INFO, dropped"
BY_HAND = "two calls of structlog"


def sync_contenders() -> list[Contender]:
    """Return the blocking contenders."""
    return [
        Contender(BARE, plain),
        Contender("node: no options", create_node(plain)),
        Contender("node: retry", create_node(plain, retry=RETRY)),
        Contender(
            "node: retry, breaker", create_node(plain, retry=RETRY, circuit_breaker=CircuitBreakerConfig())
        ),
        Contender(FULL, full_node(plain)),
        Contender(FULL_TIMEOUT, full_node(plain, timeout_ms=TIMEOUT_MS)),
        *_logged(is_async=False),
        Contender(TENACITY, rivals.with_tenacity(plain)),
        Contender(STAMINA, rivals.with_stamina(plain)),
        Contender(STACK, rivals.stack(plain)),
    ]


def async_contenders() -> list[Contender]:
    """Return the awaited contenders."""
    breaker = CircuitBreakerConfig()
    found = {
        BARE: plain_async,
        BARE_TIMEOUT: plain_with_asyncio_timeout,
        "node: no options": create_node(plain_async),
        "node: retry": create_node(plain_async, retry=RETRY),
        "node: retry, breaker": create_node(plain_async, retry=RETRY, circuit_breaker=breaker),
        FULL: full_node(plain_async),
        FULL_TIMEOUT: full_node(plain_async, timeout_ms=TIMEOUT_MS),
        TENACITY: rivals.with_tenacity(plain_async),
        STAMINA: rivals.with_stamina(plain_async),
        HYX: rivals.with_hyx(plain_async),
        STACK_TIMEOUT: rivals.async_stack(plain_async),
    }
    awaited = [Contender(name, call, is_async=True) for name, call in found.items()]
    awaited[-4:-4] = _logged(is_async=True)
    return awaited


def _logged(*, is_async: bool) -> list[Contender]:
    contenders = []
    for kind, (setting, get_logger) in KINDS_OF_LOG.items():
        node = full_node(plain_async if is_async else plain)
        by_hand = two_events(get_logger, is_async=is_async)
        for name, call in ((FULL, node), (BY_HAND, by_hand)):
            contenders.append(Contender(LOGGED.format(name, kind), call, is_async=is_async, setting=setting))
    return contenders


def measure(rounds: int = ROUNDS) -> Section:
    """Race the awaited and the blocking contenders."""
    blocking = race(sync_contenders(), rounds=rounds).best
    awaiting = race(async_contenders(), rounds=rounds).best
    return Section(
        title="A call that succeeds",
        method=METHOD,
        tables=[_table("Awaited", awaiting), _table("Blocking", blocking)],
        goals=[*_async_goals(_over_bare(awaiting)), *_sync_goals(_over_bare(blocking))],
    )


def _over_bare(found: dict[str, float]) -> dict[str, float]:
    return {name: value - found[BARE] for name, value in found.items()}


def _table(title: str, found: dict[str, float]) -> Table:
    over = _over_bare(found)
    rows = []
    for name, value in found.items():
        equal = FULL_TIMEOUT if "timeout" in name else FULL
        ratio = "" if name == BARE else times(over[name] / over[equal])
        rows.append([name, ratio, "" if name == BARE else microseconds(over[name]), microseconds(value)])
    return Table(title, ["Contender", "Relative to the node", "Over bare, µs", "Per call, µs"], rows)


WHY_SLOW = (
    "a call has about twenty small steps (name, context variable, two objects, copy of the state, clock, breaker,"
    " record), and none of them takes much time; a pipeline compiled for the options of a node could skip the"
    " steps that the node does not need."
)
WHY_TIMEOUT = (
    "an attempt with a limit uses one coroutine and one object more than `asyncio.timeout`, because an abort or a"
    " drain may stop it, too; entering the scope in the attempt itself would save the coroutine."
)


def _async_goals(over: dict[str, float]) -> list[Goal]:
    return [
        Goal("awaited node with retry, breaker, collector", over[FULL], 5, "µs", if_missed=WHY_SLOW),
        Goal(
            "what `timeout_ms` adds to it compared with what `asyncio.timeout` adds to the function",
            (over[FULL_TIMEOUT] - over[FULL]) / over[BARE_TIMEOUT],
            1,
            if_missed=WHY_TIMEOUT,
        ),
        *_ratio_goals("awaited", over, STACK_TIMEOUT, FULL_TIMEOUT, tenacity=4),
        *_log_goals("awaited", over),
    ]


def _sync_goals(over: dict[str, float]) -> list[Goal]:
    return [
        Goal("blocking node with retry, breaker, collector", over[FULL], 4, "µs", if_missed=WHY_SLOW),
        *_ratio_goals("blocking", over, STACK, FULL, tenacity=3),
        *_log_goals("blocking", over),
    ]


def _log_goals(kind: str, over: dict[str, float]) -> list[Goal]:
    return [
        Goal(
            f"{kind} node with events at INFO compared with two calls of structlog, {log}",
            over[LOGGED.format(FULL, log)] / over[LOGGED.format(BY_HAND, log)],
            1.3,
            if_missed=f"the node without events takes {over[FULL]:.1f} µs, and a new trace id about 1.5 µs.",
        )
        for log in KINDS_OF_LOG
    ]


def _ratio_goals(kind: str, over: dict[str, float], stack: str, equal: str, *, tenacity: float) -> list[Goal]:
    return [
        _ratio_goal(f"tenacity alone compared with the {kind} node", over[TENACITY], over[FULL], tenacity),
        _ratio_goal(
            f"the stack compared with the {kind} node with the same parts", over[stack], over[equal], 4
        ),
    ]


def _ratio_goal(text: str, theirs: float, ours: float, limit: float) -> Goal:
    why = f"the other takes {theirs:.1f} µs here, so the node would have to take {theirs / limit:.1f} µs."
    return Goal(text, theirs / ours, limit, at_least=True, if_missed=why)
