"""The sample workflow makes a real campaign: each of its files is valid."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from datetime import date, timedelta
from itertools import pairwise
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.campaign.craft.calendars import Entry, calendar_text
from examples.campaign.craft.colour import Oklch, contrast, readable
from examples.campaign.craft.money import split
from examples.campaign.craft.names import slug
from examples.campaign.craft.typesetting import fitted, width
from examples.campaign.craft.wording import lower, with_article
from examples.campaign.graph import graph
from examples.campaign.models.brief import Look
from examples.campaign.steps.theme import theme
from examples.campaign.workflow import CAMPAIGN, campaign
from langgraph_runner.engine import RunEngine, RunStatus
from langgraph_runner.workflow import ArtifactRef, StepContext
from tests.examples.campaign_files import Page, calendar_events, sample
from tests.examples.server import REPOSITORY

SVG = "{http://www.w3.org/2000/svg}"
STEPS = [
    "brief",
    "segments",
    "pillars",
    "theme",
    "headlines",
    "body_copy",
    "media_plan",
    "links",
    "calendar",
    "visuals",
    "landing_page",
    "emails",
    "bundle",
]


class Built(NamedTuple):
    """A campaign: the outputs of its steps, and its files."""

    outputs: dict[str, Any]
    files: dict[str, bytes]
    media_types: dict[str, str]


class Kept(dict[str, tuple[bytes, str]]):
    """Stores artifacts in memory."""

    def save(self, step: str, name: str, data: bytes, media_type: str) -> ArtifactRef:
        """Store a file."""
        assert name not in self, "two steps save files of one name"
        self[name] = (data, media_type)
        sha256 = hashlib.sha256(data).hexdigest()
        return ArtifactRef(name, f"memory:{sha256}", media_type, len(data), sha256)


def build(inputs) -> Built:
    """Run the workflow once, in memory."""
    kept = Kept()
    outputs = campaign.as_node(artifacts=kept).invoke(inputs)
    return Built(
        outputs,
        {name: data for name, (data, _) in kept.items()},
        {name: kind for name, (_, kind) in kept.items()},
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Built:
    """The campaign of the sample brief, run by the engine."""
    folder = tmp_path_factory.mktemp("campaign")
    with RunEngine.sync([campaign], store=f"sqlite:///{folder / 'runs.db'}") as engine:
        run = engine.run(CAMPAIGN, sample())
        assert (run.status, run.error) == (RunStatus.COMPLETED, None)
        refs = [ref for saved in engine.get_run_artifacts(run.id).values() for ref in saved]
        return Built(
            {step: engine.get_output(run.id, step) for step in STEPS},
            {ref.name: engine.read_artifact(ref) for ref in refs},
            {ref.name: ref.media_type for ref in refs},
        )


def drawing(text: str) -> ET.Element:
    """Return the root of an SVG file. Invalid XML fails."""
    return ET.fromstring(text)  # noqa: S314 - made a moment ago


def context() -> StepContext:
    """Return a `ctx` for a step that is called as a function."""
    return StepContext(run_id="r", workflow=CAMPAIGN, step="s", tenant="t", sink=None)


@pytest.mark.req("R-63", "R-1")
def test_the_workflow_has_its_thirteen_steps(built: Built):
    """Each has an output, and each file has its own name."""
    assert [*campaign.blueprint().steps] == STEPS
    assert len(STEPS) == 13
    assert {"index.html", "images/hero.svg", "plan/calendar.ics", "halden-one.zip"} <= set(built.files)


def test_contrast_follows_wcag():
    """The expected ratios are published: black on white, and the lightest grey that passes on white."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.005)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)
    assert contrast("#ff0000", "#ffffff") == pytest.approx(4.0, abs=0.005)


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("hue", range(0, 360, 15))
def test_every_hue_gives_a_readable_theme(hue, mode):
    """Each pair of colours has the required contrast for any hue of the brand."""
    made = theme(Look(hue=hue, mode=mode), context())
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in made.colours.values())
    for check in made.checks:
        assert contrast(made[check.text], made[check.ground]) >= check.required >= 3
        assert check.ratio <= contrast(made[check.text], made[check.ground])


def test_a_colour_without_contrast_is_corrected():
    """Yellow on white becomes darker and stays yellow. The theme records the original colour."""
    yellow = Oklch(0.9, 0.17, 100)
    assert contrast(yellow.hex(), "#ffffff") < 1.5
    corrected = readable(yellow, "#ffffff", 4.5)
    assert contrast(corrected.hex(), "#ffffff") == pytest.approx(4.5, abs=0.1)
    assert corrected._replace(lightness=0.9) == yellow
    checks = theme(Look(hue=172), context()).checks
    assert any(check.corrected_from for check in checks)
    with pytest.raises(ValueError, match="nothing has a contrast of 15"):
        readable(yellow, "#808080", 15)


@given(st.integers(0, 10**12), st.lists(st.integers(0, 10**6), min_size=1, max_size=40).filter(any))
def test_no_cent_is_lost(cents, weights):
    """The parts add up to the amount, and each is less than a cent away from its exact share."""
    parts = split(cents, weights)
    assert sum(parts) == cents
    total = sum(weights)
    assert all(
        abs(part * total - cents * weight) < total for part, weight in zip(parts, weights, strict=True)
    )


@pytest.mark.parametrize("amount", ["24000.00", "0.01", "99999.99", "150.07"])
def test_the_plan_spends_the_budget_exactly(amount):
    """The sums by flight, by week, and in the file are exact."""
    made = build(sample(budget={"amount": amount, "currency": "GBP"}))
    plan = made.outputs["media_plan"]
    cents = round(float(amount) * 100)
    assert plan.total_cents == sum(flight.cents for flight in plan.flights) == cents
    assert all(sum(flight.weekly_cents) == flight.cents for flight in plan.flights)
    assert sum(plan.by_channel().values()) == cents
    header, *rows, total = csv.reader(io.StringIO(made.files["plan/media-plan.csv"].decode()))
    assert header[2] == "GBP"
    assert round(sum(float(row[2]) for row in rows) * 100) == round(float(total[2]) * 100) == cents
    assert len(header) == len(total) == 4 + plan.weeks


def test_segments_get_money_by_weight(built: Built):
    """A channel that would get too little gets nothing."""
    plan = built.outputs["media_plan"]
    by_segment = {
        name: sum(each.cents for each in plan.flights if each.segment == name)
        for name in ("train-commuters", "people-in-upstairs-flats", "weekend-explorers")
    }
    assert [*by_segment.values()] == [1_200_000, 720_000, 480_000]
    assert [each.channel for each in plan.flights if each.segment == "train-commuters"] == [
        "search",
        "social",
        "outdoor",
    ]


def test_a_small_budget_goes_to_few_channels():
    """With 150 euros there is one channel for each segment."""
    plan = build(sample(budget={"amount": 150})).outputs["media_plan"]
    assert len(plan.flights) == 3


@pytest.mark.parametrize("tone", ["warm", "bold", "plain"])
def test_the_copy_contains_the_facts_of_the_brief(tone):
    """It has claims, proofs and offer, and no gaps, doubled words or open placeholders."""
    made = build(sample(tone=tone))
    copy, headlines = made.outputs["body_copy"], made.outputs["headlines"]
    text = json.dumps([copy.model_dump(), headlines.model_dump()])
    for benefit in sample()["product"]["benefits"]:
        assert benefit["proof"] in text
        assert benefit["detail"] in text
    assert sample()["product"]["offer"] in copy.closing
    assert not re.search(r"[{}]\w|\w[{}]|  |\.\.|\b(\w+) \1\b|lorem", " ".join(_texts(copy)))
    assert all(each[0] == each[0].upper() for each in _texts(copy))
    assert len({headlines.hero, *(each.text for each in headlines.groups)}) == 4


def _texts(copy) -> list[str]:
    paragraphs = [
        text for mail in copy.mails for text in (mail.subject, mail.preheader, mail.title, *mail.paragraphs)
    ]
    answers = [question.answer for question in copy.questions]
    return [
        copy.lead,
        copy.closing,
        *(each.text for each in (*copy.sections, *copy.posts)),
        *answers,
        *paragraphs,
    ]


def test_the_tones_differ():
    """The facts are the same, the wording is not."""
    leads = {build(sample(tone=tone)).outputs["body_copy"].lead for tone in ("warm", "bold", "plain")}
    assert len(leads) == 3


def test_advertisements_respect_the_limits(built: Built):
    """30 and 90 characters for search, 280 for posts."""
    copy = built.outputs["body_copy"]
    assert all(len(title) <= 30 for ad in copy.ads for title in ad.titles)
    assert all(len(text) <= 90 for ad in copy.ads for text in ad.descriptions)
    assert all(len(ad.titles) >= 3 and len(ad.descriptions) >= 2 for ad in copy.ads)
    assert all(len(post.text) <= 280 for post in copy.posts)


@pytest.mark.parametrize(
    ("noun", "expected"),
    [
        ("folding e-bike", "a folding e-bike"),
        ("e-bike", "an e-bike"),
        ("hour glass", "an hour glass"),
        ("unicycle", "a unicycle"),
        ("umbrella", "an umbrella"),
        ("European tour", "a European tour"),
    ],
)
def test_articles_follow_the_sound(noun, expected):
    """The sound of the first letter decides between "a" and "an"."""
    assert with_article(noun) == expected


def test_acronyms_keep_their_capitals():
    """Only the first word of a sentence is lowered."""
    assert [lower("Folds flat"), lower("LED light"), lower("60 km")] == ["folds flat", "LED light", "60 km"]


def test_images_use_the_theme_and_the_headline(built: Built):
    """They are well-formed SVG of the right size, with the whole headline inside the picture."""
    visuals, colours = built.outputs["visuals"], built.outputs["theme"].colours
    headlines = built.outputs["headlines"]
    said = {"share": headlines.hero, "story": headlines.hero}
    said |= {f"social-{each.segment}": each.text for each in headlines.groups}
    assert [card.path for card in visuals.cards] == [f"images/{name}.svg" for name in said]
    for image in visuals.files:
        root = drawing(image.text)
        assert (root.get("width"), root.get("height")) == (str(image.width), str(image.height))
        assert root.find(f"{SVG}title").text
        assert {colours["ridge_1"], colours["ridge_5"]} <= {each.get("fill") for each in root.iter()}
        assert len(root.findall(f"{SVG}polygon")) == 5
    for card, headline in zip(visuals.cards, said.values(), strict=True):
        lines = drawing(card.text).findall(f"{SVG}text")
        assert [line.text for line in lines] == ["Halden Cycles", *_lines(lines), "Book a test ride"]
        assert " ".join(_lines(lines)) == headline
        for line in lines:
            x, size = float(line.get("x")), float(line.get("font-size"))
            assert 0 < x < x + width(line.text, size) <= card.width - x + 1
            assert size < float(line.get("y")) < card.height


def _lines(texts) -> list[str]:
    return [line.text for line in texts[1:-1]]


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]) | st.just(" "), min_size=1),
    st.floats(60, 1200),
)
def test_any_text_fits_its_box(text, room):
    """With long words, scripts without blanks and far too much text, no line is too wide and no block too high."""
    block = fitted(text, box=(room, 300), size=100, least=30)
    assert all(width(line, block.size) <= room for line in block.lines if len(line) > 1)
    assert block.height <= 300
    assert 30 <= block.size <= 100


def test_lines_have_similar_widths():
    """The last line does not have a single short word."""
    lines = fitted("Some days you just want to go further than that", box=(620, 400), size=60, least=60).lines
    widths = [width(line, 60) for line in lines]
    assert min(widths) > 0.6 * max(widths)


def test_the_landing_page_is_complete_and_accessible(built: Built):
    """It is well-formed and has one title, headings in order and alternative texts; links and images have targets."""
    page = Page(built.files["index.html"].decode())
    assert page.all("html") == [{"lang": "en"}]
    assert [each["name"] for each in page.all("meta") if "name" in each] == [
        "viewport",
        "description",
        "theme-color",
    ]
    headings = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert headings.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(headings))
    ids = [each["id"] for _, each in page.tags if "id" in each]
    assert len({*ids}) == len(ids)
    assert {each["href"][1:] for each in page.all("a") if each["href"].startswith("#")} <= {*ids}
    assert {each["aria-labelledby"] for each in page.all("section")} <= {*ids}
    assert all("alt" in each and each["width"] and each["height"] for each in page.all("img"))
    assert page.local_targets() == {"images/hero.svg"} <= set(built.files)
    assert len(page.all("main")) == 1
    for said in (
        built.outputs["headlines"].hero,
        built.outputs["body_copy"].lead,
        "Will it fit on a full train?",
    ):
        assert said in page.text


def test_on_a_phone_the_picture_stands_below_the_button(built: Built):
    """Behind the text, as on a wide screen, the button would cover it."""
    page = built.files["index.html"].decode()
    wide, _, rest = page.partition("@media (max-width: 44rem) {")
    narrow = rest.partition("\n}\n")[0]
    assert ".stage img { position: absolute;" in wide
    assert ".stage img { position: static; order: 1;" in narrow
    assert ".stage { display: flex; flex-direction: column; padding-bottom: 0; }" in narrow


def test_mails_work_in_mail_programs(built: Built):
    """They use tables for layout and inline colours, and have a plain text and an unsubscribe link."""
    assert [mail.id for mail in built.outputs["body_copy"].mails] == ["announcement", "proof", "last-call"]
    for mail in built.outputs["body_copy"].mails:
        page = Page(built.files[f"emails/{mail.id}.html"].decode())
        plain = built.files[f"emails/{mail.id}.txt"].decode()
        assert all(each["role"] == "presentation" for each in page.all("table"))
        assert page.all("link") == page.all("script") == page.all("style") == []
        (go, out) = page.all("a")
        assert built.outputs["theme"]["brand"] in go["style"]
        assert f"utm_content={mail.id}" in go["href"]
        assert out["href"] == "{{unsubscribe_url}}"
        assert plain.startswith(f"Subject: {mail.subject}\n")
        for paragraph in mail.paragraphs:
            assert paragraph in page.text
            assert paragraph in plain
        assert go["href"] in plain


def test_links_have_utm_parameters(built: Built):
    """The query of the site is kept. The ids are short and unique."""
    links = built.outputs["links"].links
    assert len({link.id for link in links}) == len(links) == 13
    for link in links:
        query = {name: values[0] for name, values in parse_qs(urlsplit(link.url).query).items()}
        source, _, content = link.placement.partition(":")
        assert (
            query.items()
            >= {
                "shop": "all",
                "utm_source": source,
                "utm_campaign": "halden-one",
                "utm_content": content,
            }.items()
        )
        assert link.short_url == f"https://halden-cycles.example/go/{link.id}"
    redirects = [line.split(" ") for line in built.files["_redirects"].decode().splitlines()]
    assert redirects == [[f"/go/{link.id}", link.url, "302"] for link in links]


def test_ids_of_links_do_not_depend_on_other_links(built: Built):
    """A link on a printed poster must not change."""
    more = [*sample()["audience"], {**sample()["audience"][0], "name": "students", "weight": 90}]
    after = {link.placement: link.id for link in build(sample(audience=more)).outputs["links"].links}
    before = {link.placement: link.id for link in built.outputs["links"].links}
    assert after.items() > before.items()


@pytest.mark.parametrize("weeks", [1, 6, 26])
def test_the_calendar_is_valid(weeks):
    """Lines and ids are valid. All dates but the review are within the campaign; mails go out on workdays."""
    inputs = sample(schedule={"start": "2027-02-27", "weeks": weeks})
    events = calendar_events(build(inputs).files["plan/calendar.ics"])
    assert len({event["UID"] for event in events}) == len(events)
    mails = [event for event in events if "DTSTART" in event]
    assert [event["SUMMARY"] for event in mails] == [
        "Send e-mail: announcement",
        "Send e-mail: proof",
        "Send e-mail: last-call",
    ]
    assert all(date.fromisoformat(event["DTSTART"][:8]).weekday() < 5 for event in mails)
    runs = next(event for event in events if event["SUMMARY"] == "Search runs")
    assert runs["DTSTART;VALUE=DATE"] == "20270227"
    assert date.fromisoformat(runs["DTEND;VALUE=DATE"]) == date(2027, 2, 27) + timedelta(weeks=weeks)
    assert sum(event["SUMMARY"].startswith("Review") for event in events) == weeks - 1


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]) | st.just("\n"), max_size=200))
def test_lines_of_a_calendar_fold_and_unfold(text):
    """They fold at 75 octets, never within a character, and a reader gets the original text."""
    data = calendar_text("c", [Entry("u", date(2027, 1, 1), 1, text, "n")], stamp=date(2027, 1, 1)).encode()
    (event,) = calendar_events(data)
    back = re.sub(
        r"\\(.)", lambda mark: "\n" if mark[1] == "n" else mark[1], event["SUMMARY"], flags=re.DOTALL
    )
    assert back == text


def test_the_bundle_has_all_files(built: Built):
    """The files equal the saved artifacts, in order, and the manifest describes each."""
    archive = zipfile.ZipFile(io.BytesIO(built.files["halden-one.zip"]))
    assert archive.testzip() is None
    assert archive.namelist() == sorted(archive.namelist())
    assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    inside = {name: archive.read(name) for name in archive.namelist()}
    saved = {name: data for name, data in built.files.items() if name != "halden-one.zip"}
    assert {name: inside[name] for name in saved} == saved
    assert set(inside) - set(saved) == {"strategy.md"}
    listed = json.loads(inside.pop("manifest.json"))["files"]
    assert [entry["path"] for entry in listed] == sorted(inside)
    for entry in listed:
        data = inside[entry["path"]]
        assert (entry["size"], entry["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
        assert entry["media_type"] == built.media_types.get(entry["path"], "text/markdown")
    bundle = built.outputs["bundle"]
    assert (bundle.size, bundle.sha256) == (
        len(built.files["halden-one.zip"]),
        hashlib.sha256(built.files["halden-one.zip"]).hexdigest(),
    )


PROGRAM = """
import json, sys
from examples.campaign.workflow import campaign
print(campaign.as_node().invoke(json.load(sys.stdin))["bundle"].sha256)
"""


@pytest.mark.req("R-63", "R-4")
def test_the_same_brief_gives_the_same_bytes(built: Built):
    """Other processes have other hash seeds, time zones and languages."""
    found = set()
    for seed, zone in (("1", "Pacific/Auckland"), ("2", "America/Lima")):
        environment = os.environ | {"PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": "C"}
        done = subprocess.run(  # noqa: S603 - the program is above
            [sys.executable, "-c", PROGRAM],
            input=json.dumps(sample()),
            capture_output=True,
            text=True,
            check=True,
            cwd=REPOSITORY,
            env=environment,
            timeout=60,
        )
        found.add(done.stdout.strip())
    assert found == {built.outputs["bundle"].sha256}


@pytest.mark.req("R-5")
async def test_the_graph_gives_the_same_campaign(built: Built):
    """Studio shows what the engine stores; sync and async."""
    expected = {step: output.model_dump(mode="json") for step, output in built.outputs.items()}
    state = graph.invoke({"inputs": sample()})
    assert state["outputs"] == expected
    assert set(state["steps"].values()) == {"completed"}
    assert (await graph.ainvoke({"inputs": sample()}))["outputs"] == expected


def test_no_text_of_a_brief_becomes_markup():
    """Tags, quotes, ampersands, commas, emoji and long words leave every file valid."""
    hostile = "<script>alert('1')</script> & \"co\", 🚲ünïcode"
    inputs = sample()
    inputs["brand"]["name"] = hostile
    inputs["product"] |= {
        "name": f"=cmd {hostile}",
        "kind": "x" * 60,
        "offer": hostile,
        "action": "<b>&'\";,\\",
    }
    inputs["audience"][0] |= {"name": hostile, "wants": hostile, "worry": hostile}
    inputs["product"]["benefits"][0] |= {"title": "W" * 60, "detail": hostile, "proof": hostile}
    made = build(inputs)
    for name, data in made.files.items():
        if name.endswith(".svg"):
            assert not [*drawing(data.decode()).iter(f"{SVG}script")]
        elif name.endswith(".html"):
            assert Page(data.decode()).all("script") == []
        elif name.endswith(".csv"):
            cells = [cell for row in csv.reader(io.StringIO(data.decode())) for cell in row]
            assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)
    assert hostile in Page(made.files["index.html"].decode()).text
    assert calendar_events(made.files["plan/calendar.ics"])
    assert f"{slug(inputs['product']['name'])}.zip" in made.files


def test_groups_whose_names_look_alike_stay_apart():
    """Their ids, links and images differ."""
    one, two = sample()["audience"][:2]
    made = build(sample(audience=[{**one, "name": "Café-goers"}, {**two, "name": "cafe goers"}]))
    assert [each.id for each in made.outputs["segments"].segments] == ["cafe-goers", "cafe-goers-2"]
    assert {"images/social-cafe-goers.svg", "images/social-cafe-goers-2.svg"} <= set(made.files)
