"""`BullMQDispatcher`: announces runs as jobs of BullMQ, on Redis or PostgreSQL.

The protocol is that of BullMQ 5 (https://docs.bullmq.io), so producers and dashboards of Node.js work with the queue.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from bullmq import DelayedError, Queue, UnrecoverableError, Worker  # type: ignore[import-untyped]
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from langgraph_runner.engine import checks
from langgraph_runner.engine.dispatch.dispatcher import RUN_ORCHESTRATION, RUN_STEPS
from langgraph_runner.engine.logs import cause, log_event
from langgraph_runner.redaction import sanitize_text
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES
from langgraph_runner.workflow import UnknownWorkflowError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langgraph_runner.engine.dispatch.dispatcher import JobHandler

__all__ = ["BullMQDispatcher"]

_SCHEME: Final = "bullmq+"
_ON_REDIS: Final = ("redis", "rediss", "unix")
_ON_POSTGRESQL: Final = ("postgresql", "postgres")
_MAX_NAME: Final = 128
_MAX_STEP_NAME: Final = 63
"""A hyphen and the name of a step queue, up to 64 characters, follow."""
_IDLE_S: Final = 4
"""How long an idle worker waits for a job in one request."""
_ANSWER_S: Final = 2
_RETRY_MS: Final = 1_000
_LONGEST_WAIT_MS: Final = 24 * 3_600_000
"""How long a job waits for a worker that has its workflow, from when it was added."""
_CLOSE_S: Final = 3.0
_CANCELLATIONS: Final = 3
"""How often to cancel a worker: it may swallow a cancellation as the end of its own wait."""
_LOCK_MS: Final = 30_000
_STALLS: Final = 1_000
"""How often a job may lose its worker. It is high because the engine decides how often a run is recovered."""
_KEPT: Final = 1_000
"""How many finished jobs of producers are kept."""


class BullMQDispatcher:
    """A queue of BullMQ. Belongs to one event loop.

    A job of this package is `{"run_id": "..."}` and has the id of the run, so a run that is announced twice is one
    job. A job only says that a run waits: the worker claims the next run in turn, as the database decides.
    Redis needs `maxmemory-policy noeviction`; on PostgreSQL, the tables of BullMQ are in the schema `bullmq`.

    Args:
        url: `bullmq+redis://...`, `bullmq+rediss://...`, `bullmq+unix://...` or `bullmq+postgresql://...`. It may
            name the queues, too: `bullmq+redis://localhost/0?queue=shop&step_queue=shop-steps`.
        queue: The name of the queue of runs, up to 128 characters without a colon. `RUN_ORCHESTRATION`, unless the
            URL has one.
        step_queue: The first part of the names of the queues of steps, up to 63 characters without a colon. A step
            that names the queue `gpu` is announced in `{step_queue}-gpu`. `RUN_STEPS`, unless the URL has one.

    Raises:
        ValueError: `url` has another scheme, or a name of a queue is not valid.
    """

    def __init__(self, url: str, *, queue: str | None = None, step_queue: str | None = None) -> None:
        scheme = urlsplit(url.removeprefix(_SCHEME)).scheme
        if not url.startswith(_SCHEME) or scheme not in {*_ON_REDIS, *_ON_POSTGRESQL}:
            raise ValueError("dispatch must begin with bullmq+redis:// or bullmq+postgresql://.")
        address, _, query = url.removeprefix(_SCHEME).partition("?")
        parameters = dict(parse_qsl(query, keep_blank_values=True))
        of_url = {name: parameters.pop(name, None) for name in ("queue", "step_queue")}
        self._url = f"{address}?{urlencode(parameters)}" if parameters else address
        self._is_redis = scheme in _ON_REDIS
        self._name = _queue_name(queue, of_url["queue"], RUN_ORCHESTRATION, _MAX_NAME, field="queue")
        self._step_name = _queue_name(
            step_queue, of_url["step_queue"], RUN_STEPS, _MAX_STEP_NAME, field="step_queue"
        )
        self._queue: Queue | None = None
        self._worker: Worker | None = None
        self._serving: asyncio.Task[None] | None = None
        self._is_paused = False
        self._is_up = True

    def of_steps(self, name: str) -> BullMQDispatcher:
        """Return the queue of the steps that name the queue `name`, on the same server."""
        return BullMQDispatcher(f"{_SCHEME}{self._url}", queue=f"{self._step_name}-{name}")

    async def announce(self, run_ids: Sequence[str]) -> None:
        """See `Dispatcher`. Raises what the client of Redis or of PostgreSQL raises."""
        if self._queue is None:
            self._queue = Queue(self._name, self._connection(_ANSWER_S))
        options = {"removeOnComplete": True, "removeOnFail": {"count": _KEPT}}
        await self._queue.addBulk(
            [
                {"name": "run", "data": {"run_id": each}, "opts": {"jobId": each, **options}}
                for each in run_ids
            ]
        )

    async def listen(self, handle: JobHandler) -> None:
        """See `Dispatcher`."""
        self._serving = asyncio.get_running_loop().create_task(self._serve(handle))

    def set_paused(self, paused: bool) -> None:
        """See `Dispatcher`."""
        self._is_paused = paused
        if self._worker is None:
            return
        if paused and not self._worker.paused:
            # The first half of `pause()`, which would then wait for running jobs.
            self._worker.paused = True
            self._worker.resume_event.clear()
            if self._worker.waiting is not None and not self._worker.waiting.done():
                self._worker.waiting.cancel()  # Otherwise it would take one more job.
        elif not paused:
            self._worker.resume()

    async def close(self) -> None:
        """See `Dispatcher`."""
        if self._serving is not None:
            for _ in range(_CANCELLATIONS):
                self._serving.cancel()
                await asyncio.wait({self._serving}, timeout=_CLOSE_S)
                if self._serving.done():
                    break
        if self._queue is not None:
            await self._close(self._queue)

    async def _serve(self, handle: JobHandler) -> None:
        """Keep a worker running. A worker ends if it cannot reach its server at first, or gets an unknown answer."""
        while True:
            self._worker = worker = self._new_worker(handle)
            if self._is_paused:
                self.set_paused(True)
            try:
                await worker.run()
            except Exception as error:
                self._failed(error)
            finally:
                self._worker = None
                await self._close(worker, force=True)
            # Real time: a real server has to come back meanwhile.
            await REAL_RUNTIMES.awaiting.sleep(_RETRY_MS / 1_000, None)

    def _new_worker(self, handle: JobHandler) -> Worker:
        async def process(job: Any, token: str) -> Any:
            self._restored()
            now_ms = round(REAL_RUNTIMES.awaiting.now_utc().timestamp() * 1_000)
            if self._is_paused:  # The worker took the job just before the pause.
                await job.moveToDelayed(now_ms, token)
                raise DelayedError
            try:
                # BullMQ counts jobs from 1 again when Redis was emptied.
                return await handle(f"{job.id}:{job.timestamp}", job.data)
            except UnknownWorkflowError as error:
                if now_ms - job.timestamp > _LONGEST_WAIT_MS:
                    raise self._refused(job, error) from error
                if not job.delay:
                    self._log(job, "dispatch.job_left_to_others", error)
                await job.moveToDelayed(now_ms + _RETRY_MS, token)
                raise DelayedError from error
            except ValueError as error:  # It would be rejected again.
                raise self._refused(job, error) from error

        # `Any`, because BullMQ's types lack some of its options.
        processor: Any = process
        options: Any = {
            **self._connection(_IDLE_S + _ANSWER_S),
            "autorun": False,
            "drainDelay": _IDLE_S,
            "lockDuration": _LOCK_MS,
            "stalledInterval": _LOCK_MS,
            "maxStalledCount": _STALLS,
            "runRetryDelay": _RETRY_MS,
            # For jobs whose producers set no limit of their own.
            "removeOnComplete": {"count": _KEPT},
            "removeOnFail": {"count": _KEPT},
        }
        worker = Worker(self._name, processor, options)
        worker.on("error", lambda error, *_: self._failed(error))
        return worker

    def _refused(self, job: Any, error: Exception) -> UnrecoverableError:
        self._log(job, "dispatch.job_refused", error)
        return UnrecoverableError(str(error))

    def _log(self, job: Any, event: str, error: Exception) -> None:
        log_event(
            logging.WARNING,
            event,
            job_id=sanitize_text(str(job.id), max_chars=checks.MAX_KEY),
            queue=self._name,
            error=sanitize_text(str(error)),
        )

    def _connection(self, timeout_s: int) -> Any:
        if not self._is_redis:
            parts = urlsplit(self._url)
            limits = {"connect_timeout": _ANSWER_S, "tcp_user_timeout": timeout_s * 1_000}
            query = urlencode({**limits, **dict(parse_qsl(parts.query))})
            return {"backend": "postgres", "connection": parts._replace(query=query).geturl()}
        # `Queue` and `Worker` leave this connection open: see `_close()`.
        client = Redis.from_url(
            self._url,
            decode_responses=True,
            socket_timeout=timeout_s,
            socket_connect_timeout=_ANSWER_S,
            retry=Retry(NoBackoff(), 0),  # BullMQ's own takes minutes.
        )
        return {"connection": client}

    def _failed(self, error: Exception) -> None:
        if self._is_up:
            self._is_up = False
            log_event(logging.WARNING, "dispatch.failed", **cause(error))

    def _restored(self) -> None:
        if not self._is_up:
            self._is_up = True
            log_event(logging.INFO, "dispatch.restored")

    async def _close(self, part: Queue | Worker, **how: bool) -> None:
        """Close a queue or a worker with its connections, and give up on a server that does not answer."""

        async def close() -> None:
            await part.close(**how)
            client = part.opts.get("connection")
            if isinstance(client, Redis):
                await client.aclose()

        # A task of its own, because `Worker.close()` continues to wait when it is cancelled.
        closing = asyncio.get_running_loop().create_task(close())
        await asyncio.wait({closing}, timeout=_CLOSE_S)
        if not closing.done():
            closing.cancel()
            log_event(logging.WARNING, "dispatch.close_failed", error_type=TimeoutError.__name__)
            return
        error = closing.exception()
        if error is not None:
            log_event(logging.DEBUG, "dispatch.close_failed", **cause(error))


def _queue_name(argument: str | None, of_url: str | None, default: str, longest: int, *, field: str) -> str:
    """Return the name of a queue: the argument, or else the name in the URL, or else the default."""
    name = argument if argument is not None else of_url
    if name is None:
        return default
    if ":" in checks.text(name, longest, field=field):
        raise ValueError(f"{field} must have no colon, which BullMQ reserves, got {name!r}.")
    return name
