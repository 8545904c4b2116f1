"""Which steps a change of the sample campaign runs, which changes it refuses, and who writes the copy."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel, SimpleChatModel

from examples.campaign.__main__ import main
from examples.campaign.craft.writer import UnusableDraftError, rewritten
from examples.campaign.models.brief import Tone
from examples.campaign.models.words import GroupHeadline, HeadlineSet
from examples.campaign.reading import SAMPLE, BriefError, read_brief
from examples.campaign.workflow import CAMPAIGN, campaign
from langgraph_runner import is_retryable_node_error
from langgraph_runner.engine import PlanAction, RunEngine, RunStatus
from langgraph_runner.workflow import ChangeRequest, ChangeRequestError, WorkflowInputError
from tests.examples.campaign_files import sample
from tests.examples.server import REPOSITORY

AUDIENCE = sample()["audience"]
STEPS = set(campaign.blueprint().steps)


@pytest.fixture
async def engine(tmp_path):
    """An engine on its own database file."""
    async with RunEngine([campaign], store=f"sqlite:///{tmp_path / 'runs.db'}") as engine:
        yield engine


async def steps_by_outcome(engine: RunEngine, run_id: str) -> dict[str, set[str]]:
    """Return the steps of a run, grouped by how they ended."""
    found: dict[str, set[str]] = {"completed": set(), "cache_hit": set(), "reused_from_base": set()}
    for step in await engine.get_run_steps(run_id):
        found[(step.reason or step.status).value].add(step.step)
    return found


@pytest.mark.req("R-63", "R-31", "R-33", "R-34")
@pytest.mark.parametrize(
    ("change", "ran", "cached"),
    [
        pytest.param(
            ChangeRequest("change_theme", {"hue": 12}),
            "theme visuals landing_page emails bundle",
            "",
            id="theme",
        ),
        pytest.param(
            ChangeRequest("change_theme", {"mode": "dark"}),
            "theme visuals landing_page emails bundle",
            "",
            id="dark",
        ),
        pytest.param(
            ChangeRequest("change_tone", {"tone": "bold"}),
            "headlines body_copy visuals landing_page emails bundle",
            "",
            id="tone",
        ),
        pytest.param(
            ChangeRequest("change_budget", {"amount": "30000"}), "media_plan calendar bundle", "", id="budget"
        ),
        pytest.param(
            ChangeRequest("change_schedule", {"weeks": 8}), "media_plan calendar bundle", "", id="schedule"
        ),
        pytest.param(
            ChangeRequest("change_headline", {"text": "Small enough for Monday"}),
            "headlines visuals landing_page bundle",
            "",
            id="headline",
        ),
        pytest.param(
            ChangeRequest("change_headline", {"text": "Under the seat", "group": "train commuters"}),
            "headlines visuals landing_page bundle",
            "",
            id="headline of a group",
        ),
        pytest.param(
            ChangeRequest("change_headline", {"text": "Arrive before the bus does. We thought of the rest."}),
            "headlines",
            "visuals landing_page bundle",
            id="headline as it was",
        ),
        pytest.param(
            ChangeRequest("change_audience", {"audience": [{**AUDIENCE[0], "weight": 60}, *AUDIENCE[1:]]}),
            "segments pillars media_plan links calendar bundle",
            "headlines body_copy visuals landing_page emails",
            id="weights",
        ),
        pytest.param(
            ChangeRequest("change_audience", {"audience": AUDIENCE[:2]}),
            "segments pillars headlines body_copy media_plan links calendar visuals landing_page emails bundle",
            "",
            id="audience",
        ),
    ],
)
async def test_a_change_runs_the_affected_steps(engine, change, ran, cached):
    """The others are reused; affected steps with the same arguments come from the cache; the plan is right."""
    base = await engine.run(CAMPAIGN, sample())
    plan = await engine.plan(base.id, change)
    run = await engine.update(base.id, change)
    assert run.status is RunStatus.COMPLETED
    found = await steps_by_outcome(engine, run.id)
    assert found["completed"] == set(ran.split())
    assert found["cache_hit"] == set(cached.split())
    assert found["reused_from_base"] == STEPS - found["completed"] - found["cache_hit"]
    assert set(plan.of(PlanAction.REUSE)) == found["reused_from_base"]
    assert set(plan.of(PlanAction.RUN)) <= found["completed"]
    assert set(plan.of(PlanAction.CACHED)) == set()


async def test_a_change_shows_in_the_right_files(engine):
    """A headline written by hand wins over a generated one, also after a change of tone."""
    base = await engine.run(CAMPAIGN, sample())
    own = await engine.update(base.id, ChangeRequest("change_headline", {"text": "Fold it"}))
    group = await engine.update(
        own.id, ChangeRequest("change_headline", {"text": "Under the seat", "group": "train commuters"})
    )
    bold = await engine.update(group.id, ChangeRequest("change_tone", {"tone": "bold"}))
    headlines = await engine.get_output(bold.id, "headlines")
    assert (headlines.hero, headlines.groups[0].text) == ("Fold it", "Under the seat")
    assert "<h1>Fold it</h1>" in (await engine.get_output(bold.id, "landing_page")).files[0].text
    assert (await engine.get_output(base.id, "headlines")).hero != "Fold it"


@pytest.mark.req("R-30")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (ChangeRequest("change_hue", {"hue": 1}), "It defines: change_theme, change_tone"),
        (ChangeRequest("change_theme", {"hue": 400}), "look.hue"),
        (ChangeRequest("change_theme", {"colour": "red"}), "colour"),
        (ChangeRequest("change_tone", {"tone": "angry"}), "tone"),
        (ChangeRequest("change_budget", {"amount": "-5"}), "budget.amount"),
        (ChangeRequest("change_headline", {"text": "x", "group": "nobody"}), "no audience group 'nobody'"),
        (ChangeRequest("change_audience", {"audience": []}), "audience"),
    ],
)
async def test_a_wrong_change_is_refused(engine, change, said):
    """No step runs. The message has the place of the problem."""
    base = await engine.run(CAMPAIGN, sample())
    with pytest.raises(ChangeRequestError, match=re.escape(said)):
        await engine.update(base.id, change)
    assert [run.id for run in await engine.list_runs()] == [base.id]


WRONG = [
    ({"tone": "angry"}, "tone: Input should be 'warm', 'bold' or 'plain'"),
    ({"look": {"hue": 360}}, "look.hue: Input should be less than or equal to 359"),
    ({"budget": {"amount": "0"}}, "budget.amount: Input should be greater than 0"),
    (
        {"budget": {"amount": "1.005"}},
        "budget.amount: Decimal input should have no more than 2 decimal places",
    ),
    ({"budget": {"amount": "5", "currency": "JPY"}}, "budget.currency"),
    ({"brand": {"name": " ", "site": "https://a.example"}}, "brand.name: must not be empty"),
    (
        {"brand": {"name": "A\x07", "site": "https://a.example"}},
        "brand.name: must not contain control characters",
    ),
    ({"brand": {"name": "A", "site": "javascript:alert(1)"}}, "brand.site: URL scheme should be"),
    ({"audience": []}, "audience: Tuple should have at least 1 item"),
    ({"audience": [AUDIENCE[0], AUDIENCE[0]]}, "audience: two groups have the same name"),
    ({"audience": [{**AUDIENCE[0], "benefit": 9}]}, "asks for benefit 9, but the product has 4"),
    ({"audience": [{**AUDIENCE[0], "channels": ["search", "search"]}]}, "names a channel twice"),
    ({"schedule": {"start": "soon", "weeks": 1}}, "schedule.start"),
    ({"wording": {"groups": {"nobody": "x"}}}, "there is no audience group 'nobody'"),
    ({"colour": "red"}, "colour: Extra inputs are not permitted"),
]


@pytest.mark.req("R-63")
@pytest.mark.parametrize(("wrong", "said"), WRONG)
async def test_a_wrong_brief_is_refused_before_anything_runs(engine, tmp_path, wrong, said):
    """The engine creates no run, and the program names the field."""
    with pytest.raises(WorkflowInputError):
        await engine.run(CAMPAIGN, sample(**wrong))
    assert await engine.list_runs() == []
    path = tmp_path / "brief.json"
    path.write_text(json.dumps(sample(**wrong)))
    with pytest.raises(BriefError, match=re.escape(said)):
        read_brief(path)


@pytest.mark.parametrize(
    ("text", "said"), [("{", "Invalid JSON"), ("[]", "brief: Input should be an object")]
)
def test_the_program_reports_an_invalid_brief(tmp_path, capsys, text, said):
    """It exits with code 2 and writes nothing."""
    path, out = tmp_path / "mine.json", tmp_path / "out"
    path.write_text(text)
    assert main([str(path), "--out", str(out)]) == 2
    assert said in capsys.readouterr().out
    assert not out.exists()
    assert main([str(tmp_path / "none.json"), "--out", str(out)]) == 2
    assert "No such file" in capsys.readouterr().out


def test_a_folder_may_have_any_name(tmp_path, capsys):
    """All files are written into it."""
    out = tmp_path / "what?=1#ü %20"
    assert main(["--out", str(out)]) == 0
    assert [path.name for path in tmp_path.iterdir()] == [out.name]
    assert (out / "runs.db").is_file()
    assert f"Open {(out / 'index.html').as_uri()}" in capsys.readouterr().out


def test_the_program_reports_a_write_error(tmp_path, capsys):
    """It exits with code 1."""
    (tmp_path / "taken").write_text("a file")
    assert main(["--out", str(tmp_path / "taken")]) == 1
    assert "File exists" in capsys.readouterr().out


@pytest.mark.req("R-63", "R-20", "R-34", "R-60")
def test_the_demo_prints_its_runs_to_a_pipe(tmp_path):
    """It prints what ran and why, and three folders; the second time no step runs."""
    command = [sys.executable, "-m", "examples.campaign", "--out", str(tmp_path)]
    first, second = (
        subprocess.run(command, capture_output=True, text=True, check=True, cwd=REPOSITORY, timeout=60)  # noqa: S603
        for _ in range(2)
    )
    assert first.stderr == second.stderr == ""
    assert "\x1b" not in first.stdout
    assert sums(first.stdout) == [
        "13 ran, 0 reused, 0 cached",
        "5 ran, 8 reused, 0 cached",
        "4 ran, 9 reused, 0 cached",
    ]
    assert sums(second.stdout) == [
        "0 ran, 0 reused, 13 cached",
        "0 ran, 8 reused, 5 cached",
        "0 ran, 9 reused, 4 cached",
    ]
    assert re.search(r"^theme +run +ran +\d+ +reads look, which changes *$", first.stdout, re.MULTILINE)
    assert re.search(
        r"^emails +maybe +ran +\d+ +receives the new output of theme *$", first.stdout, re.MULTILINE
    )
    assert "No step had to run" in second.stdout
    assert f"Open {(tmp_path / 'index.html').as_uri()}" in second.stdout
    folders = sorted(path.name for path in tmp_path.iterdir() if path.name[:3].isdigit())
    assert folders == [
        "001-first-build",
        "002-another-theme",
        "003-one-headline",
        "004-first-build",
        "005-another-theme",
        "006-one-headline",
    ]
    for early, late in zip(folders[:3], folders[3:], strict=True):
        assert files(tmp_path / early) == files(tmp_path / late)
    index = (tmp_path / "index.html").read_text()
    assert index.index("006-one-headline/index.html") < index.index("001-first-build/index.html")


def sums(output: str) -> list[str]:
    """Return the counts of each run of a demo."""
    return re.findall(r"\d+ ran, \d+ reused, \d+ cached", output)


def files(folder) -> dict[str, bytes]:
    """Return the files of a run without its note."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "run.json"
    }


class Shouting(SimpleChatModel):
    """A model that returns the object with its texts in capitals."""

    def _call(self, messages: list[Any], *_: Any, **__: Any) -> str:
        asked = json.loads(messages[-1].content)
        return f"Here it is:\n```json\n{json.dumps(loud(asked))}\n```"

    @property
    def _llm_type(self) -> str:
        return "shouting"


def loud(value: Any, key: str = "") -> Any:
    """Return texts in capitals, except those that must not change."""
    if isinstance(value, dict):
        return {name: loud(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [loud(each, key) for each in value]
    return value if key in {"id", "pillar", "segment", "question", "proof"} else value.upper()


@pytest.fixture
def models(monkeypatch):
    """A replacement of `init_chat_model()` by name. LangChain itself is not installed here."""
    known: dict[str, Any] = {}
    module = ModuleType("langchain.chat_models")
    module.init_chat_model = known.__getitem__  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "langchain", ModuleType("langchain"))
    monkeypatch.setitem(sys.modules, "langchain.chat_models", module)
    return known


async def test_a_model_may_write_the_copy(engine, models):
    """One field of the brief sets it. The copy names the writer, and the rest of the campaign uses the copy."""
    models["fake:loud"] = Shouting()
    run = await engine.run(CAMPAIGN, sample(writer="fake:loud"))
    headlines, copy = [await engine.get_output(run.id, step) for step in ("headlines", "body_copy")]
    assert headlines.hero == "ARRIVE BEFORE THE BUS DOES. WE THOUGHT OF THE REST."
    assert (headlines.written_by, copy.written_by) == ("fake:loud", "fake:loud")
    assert copy.sections[0].title == "FOLDS IN NINE SECONDS"
    assert "<h1>ARRIVE" in (await engine.get_output(run.id, "landing_page")).files[0].text


async def test_the_templates_are_the_fallback_of_a_failing_model(engine, models):
    """The run completes and reports the fallback, and the next run does not reuse the result."""

    class Broken(SimpleChatModel):
        def _call(self, *_: Any, **__: Any) -> str:
            raise TypeError("a bug")

        @property
        def _llm_type(self) -> str:
            return "broken"

    models["fake:model"] = Broken()
    first = await engine.run(CAMPAIGN, sample(writer="fake:model"))
    headlines = await engine.get_output(first.id, "headlines")
    assert first.status is RunStatus.COMPLETED
    assert headlines.written_by == "templates, because fake:model failed: TypeError"
    assert headlines.hero == "Arrive before the bus does. We thought of the rest."
    models["fake:model"] = Shouting()
    second = await engine.run(CAMPAIGN, sample(writer="fake:model"))
    assert (await engine.get_output(second.id, "headlines")).hero.startswith("ARRIVE")


DRAFT = HeadlineSet(hero="One", groups=(GroupHeadline(segment="a", text="Two"),))


@pytest.mark.parametrize(
    "answer",
    [
        "I would rather not.",
        '{"hero": "One"}',
        '{"hero": "", "groups": [{"segment": "a", "text": "Two"}]}',
        '{"hero": "One", "groups": []}',
        '{"hero": "One", "groups": [{"segment": "b", "text": "Two"}]}',
        '{"hero": "' + "x" * 91 + '", "groups": [{"segment": "a", "text": "Two"}]}',
    ],
)
def test_an_invalid_answer_is_retried(models, answer):
    """It is not an object, has too few or too many texts, or a text is too long."""
    models["fake:model"] = FakeListChatModel(responses=[answer])
    with pytest.raises(UnusableDraftError) as caught:
        rewritten(DRAFT, writer="fake:model", tone=Tone.WARM)
    assert is_retryable_node_error(caught.value)


def test_steps_with_a_model_have_timeout_retry_and_fallback():
    """This holds for both of them."""
    for name in ("headlines", "body_copy"):
        spec = campaign.blueprint().steps[name].spec
        assert (spec.retry.max_attempts, spec.timeout_ms, spec.total_timeout_ms) == (3, 60_000, 120_000)
        assert spec.fallback is not None


def test_a_model_without_langchain_is_refused_at_once(monkeypatch, capsys, tmp_path):
    """The program says what to install. The name of the model may come from the environment."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("CAMPAIGN_MODEL", "openai:gpt-5")
    assert main(["--out", str(tmp_path / "out")]) == 2
    assert "'openai:gpt-5' needs LangChain: pip install langchain" in capsys.readouterr().out
    monkeypatch.delenv("CAMPAIGN_MODEL")
    assert read_brief(SAMPLE).writer is None


def test_without_a_model_langchain_is_not_imported():
    """No module needs it."""
    program = (
        "import json, sys; from examples.campaign.workflow import campaign;"
        "campaign.as_node().invoke(json.load(sys.stdin)); print('langchain' in sys.modules)"
    )
    done = subprocess.run(  # noqa: S603 - the program is above
        [sys.executable, "-c", program],
        input=json.dumps(sample()),
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY,
        timeout=60,
    )
    assert done.stdout == "False\n"
