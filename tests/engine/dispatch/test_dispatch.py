"""Workers with a BullMQ queue on a real Redis and PostgreSQL. They poll for runs only once an hour."""

import asyncio

import pytest
from bullmq import Job, Queue

from langgraph_runner.engine import RUN_ORCHESTRATION, RUN_STEPS, BullMQDispatcher, RunEngine, RunStateError
from langgraph_runner.engine.dispatch.dispatcher import Announcers
from langgraph_runner.workflow import Workflow
from tests.redis_server import redis_server
from tests.waiting import Observed, eventually

__all__ = ["redis_server"]
pytestmark = pytest.mark.req("R-61", "R-64")

HOUR_MS = 3_600_000


@pytest.fixture(params=["redis", "postgresql"])
def queue_url(request):
    """A queue for one test, on Redis and on PostgreSQL."""
    if request.param == "redis":
        return f"bullmq+{request.getfixturevalue('redis_server').url}"
    return f"bullmq+{request.getfixturevalue('new_postgresql')()}"


@pytest.fixture
def store_url(tmp_path):
    """The database of the runs. Its kind makes no difference here."""
    return f"sqlite:///{tmp_path / 'runs.db'}"


@pytest.fixture
def worker_of(engine_of, queue_url):
    """Creates engines that learn of runs only through the queue."""
    return lambda *flows, **options: engine_of(
        *flows, **{"dispatch": queue_url, "poll_ms": HOUR_MS, **options}
    )


@pytest.fixture
async def client(store_url, queue_url, tmp_path):
    """An engine that creates runs for workers."""
    engine = RunEngine([flow_of([])], store=store_url, dispatch=queue_url, artifacts=tmp_path / "files")
    engine.take_on("none")
    async with engine:
        yield engine


@pytest.fixture
async def queue(queue_url):
    """The queue, for a producer."""
    dispatcher = BullMQDispatcher(queue_url)
    made = Queue(RUN_ORCHESTRATION, dispatcher._connection(10))
    yield made
    await made.close()
    await dispatcher.close()


def flow_of(ran, go=None):
    """A workflow of one step, which may have to wait."""
    flow = Workflow("w")

    @flow.step(cache="none")
    async def work(inputs) -> int:
        ran.append(inputs["x"])
        if go is not None:
            await go.wait()
        return inputs["x"]

    return flow


async def test_a_job_that_was_taken_just_before_a_pause_is_left_to_others(queue_url):
    """The worker has it already, but has not called its handler."""
    paused, other, heard, others = BullMQDispatcher(queue_url), BullMQDispatcher(queue_url), [], Observed()

    async def hear(job_id, data):
        heard.append(data)

    async def hear_others(job_id, data):
        others.append(data)

    try:
        await paused.listen(hear)
        await eventually(lambda: paused._worker is not None and paused._worker.waiting is not None)
        paused._worker.on("active", lambda *_: paused.set_paused(True))
        await paused.announce(["a"])
        await eventually(lambda: paused._is_paused)
        await other.listen(hear_others)
        await others.reach()
    finally:
        await other.close()
        await paused.close()
    assert (heard, [*others]) == ([], [{"run_id": "a"}])


async def all_jobs(queue):
    """Return the number of jobs by state, without zeros."""
    counts = await queue.getJobCounts()
    return {state: count for state, count in counts.items() if count}


async def ended(queue, job):
    """Wait until a job has ended, and return it."""
    return await eventually(lambda: Job.fromId(queue, job.id), lambda job: job.finishedOn)


async def jobs_become(queue, counts):
    """Wait until the queue has these numbers of jobs."""
    await eventually(lambda: all_jobs(queue), lambda seen: seen == counts)


async def test_a_run_is_taken_at_once(worker_of, client, queue):
    """Its job is removed."""
    ran = []
    async with worker_of(flow_of(ran)):
        run = await client.trigger("w", {"x": 1})
        assert (await client.wait(run.id)).status == "completed"
        await jobs_become(queue, {})
    assert ran == [1]


async def test_a_run_waits_in_the_queue_for_a_worker(worker_of, client, queue):
    """Its job has only the id of the run."""
    run = await client.trigger("w", {"x": 1})
    await jobs_become(queue, {"waiting": 1})
    assert (await Job.fromId(queue, run.id)).data == {"run_id": run.id}
    async with worker_of(flow_of([])):
        assert (await client.wait(run.id)).status == "completed"


async def test_a_run_that_is_announced_again_is_one_job(client, queue):
    """The id of a job is that of its run."""
    run = await client.trigger("w", {"x": 1})
    for _ in range(3):
        await client._worker._announcer._dispatcher.announce([run.id])
    assert await all_jobs(queue) == {"waiting": 1}


async def test_jobs_of_runs_that_are_over_or_unknown_do_no_harm(worker_of, client, queue):
    """Each job is processed, and nothing runs twice."""
    ran = []
    async with worker_of(flow_of(ran)):
        run = await client.trigger("w", {"x": 1})
        await client.wait(run.id)
        await client._worker._announcer._dispatcher.announce([run.id, "nothing"])
        await jobs_become(queue, {})
    assert ran == [1]


async def test_a_producer_makes_a_run(worker_of, queue):
    """With a job that has the workflow and its inputs. The result is the id of the run."""
    ran = []
    async with worker_of(flow_of(ran)) as worker:
        data = {"workflow": "w", "inputs": {"x": 7}, "tenant": "acme", "tags": {"from": "node"}}
        job = await ended(queue, await queue.add("trigger", data))
        run = await worker.wait(job.returnvalue["run_id"], tenant="acme")
        assert (run.status, run.tags, run.idempotency_key.startswith("job:")) == (
            "completed",
            {"from": "node"},
            True,
        )
    assert ran == [7]


async def test_a_job_that_is_delivered_twice_makes_one_run(worker_of):
    """A worker may die between the run and its answer."""
    ran = []
    async with worker_of(flow_of(ran)) as worker:
        data = {"workflow": "w", "inputs": {"x": 7}}
        made = await asyncio.gather(*(worker._worker._on_job("1:2", data) for _ in range(5)))
        assert len({each["run_id"] for each in made}) == 1
        await worker.wait(made[0]["run_id"])
    assert ran == [7]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"inputs": {}}, "The job is not valid: workflow: Field required."),
        (
            {"workflow": "w", "user": 1},
            "The job is not valid: user: Extra inputs are not permitted.",
        ),
        ({"workflow": "w", "priority": 2**40}, "priority must be a whole number"),
        ({"workflow": "w", "run_id": "r"}, "The job is not valid: run_id: Extra inputs are not permitted."),
        (
            {"action": "stop"},
            "The job is not valid: action: it must be one of trigger, update, retry, cancel",
        ),
        ({"action": []}, "The job is not valid: action: it must be one of"),
        ({"action": "cancel", "run_id": "r"}, "There is no run 'r'"),
        ({"action": "retry", "run_id": "r"}, "There is no run 'r'"),
        (
            {"action": "update", "run_id": "r"},
            "The job is not valid: change: Field required.",
        ),
        (["w"], "The job is not valid: data: Input should be a valid dictionary"),
    ],
)
async def test_a_job_that_asks_for_no_run_is_refused_for_good(worker_of, queue, data, problem):
    """The producer finds the reason in the job. The job is not retried."""
    async with worker_of(flow_of([])):
        job = await ended(queue, await queue.add("trigger", data, {"attempts": 5}))
    assert job.failedReason.startswith(problem)
    assert job.attemptsMade == 1


async def test_a_job_waits_for_a_worker_that_has_its_workflow(worker_of, queue, caplog):
    """In a rolling deployment, half of the workers do not know a new workflow yet."""
    other, ran = Workflow("other"), []
    other.step(lambda inputs: 1, id="a")
    async with worker_of(other):
        job = await queue.add("run", {"workflow": "w", "inputs": {"x": 7}}, {})
        await eventually(lambda: [r for r in caplog.records if "job_left_to_others" in r.message])
        async with worker_of(flow_of(ran)) as new:
            run_id = (await ended(queue, job)).returnvalue["run_id"]
            assert (await new.wait(run_id)).status == "completed"
    assert ran == [7]


async def test_a_job_for_a_workflow_that_no_worker_has_is_refused_after_a_day(worker_of, queue):
    """It would come back for ever."""
    async with worker_of(flow_of([])):
        job = await queue.add("run", {"workflow": "gone"}, {"timestamp": 1_000 * 1_000})
        reason = (await ended(queue, job)).failedReason
    assert reason == "There is no workflow 'gone'. Registered: w."


async def test_a_producer_updates_a_run(worker_of, queue):
    """With the action, the id of the run and the change. A job that is delivered twice makes one run."""
    ran = []
    flow = flow_of(ran)
    flow.on_change("set", reruns=["work"])
    async with worker_of(flow) as worker:
        base = await worker.run("w", {"x": 1}, tenant="acme", tags={"from": "base"})
        update = {"action": "update", "run_id": base.id, "tenant": "acme"}
        update["change"] = {"type": "set", "payload": {"x": 2}}
        job = await ended(queue, await queue.add("any", update))
        updated = await worker.wait(job.returnvalue["run_id"], tenant="acme")
        assert (updated.inputs, updated.base_run_id, updated.tags) == ({"x": 2}, base.id, base.tags)
        again = await worker._worker._on_job(updated.idempotency_key.removeprefix("job:"), update)
        assert again == {"run_id": updated.id}
    assert ran == [1, 2]


async def test_a_producer_cancels_and_retries_a_run(client):
    """With the action and the id of the run. Options that the job leaves out stay as they are."""
    waiting = await client.trigger("w", {"x": 3}, tags={"from": "base"})
    cancel = {"action": "cancel", "run_id": waiting.id, "reason": "sold out"}
    assert await client._worker._on_job("1:1", cancel) == {"run_id": waiting.id}
    assert (await client.get_run(waiting.id)).status == "cancelled"
    retry = {"action": "retry", "run_id": waiting.id, "priority": 3}
    retried = await client.get_run((await client._worker._on_job("1:2", retry))["run_id"])
    assert (retried.inputs, retried.base_run_id) == ({"x": 3}, waiting.id)
    assert (retried.priority, retried.tags) == (3, {"from": "base"})


async def test_a_job_whose_run_is_in_another_state_is_tried_again(client):
    """An update waits for the end of its base run, if the job has attempts left: the error is not final."""
    base = await client.trigger("w", {"x": 1})
    with pytest.raises(RunStateError):
        await client._worker._on_job("1:1", {"action": "retry", "run_id": base.id})


async def test_a_queue_that_counts_from_1_again_loses_no_job(worker_of, queue):
    """As after a flush: a new job may have the id of an earlier one."""
    ran = []
    async with worker_of(flow_of(ran)) as worker:
        for x in (1, 2):
            job = await ended(queue, await queue.add("trigger", {"workflow": "w", "inputs": {"x": x}}))
            run = await worker.wait(job.returnvalue["run_id"])
            assert run.inputs == {"x": x}
            await queue.obliterate(force=True)
    assert ran == [1, 2]


async def test_a_full_worker_leaves_jobs_to_others(worker_of, client):
    """It does not hold a job if it has no room for the run."""
    ran, go, others = Observed(), asyncio.Event(), []
    async with worker_of(flow_of(ran, go), max_active_runs=1):
        held = await client.trigger("w", {"x": 1})
        await ran.reach()
        async with worker_of(flow_of(others)):
            run = await client.trigger("w", {"x": 2})
            assert (await client.wait(run.id)).status == "completed"
        go.set()
        assert (await client.wait(held.id)).status == "completed"
    assert (ran, others) == ([1], [2])


async def test_tenants_take_turns(worker_of, client):
    """A tenant with many waiting runs does not delay the single run of another one."""
    ran = []
    for x in range(20):
        await client.trigger("w", {"x": x}, tenant="big")
    last = await client.trigger("w", {"x": "small"}, tenant="small")
    async with worker_of(flow_of(ran), max_active_runs=1):
        await client.wait(last.id, tenant="small")
    assert ran.index("small") <= 2


async def test_a_run_that_is_handed_back_is_taken_at_once(worker_of, client):
    """When its worker ends, by the next one."""
    ran, others = Observed(), []
    async with worker_of(flow_of(ran, asyncio.Event())):
        run = await client.trigger("w", {"x": 1})
        await ran.reach()
    async with worker_of(flow_of(others)):
        assert (await client.wait(run.id)).status == "completed"
    assert (ran, others) == ([1], [1])


@pytest.mark.parametrize("queue_url", ["redis"], indirect=True)
async def test_a_redis_that_is_killed_fails_no_run(worker_of, client, redis_server, caplog):
    """Workers poll the database meanwhile. The log has one event for the failure, and one for the recovery."""
    caplog.set_level("INFO", "langgraph_runner.engine")
    ran = []

    def times_logged(event):
        return sum(record.getMessage().split()[0] == event for record in caplog.records)

    async with worker_of(flow_of(ran), poll_ms=100):
        redis_server.kill()
        for x in range(3):
            run = await client.trigger("w", {"x": x})
            assert (await client.wait(run.id)).status == "completed"
        await eventually(lambda: times_logged("dispatch.announce_failed") and times_logged("dispatch.failed"))
        redis_server.start()
        while not (times_logged("dispatch.announce_restored") and times_logged("dispatch.restored")):
            run = await client.trigger("w", {"x": 3})
            assert (await client.wait(run.id)).status == "completed"
    assert ran[:3] == [0, 1, 2]
    events = (
        "dispatch.announce_failed",
        "dispatch.failed",
        "dispatch.announce_restored",
        "dispatch.restored",
    )
    assert [times_logged(event) for event in events] == [1, 1, 1, 1]


@pytest.mark.parametrize("queue_url", ["redis"], indirect=True)
async def test_an_engine_closes_its_connections_to_the_queue(worker_of, client, redis_server):
    """The connections of clients and of workers, also after a failure of Redis."""
    async with worker_of(flow_of([]), poll_ms=100):
        await client.wait((await client.trigger("w", {"x": 1})).id)
        redis_server.kill()
        redis_server.start()
        await client.wait((await client.trigger("w", {"x": 2})).id)
    await client.close()
    assert len(redis_server.client().client_list()) == 1


@pytest.mark.parametrize(
    ("url", "options", "problem"),
    [
        ("redis://localhost", {}, "dispatch must begin with bullmq"),
        ("bullmq+http://localhost", {}, "dispatch must begin with bullmq"),
        ("bullmq+redis://localhost", {"queue": "a:b"}, "queue must have no colon"),
        ("bullmq+redis://localhost", {"queue": ""}, "queue must be text"),
        ("bullmq+redis://localhost?queue=a:b", {}, "queue must have no colon"),
        ("bullmq+redis://localhost", {"step_queue": "a:b"}, "step_queue must have no colon"),
        ("bullmq+redis://localhost", {"step_queue": "s" * 64}, "step_queue must be text of 1 to 63"),
    ],
)
def test_a_wrong_queue_is_refused(url, options, problem):
    """The message shows a valid address."""
    with pytest.raises(ValueError, match=problem):
        BullMQDispatcher(url, **options)


@pytest.mark.parametrize(
    ("query", "options", "names"),
    [
        ("", {}, [RUN_ORCHESTRATION, f"{RUN_STEPS}-gpu"]),
        ("?queue=shop&step_queue=steps", {}, ["shop", "steps-gpu"]),
        ("?queue=shop", {"queue": "own", "step_queue": "steps"}, ["own", "steps-gpu"]),
    ],
)
def test_the_names_of_the_queues_can_be_set(query, options, names):
    """By arguments or in the URL, of which the client of Redis gets the rest. An engine announces steps there."""
    dispatcher = BullMQDispatcher(f"bullmq+redis://localhost/1{query}", **options)
    steps = Announcers(dispatcher).of_steps("gpu")._dispatcher
    assert [dispatcher._name, steps._name] == names
    assert {dispatcher._url, steps._url} == {"redis://localhost/1"}


def test_the_longest_names_of_step_queues_fit():
    """The name of a step queue has up to 64 characters."""
    steps = BullMQDispatcher("bullmq+redis://localhost", step_queue="s" * 63).of_steps("g" * 64)
    assert steps._name == f"{'s' * 63}-{'g' * 64}"


def test_the_rest_of_the_address_is_unchanged():
    """It is for the client of Redis or PostgreSQL."""
    dispatcher = BullMQDispatcher("bullmq+unix:///run/redis.sock?queue=shop&db=2")
    assert dispatcher._url == "unix:///run/redis.sock?db=2"


def test_what_is_no_queue_is_refused(store_url):
    """The message lists the accepted types."""
    with pytest.raises(TypeError, match="dispatch must be of type Dispatcher, got int"):
        RunEngine(store=store_url, dispatch=6379)


class _List:
    """A queue in this process."""

    def __init__(self):
        self.announced = []
        self.paused = []

    async def announce(self, run_ids):
        self.announced.append([*run_ids])

    async def listen(self, handle):
        self.handle = handle

    def set_paused(self, paused):
        self.paused.append(paused)

    async def close(self):
        self.announced.append("closed")


async def test_a_queue_of_ones_own_is_told_of_waiting_runs_only(engine_of):
    """Runs that begin at once are not announced. Announcements end before the engine has closed."""
    queue = _List()
    async with engine_of(flow_of([]), dispatch=queue) as engine:
        await engine.run("w", {"x": 1})
        assert queue.announced == []
        engine.take_on("none")
        runs = [await engine.trigger("w", {"x": x}) for x in (2, 3)]
    assert [run.id for run in runs] == [each for some in queue.announced[:-1] for each in some]
    assert queue.announced[-1] == "closed"


def test_an_engine_with_a_queue_looks_less_often(store_url):
    """The queue announces runs. A poll finds only runs whose announcement was lost."""
    with_queue, without = RunEngine([], store=store_url, dispatch=_List()), RunEngine([], store=store_url)
    assert (with_queue._host.options.poll_ms, without._host.options.poll_ms) == (5_000, 1_000)
