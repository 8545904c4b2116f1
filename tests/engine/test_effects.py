"""Steps with side effects."""

import warnings
from datetime import timedelta

import pytest

from langgraph_runner.engine import PlanAction, RunNotFoundError
from langgraph_runner.engine.rebuild.base_run import BaseRun
from langgraph_runner.workflow import CacheScope, ChangeRequest, Workflow, WorkflowDefinitionError

pytestmark = pytest.mark.req("R-7")


def mailing():
    """A workflow that sends a mail, and the mails that were sent."""
    flow, sent = Workflow("w"), []

    @flow.step
    def text(inputs) -> str:
        return f"Dear {inputs['name']}"

    @flow.step(effects=True)
    def mail(text: str) -> None:
        sent.append(text)

    @flow.step
    def total(inputs, mail: None) -> int:
        if inputs.get("fails") and len(sent) == 1:
            sent.append("failed")
            raise ValueError("down")
        return inputs.get("total", 1)

    flow.on_change("set")
    return flow, sent


async def test_each_run_acts_though_its_inputs_are_known(engine_of):
    """The second mail is sent too, also if both runs are active at the same time."""
    flow, sent = mailing()
    async with engine_of(flow) as engine:
        for _ in range(2):
            await engine.run("w", {"name": "Ann"})
        runs = [await engine.trigger("w", {"name": "Ann"}) for _ in range(2)]
        ended = [await engine.wait(run.id) for run in runs]
    assert sent == ["Dear Ann"] * 4
    assert [run.steps for run in ended] == [{"completed": 1, "skipped": 2}] * 2


async def test_a_retry_does_not_act_again(engine_of):
    """The mail was sent before the run failed."""
    flow, sent = mailing()
    async with engine_of(flow) as engine:
        failed = await engine.run("w", {"name": "Ann", "fails": True})
        assert (await engine.retry(failed.id)).status == "completed"
    assert sent == ["Dear Ann", "failed"]


@pytest.mark.req("R-34")
async def test_an_update_acts_only_if_the_change_touches_the_step(engine_of):
    """Otherwise the step is reused. The plan says which of both happens."""
    flow, sent = Workflow("w"), []

    @flow.step
    def text(inputs) -> str:
        return "Hello"

    @flow.step(effects=True)
    def mail(text: str) -> None:
        sent.append(text)

    flow.step(lambda: 1, id="other", output=int)
    flow.on_change("nothing", reruns=["other"])
    flow.on_change("text", reruns=["text"])
    flow.on_change("mail", reruns=["mail"])
    async with engine_of(flow) as engine:
        base = await engine.run("w", {})
        await engine.update(base.id, ChangeRequest("nothing"))
        assert len(sent) == 1
        plan = await engine.plan(base.id, ChangeRequest("mail"))
        await engine.update(base.id, ChangeRequest("mail"))
        assert len(sent) == 2
        await engine.update(base.id, ChangeRequest("text"))
        assert len(sent) == 3
    assert plan.of(PlanAction.RUN) == ["mail"]
    assert plan.steps[1].why == (
        "the change names it; it acts on the world (effects=True), so it is never served"
    )


@pytest.mark.parametrize(
    "options", [{"effects": False}, {"effects": True}, {"cache": "none"}, {"output": int}]
)
def test_a_step_that_returns_none_says_what_it_is_or_is_warned_of(options):
    """Apart from its effect there is nothing to cache."""

    def mail(inputs) -> None: ...

    silent = Workflow("w")
    silent.step(mail)
    with pytest.warns(UserWarning, match=r"step 'mail' returns None .* Set effects=True"):
        silent.blueprint()
    plain = Workflow("w")
    plain.step(mail, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain.blueprint()


@pytest.mark.parametrize(
    "body", ["print(inputs)", "if inputs:\n        return\n    print(inputs)", "print(inputs); return None"]
)
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_step_without_annotation_that_returns_nothing_is_warned_of(kind, body):
    """The warning is derived from its code."""
    flow = Workflow("w")
    flow.step(made(kind, body), id="mail")
    with pytest.warns(UserWarning, match="step 'mail' returns None"):
        flow.blueprint()


def test_an_object_that_is_called_is_warned_of_as_a_function_is():
    """The code is in its class."""

    class Mailer:
        def __call__(self, inputs):
            str(inputs)

    flow = Workflow("w")
    flow.step(Mailer(), id="mail")
    with pytest.warns(UserWarning, match="step 'mail' returns None"):
        flow.blueprint()


def made(kind, body):
    """A function with this body."""
    names = {}
    parameters = "ctx" if "ctx" in body else "inputs"
    exec(f"{kind} mail({parameters}):\n    {body}", names)  # noqa: S102 - written here
    return names["mail"]


@pytest.mark.parametrize(
    "body",
    [
        "if inputs:\n        return None\n    return inputs",
        "return None if inputs else 1",
        "raise NotImplementedError",
        "...",
        "ctx.save_artifact('a.txt', b'', 'text/plain')",
    ],
)
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_step_that_may_return_something_is_not_warned_of(kind, body):
    """A step that may save files, or that is still empty, is not warned of either."""
    flow = Workflow("w")
    flow.step(made(kind, body), id="mail")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        flow.blueprint()


def test_a_workflow_gives_the_cache_scope_of_its_steps():
    """A step can override it. A step with effects has none."""
    flow = Workflow("w", cache="run_only")
    flow.step(lambda: 1, id="a", output=int)
    flow.step(lambda: 1, id="b", output=int, cache="global")
    flow.step(lambda: 1, id="c", output=int, effects=True)
    scopes = [step.cache for step in flow.blueprint().steps.values()]
    assert scopes == [CacheScope.RUN_ONLY, CacheScope.GLOBAL, CacheScope.NONE]
    with pytest.raises(WorkflowDefinitionError, match=r"cache must be one of global, .* got 'sometimes'"):
        Workflow.from_spec(flow.spec).__class__("w", cache="sometimes").blueprint()


def test_effects_and_a_cache_scope_are_refused_together():
    """They contradict each other."""
    flow = Workflow("w")
    flow.step(lambda: 1, id="a", effects=True, cache="global")
    with pytest.raises(WorkflowDefinitionError, match="cache must be left out with effects=True"):
        flow.blueprint()


@pytest.mark.parametrize("how", ["prune", "archive"])
@pytest.mark.parametrize("derive", ["update", "retry"])
async def test_a_base_run_that_is_deleted_meanwhile_acts_no_second_time(
    engine_of, tmp_path, monkeypatch, derive, how
):
    """The write that creates the new run finds that its base is gone, and refuses."""
    flow, sent = mailing()
    real = BaseRun.reuse
    age = {"older_than": timedelta(0)}

    async def deleted_first(base, *arguments, **options):
        reuse = await real(base, *arguments, **options)
        await (engine.prune(**age) if how == "prune" else engine.archive(tmp_path, **age))
        return reuse

    async with engine_of(flow) as engine:
        base = await engine.run("w", {"name": "Ann", "fails": derive == "retry"})
        acts = len(sent)
        monkeypatch.setattr(BaseRun, "reuse", deleted_first)
        change = ChangeRequest("set", {"total": 2})
        call = engine.update(base.id, change) if derive == "update" else engine.retry(base.id)
        with pytest.raises(RunNotFoundError, match=base.id):
            await call
        assert await engine.list_runs() == []
    assert len(sent) == acts
