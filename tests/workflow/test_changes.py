"""Change requests: the new inputs, and the steps that are affected."""

from __future__ import annotations

import copy
import dataclasses
import json
import re
from functools import reduce
from operator import getitem
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, model_serializer, model_validator
from pydantic_core import from_json, to_json

from langgraph_runner.workflow import ChangeRequest, ChangeRequestError, StepSpec, Workflow, WorkflowSpec
from langgraph_runner.workflow.blueprint import Blueprint
from langgraph_runner.workflow.changes import Impact, apply_merge_patch, impact_of
from tests.workflow.test_dag import dags, reachable

pytestmark = pytest.mark.req("R-30")

# The examples of RFC 7396, appendix A: original, patch, result.
RFC_7396 = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


class Brand(BaseModel):
    """A part of the inputs."""

    hue: int
    name: str = "ACME"


class Brief(BaseModel):
    """The inputs. One field has another name in JSON."""

    model_config = ConfigDict(populate_by_name=True)

    brand: Brand
    budget: int = Field(default=10, alias="Budget")


class Repaint(BaseModel):
    """A payload with a default."""

    hue: int
    bold: bool = False


@dataclasses.dataclass
class Rename:
    """A payload whose default would change the inputs."""

    brand: dict[str, str]
    Budget: int | None = None


BASE = {"brand": {"hue": 10, "name": "ACME"}, "Budget": 10}


def flow() -> Workflow:
    """Return a workflow whose steps read different fields."""
    made = Workflow("w", inputs=Brief)
    made.step(lambda brand: brand.hue, id="theme")
    made.step(lambda budget: budget, id="media")
    made.step(lambda theme: theme, id="page")
    made.step(lambda media, page: [media, page], id="bundle")
    made.step(lambda: 1, id="alone")
    made.step(lambda x: x, id="picked", input_selector=lambda sources: {"x": sources.inputs.budget})
    made.on_change("merge")
    made.on_change("redo", reruns=["page"])
    made.on_change("repaint", payload=Repaint, apply=repaint)
    made.on_change("rename", payload=Rename)
    return made


def repaint(inputs: dict[str, Any], payload: dict[str, Any]) -> dict[str, Any]:
    """Change the inputs in place, as users do."""
    inputs["brand"]["hue"] = payload["hue"] + (100 if payload["bold"] else 0)
    return inputs


def impact(type: str, payload: Any = None, base: Any = None) -> Impact:  # noqa: A002
    """Return the impact of a change of these inputs."""
    change = ChangeRequest(type, {} if payload is None else payload)
    return impact_of(flow().blueprint(), change, to_json(BASE if base is None else base))


@pytest.mark.parametrize(
    ("original", "patch", "result"), RFC_7396, ids=[str(n) for n in range(len(RFC_7396))]
)
def test_a_merge_follows_rfc_7396(original: Any, patch: Any, result: Any) -> None:
    """Neither the original nor the patch is changed."""
    before = copy.deepcopy((original, patch))
    assert apply_merge_patch(original, patch) == result
    assert (original, patch) == before


@pytest.mark.req("R-31")
def test_readers_of_a_changed_field_and_their_dependents_are_impacted() -> None:
    """A step with an input_selector counts as a reader of every field."""
    found = impact("merge", {"brand": {"hue": 20}})
    assert from_json(found.inputs) == {"brand": {"hue": 20, "name": "ACME"}, "Budget": 10}
    assert found.changed_fields == {"brand"}
    assert found.seeds == {"theme", "picked"}
    assert found.impacted == {"theme", "picked", "page", "bundle"}


@pytest.mark.req("R-31")
def test_a_field_with_an_alias_is_known_by_its_parameter() -> None:
    """In JSON it has its alias."""
    found = impact("merge", {"Budget": 20})
    assert (found.changed_fields, found.seeds) == ({"budget"}, {"media", "picked"})


def test_steps_that_the_change_names_run_again_in_any_case() -> None:
    """They run even if no field differs."""
    found = impact("redo")
    assert (found.changed_fields, found.impacted) == (frozenset(), {"page", "bundle"})


def test_a_change_without_effect_impacts_no_step() -> None:
    """The new values equal the old ones."""
    assert impact("merge", {"Budget": 10}).impacted == frozenset()


def test_apply_returns_the_new_inputs() -> None:
    """It receives a copy of the old inputs, and the payload with its defaults."""
    assert from_json(impact("repaint", {"hue": 5}).inputs)["brand"]["hue"] == 5
    assert from_json(impact("repaint", {"hue": "5", "bold": True}).inputs)["brand"]["hue"] == 105


def test_only_given_keys_are_merged() -> None:
    """Neither the defaults of the payload's model nor its unknown keys are merged."""
    found = impact("rename", {"brand": {"name": "Tea"}, "else": 1})
    assert from_json(found.inputs) == {"brand": {"hue": 10, "name": "Tea"}, "Budget": 10}


@pytest.mark.parametrize(
    ("type", "payload", "problem"),
    [
        ("merg", {}, r"does not define it. It defines: merge, redo, repaint, rename. Did you mean 'merge'\?"),
        (None, {}, "does not define it"),
        (
            "merge",
            {"brandd": {"hue": 1}},
            r"no field 'brandd'. They have: Budget, brand. Did you mean 'brand'\?",
        ),
        ("merge", {"budget": 20}, "no field 'budget'"),
        ("merge", {"nothing": None}, "no field 'nothing'"),
        (
            "merge",
            {"brand": {"heu": 1}},
            r"no field 'brand\.heu'. 'brand' has: hue, name. Did you mean 'hue'\?",
        ),
        ("merge", {"brand": None}, "the changed inputs do not fit. .*brand: Field required"),
        ("merge", {"brand": {"hue": "blue"}}, "the changed inputs do not fit"),
        ("merge", {"Budget": float("nan")}, "the payload is not JSON"),
        (
            "merge",
            {"Budget": json.loads("[" * 500 + "]" * 500)},
            "nested more than 192 levels deep; flatten it",
        ),
        ("merge", {"Budget": {1, 2}}, "the payload is not JSON"),
        ("merge", {"Budget": (1, 2)}, "the payload is not JSON: .*tuple"),
        ("merge", {"brand": {1: 2}}, "the payload is not JSON"),
        ("merge", [1], "the payload must be a dict, got a list"),
        ("merge", "x", "the payload must be a dict, got a str"),
        ("repaint", {}, "the payload does not fit: hue: Field required"),
        ("rename", {"brand": {"name": 3}}, "the payload does not fit: brand.name"),
    ],
)
def test_a_change_that_does_not_fit_is_refused(type: Any, payload: Any, problem: str) -> None:  # noqa: A002
    """The error has the type of the change and the name of the workflow."""
    with pytest.raises(ChangeRequestError, match=problem) as refused:
        impact(type, payload)
    assert (refused.value.workflow, refused.value.type) == ("w", str(type))


@pytest.mark.parametrize(
    ("apply", "problem"),
    [
        (lambda inputs, payload: inputs["no"], r"apply\(\) failed: KeyError"),
        (lambda inputs, payload: None, "the changed inputs do not fit"),
        (lambda inputs, payload: 3, "the changed inputs do not fit"),
        (lambda inputs: {}, r"apply\(\) failed: TypeError"),
    ],
    ids=["raises", "none", "number", "signature"],
)
def test_an_exception_of_apply_refuses_the_change(apply: Any, problem: str) -> None:
    """No run is created."""
    made = Workflow("w", inputs=Brief)
    made.step(lambda brand: 1, id="a")
    made.on_change("x", apply=apply)
    with pytest.raises(ChangeRequestError, match=problem):
        impact_of(made.blueprint(), ChangeRequest("x"), to_json(BASE))


def test_the_base_inputs_and_the_request_are_not_changed() -> None:
    """The caller still uses them."""
    payload, base = {"brand": {"name": None, "hue": 3}}, copy.deepcopy(BASE)
    before = copy.deepcopy((payload, base))
    impact("merge", payload, base)
    assert (payload, base) == before


def test_without_a_model_any_key_may_be_merged() -> None:
    """All steps that read the inputs read them as a whole."""
    made = Workflow("w")
    made.step(lambda inputs: inputs, id="a")
    made.step(lambda: 1, id="b")
    made.on_change("x")
    found = impact_of(
        made.blueprint(), ChangeRequest("x", {"new": 1, "old": None, "none": None}), b'{"old":1}'
    )
    assert (found.inputs, found.impacted) == (b'{"new":1}', {"a"})


class Detail(BaseModel):
    """Parts of inputs with keys of many names."""

    model_config = ConfigDict(populate_by_name=True)

    size: int = Field(default=1, alias="Size")
    more: Brand | None = None


class Loose(BaseModel):
    """A part that accepts any key."""

    model_config = ConfigDict(extra="allow")


class Lenient(BaseModel):
    """A part that reads a key by another name."""

    grams: int = 1

    @model_validator(mode="before")
    @classmethod
    def read_kilograms(cls, given: Any) -> Any:
        """Read a weight in grams."""
        return {"grams": 1000 * given["kilograms"]} if "kilograms" in given else given


class Nested(BaseModel):
    """Inputs with parts."""

    detail: Detail = Detail()
    prices: dict[float, Detail] = {}
    labels: dict[str, int] = {}
    loose: Loose = Loose()
    weight: Lenient = Lenient()


def nested_impact(payload: dict[str, Any], base: Any = None) -> Impact:
    """Return the impact of a merge into inputs with parts."""
    made = Workflow("w", inputs=Nested)
    made.step(lambda inputs: 1, id="a")
    made.on_change("x")
    data = made.blueprint().inputs.check({} if base is None else base)[1]
    return impact_of(made.blueprint(), ChangeRequest("x", payload), data)


@pytest.mark.parametrize(
    ("payload", "place", "value"),
    [
        ({"detail": {"Size": 3}}, ["detail", "Size"], 3),
        ({"detail": {"more": {"hue": 3}}}, ["detail", "more", "hue"], 3),
        ({"prices": {"1": {"Size": 3}}}, ["prices", "1.0", "Size"], 3),
        ({"labels": {"new": 3}}, ["labels", "new"], 3),
        ({"loose": {"new": {"newer": 3}}}, ["loose", "new", "newer"], 3),
        ({"weight": {"kilograms": 3}}, ["weight", "grams"], 3000),
        ({"labels": {"gone": None, "new": 3}}, ["labels", "new"], 3),
        ({"detail": {"Size": None}}, ["detail", "Size"], 1),
    ],
    ids=repr,
)
def test_keys_that_a_part_of_the_inputs_reads_may_be_merged(
    payload: dict[str, Any], place: list[str], value: Any
) -> None:
    """A key may be the name in JSON, a key of a dict, or any name that its model reads."""
    after = from_json(nested_impact(payload).inputs)
    assert reduce(getitem, place, after) == value


@pytest.mark.parametrize(
    ("payload", "place"),
    [
        ({"detail": {"size": 3}}, "detail.size"),
        ({"detail": {"more": {"hue": 3, "nme": "x"}}}, "detail.more.nme"),
        ({"prices": {"1.0": {"sise": 3}}}, "prices.1.0.sise"),
        ({"weight": {"tons": 3}}, "weight.tons"),
    ],
    ids=repr,
)
def test_keys_that_a_part_of_the_inputs_drops_are_refused(payload: dict[str, Any], place: str) -> None:
    """The message names the path, even if other keys of the payload fit."""
    with pytest.raises(ChangeRequestError, match=f"the inputs have no field '{re.escape(place)}'"):
        nested_impact(payload)


def test_many_removed_keys_do_not_hide_a_dropped_key() -> None:
    """Removed keys do not count towards the limit of checks."""
    gone = dict.fromkeys(map(str, range(50)))
    with pytest.raises(ChangeRequestError, match=r"no field 'weight\.tons'"):
        nested_impact({"labels": gone, "weight": {"tons": 1}})


def test_a_field_that_json_leaves_out_may_be_set_to_its_default() -> None:
    """A model may have its own serializer."""

    class Slim(BaseModel):
        hue: int = 1

        @model_serializer
        def without_default(self) -> dict[str, int]:
            return {} if self.hue == 1 else {"hue": self.hue}

    flow = Workflow("w", inputs=Slim)
    flow.step(lambda hue: hue, id="s", output=int)
    flow.on_change("c")
    impact = impact_of(flow.blueprint(), ChangeRequest("c", {"hue": 1}), b'{"hue": 7}')
    assert (impact.inputs, impact.seeds) == (b"{}", {"s"})


def test_a_field_that_the_model_no_longer_has_is_refused() -> None:
    """The base run had it. It may only be removed."""
    base = {**BASE, "old": 1}
    with pytest.raises(ChangeRequestError, match=r"no field 'old'. They have: Budget, brand\."):
        impact("merge", {"old": 2}, base)
    assert "old" not in from_json(impact("merge", {"old": None}, base).inputs)


def test_all_fields_count_as_changed_if_the_base_inputs_no_longer_fit() -> None:
    """Their model has changed, so no field is known to be the same."""
    found = impact("merge", {"brand": {"hue": 1}}, base={"brand": {"hue": "blue"}, "Budget": 10})
    assert found.changed_fields == {"brand", "budget"}


@pytest.mark.req("R-31")
@given(dags(8), st.data())
def test_impacted_is_the_downstream_closure_of_the_seeds(
    dependencies: dict[str, list[str]], data: Any
) -> None:
    """This holds for any workflow and any change."""
    names = data.draw(st.sets(st.sampled_from([*dependencies])))
    steps = tuple(StepSpec(id=each, run=lambda: 1, depends_on=tuple(b)) for each, b in dependencies.items())
    made = Workflow.from_spec(WorkflowSpec(id="w", steps=steps))
    made.on_change("x", reruns=names)
    found = impact_of(Blueprint(made.spec), ChangeRequest("x"), b"{}")
    assert found.impacted == set().union(*(reachable(dependencies, name) for name in names))
