"""Which unknown fields of inputs are refused as typing errors: those that do not affect the inputs."""

import dataclasses
from collections.abc import Callable
from typing import Annotated

import pytest
from pydantic import AliasChoices, AliasPath, BaseModel, BeforeValidator, ConfigDict, Field, RootModel

from langgraph_runner.workflow import Workflow, WorkflowInputError

pytestmark = pytest.mark.req("R-54")


class Brand(BaseModel):
    """A model in a model."""

    name: str = "x"


def as_name(value):
    """Read a brand from a dict with `title`."""
    return {"name": value["title"]} if isinstance(value, dict) and "title" in value else value


class Plain(BaseModel):
    """A model without special features."""

    brand: Brand = Brand()
    count: int = 1


class Reading(BaseModel):
    """A field with its own validator."""

    brand: Annotated[Brand, BeforeValidator(as_name)] = Brand()


class Aliased(BaseModel):
    """A field with several names."""

    count: int = Field(1, validation_alias=AliasChoices("number", AliasPath("many", 0)))


class Open(BaseModel):
    """Accepts any field."""

    model_config = ConfigDict(extra="allow")


class Table(RootModel[dict[str, int]]):
    """A root model, which has no fields."""


class Tables(BaseModel):
    """A model with a root model."""

    table: Table = Table({})


@dataclasses.dataclass
class Node:
    """Contains itself, and has an alias that is only in its schema."""

    below: "Node | None" = None
    count: Annotated[int, Field(alias="number")] = 1


@dataclasses.dataclass
class Odd:
    """Has no JSON schema."""

    call: Callable[[], int] | None = None
    count: int = 1


def inputs_of(model):
    """The input type of a workflow with this model."""
    flow = Workflow("w", inputs=model)
    flow.step(lambda: 1, id="s", output=int)
    return flow.blueprint().inputs


@pytest.mark.parametrize(
    ("model", "given"),
    [
        (Plain, {"brand": {"name": "y"}, "count": 2}),
        (Reading, {"brand": {"title": "y"}}),
        (Aliased, {"number": 2}),
        (Aliased, {"many": [2]}),
        (Open, {"whatever": 2}),
        (Tables, {"table": {"whatever": 2}}),
        (Node, {"below": {"number": 2}}),
        (Odd, {"count": 2}),
        (None, {"whatever": 2}),
    ],
)
def test_fields_that_affect_the_inputs_are_accepted(model, given):
    """The model may read them in any way."""
    inputs_of(model).refuse_unknown_fields(given)


@pytest.mark.parametrize(
    ("model", "given", "message"),
    [
        (Plain, {"cuont": 2}, r"unknown field 'cuont'\. The fields are: brand, count\. Did you mean 'count'"),
        (Plain, {"cuont": 1}, "unknown field 'cuont'"),
        (Plain, {"brand": {"nmae": "y"}}, r"unknown field 'brand\.nmae'"),
        (Reading, {"brand": {"nmae": "y"}}, r"unknown field 'brand\.nmae'"),
        (Node, {"below": {"numbr": 2}}, r"unknown field 'below\.numbr'"),
    ],
)
def test_fields_that_do_not_affect_the_inputs_are_refused(model, given, message):
    """The message suggests the right name."""
    with pytest.raises(WorkflowInputError, match=message):
        inputs_of(model).refuse_unknown_fields(given)


def test_only_the_first_unknown_fields_are_checked(monkeypatch):
    """Each costs two checks of the inputs, and a client may send any number."""
    inputs, asked = inputs_of(Plain), []
    monkeypatch.setattr(inputs, "is_affected_by", lambda given, path: not asked.append(path))
    inputs.refuse_unknown_fields({f"f{number}": number for number in range(1_000)})
    assert len(asked) == 20
