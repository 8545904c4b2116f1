"""The inputs of a workflow: converted once, stored as JSON, read field by field."""

from __future__ import annotations

import dataclasses
import json
import traceback
from typing import Any, NotRequired

import pytest
from pydantic import BaseModel, ConfigDict, Field, RootModel, SecretStr
from pydantic_core import from_json
from typing_extensions import TypedDict  # pydantic reads that of typing only from Python 3.12 on

from langgraph_runner.workflow import WorkflowInputError
from langgraph_runner.workflow.values.input_type import InputType

pytestmark = pytest.mark.req("R-1")


class Brief(BaseModel):
    """A model with a field that has another name in JSON."""

    hue: int = Field(alias="Hue")
    name: str = "ACME"


class Open(BaseModel):
    """A model that accepts extra fields."""

    model_config = ConfigDict(extra="allow")

    hue: int = 1


@dataclasses.dataclass
class Card:
    """A dataclass."""

    hue: int
    name: str = "ACME"


class Note(TypedDict):
    """A dict with known keys."""

    hue: int
    name: NotRequired[str]


@pytest.mark.parametrize(
    ("model", "given"),
    [
        (Brief, {"Hue": 3}),
        (Brief, {"hue": 3}),
        (Brief, Brief(Hue=3)),
        (Card, {"hue": 3}),
        (Card, Card(3)),
        (Note, {"hue": 3}),
        (Brief, {"Hue": "3"}),
    ],
    ids=repr,
)
def test_inputs_may_be_given_as_their_model_or_as_json(model: Any, given: Any) -> None:
    """JSON may use aliases or names; a text is converted."""
    inputs = InputType("w", model)
    checked, data = inputs.check(given)
    assert inputs.field(checked, "hue") == 3
    assert inputs.field(inputs.load(data), "hue") == 3
    assert inputs.fields == {"hue", "name"}


def test_no_inputs_are_an_empty_object() -> None:
    """This is for workflows that need no inputs."""
    assert InputType("w", None).check(None) == ({}, b"{}")


@pytest.mark.parametrize(
    ("model", "given"),
    [
        (Brief, {}),
        (Brief, {"Hue": "blue"}),
        (Brief, 3),
        (None, [1]),
        (None, {1: 2}),
        (None, {"a": float("nan")}),
        (None, {"a": (1, 2)}),
        (None, {"a": {1, 2}}),
        (None, {"a": b"x"}),
        (None, {"a": object()}),
        (None, {"a": Brief(Hue=1)}),
        (None, {"a": SecretStr("s")}),
        (None, {"a": {1: 2}}),
        (Note, {"name": "x"}),
    ],
    ids=[str(n) for n in range(14)],
)
def test_inputs_that_do_not_fit_or_would_be_lost_are_refused(model: Any, given: Any) -> None:
    """The message names the workflow."""
    with pytest.raises(WorkflowInputError, match="do not fit workflow 'w'"):
        InputType("w", model).check(given)


def test_a_field_that_json_hides_is_refused() -> None:
    """A secret would be stored as asterisks."""

    class Login(BaseModel):
        token: SecretStr

    with pytest.raises(WorkflowInputError, match=r"at token, a SecretStr comes back as another one"):
        InputType("w", Login).check({"token": "s"})


@pytest.mark.parametrize(
    "model",
    [int, dict, list[int], dict[str, Any], RootModel[list[int]], tuple[int, str], Card(1), "x"],
    ids=[str(n) for n in range(8)],
)
def test_a_model_must_have_fields(model: Any) -> None:
    """Steps read the inputs field by field."""
    with pytest.raises(TypeError, match="a pydantic model, a dataclass or a TypedDict"):
        InputType("w", model)


@pytest.mark.parametrize(
    ("model", "before", "after", "changed"),
    [
        (Brief, {"Hue": 1}, {"Hue": 2}, {"hue"}),
        (Brief, {"Hue": 1}, {"Hue": 1, "name": "ACME"}, set()),
        (Card, {"hue": 1}, {"hue": 1, "name": "x"}, {"name"}),
        (Note, {"hue": 1}, {"hue": 1, "name": "x"}, {"name"}),
        (Open, {"more": 1}, {"more": 2}, {"more"}),
        (Open, {}, {"more": None}, {"more"}),
        (None, {"a": 1}, {"a": True}, {"a"}),
        (None, {"a": 1}, {"a": 1.0}, {"a"}),
        (None, {"a": {"b": 1, "c": 2}}, {"a": {"c": 2, "b": 1}}, set()),
        (None, {"a": None}, {}, {"a"}),
    ],
    ids=repr,
)
def test_changed_fields_are_those_that_differ_for_a_step(
    model: Any, before: Any, after: Any, changed: set[str]
) -> None:
    """They have the names of parameters; 1, 1.0 and True differ."""
    inputs = InputType("w", model)
    assert inputs.changed_fields(inputs.check(before)[0], inputs.check(after)[0]) == changed


def test_the_json_schema_describes_the_inputs() -> None:
    """It is for forms and for people."""
    assert set(InputType("w", Brief).json_schema()["properties"]) == {"Hue", "name"}


def test_an_unknown_key_is_ignored() -> None:
    """That is pydantic's default for each kind of model."""
    for model in (Brief, Card, Note):
        inputs = InputType("w", model)
        assert b"huee" not in inputs.check({"Hue" if model is Brief else "hue": 1, "huee": 2})[1]


def test_a_model_may_forbid_unknown_keys() -> None:
    """The message names each of them."""

    class Strict(BaseModel):
        model_config = ConfigDict(extra="forbid")

        hue: int = 1

    with pytest.raises(
        WorkflowInputError, match=r"huee: Extra inputs are not permitted\. Did you mean 'hue'\?"
    ):
        InputType("w", Strict).check({"huee": 2})


def nested(levels):
    """Return a JSON object with this many levels of containers."""
    value = 1
    for _ in range(levels - 1):
        value = [value]
    return {"x": value}


def test_inputs_of_192_levels_can_be_read_inside_other_json():
    """An example is a page of runs. The stored inputs equal the given ones."""
    _, data = InputType("w", None).check(nested(192))
    assert json.loads(data) == nested(192)
    from_json(b'{"items":[{"inputs":%b}]}' % data)


def test_inputs_of_more_levels_are_refused():
    """Clients could not read a run with such inputs."""
    with pytest.raises(WorkflowInputError, match="nested more than 192 levels deep; flatten them"):
        InputType("w", None).check(nested(193))


def test_brackets_in_a_text_are_not_levels():
    """Only containers count."""
    given = {"x": "[" * 500}
    assert json.loads(InputType("w", None).check(given)[1]) == given


@pytest.mark.req("N-20")
def test_a_traceback_does_not_show_the_inputs():
    """Pydantic would print them; they may hold secrets. The fields and the reasons stay."""

    class Order(BaseModel):
        token: int

    secret = "hunter2" * 3
    with pytest.raises(WorkflowInputError) as caught:
        InputType("orders", Order).check({"token": secret})
    text = "".join(traceback.format_exception(caught.value))
    assert secret not in text
    assert "token\n  Input should be a valid integer" in text
