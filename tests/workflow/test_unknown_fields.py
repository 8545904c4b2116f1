"""Which inputs the command line takes for a typing error: those that the model takes no notice of, and no others."""

import dataclasses
from collections.abc import Callable
from typing import Annotated

import pytest
from pydantic import AliasChoices, AliasPath, BaseModel, BeforeValidator, ConfigDict, Field, RootModel

from langgraph_runner.workflow import Workflow, WorkflowInputError
from langgraph_runner.workflow.values.unknown_fields import refuse_unknown_fields

pytestmark = pytest.mark.req("R-54")


class Brand(BaseModel):
    """A model in a model."""

    name: str = "x"


def as_name(value):
    """Reads a brand from what others call its title."""
    return {"name": value["title"]} if isinstance(value, dict) and "title" in value else value


class Plain(BaseModel):
    """Nothing special."""

    brand: Brand = Brand()
    count: int = 1


class Reading(BaseModel):
    """A field that is read in a way of its own."""

    brand: Annotated[Brand, BeforeValidator(as_name)] = Brand()


class Aliased(BaseModel):
    """A field of several names."""

    count: int = Field(1, validation_alias=AliasChoices("number", AliasPath("many", 0)))


class Open(BaseModel):
    """Takes anything."""

    model_config = ConfigDict(extra="allow")


class Table(RootModel[dict[str, int]]):
    """Has no fields."""


class Tables(BaseModel):
    """Holds one."""

    table: Table = Table({})


@dataclasses.dataclass
class Node:
    """Holds its like, and has a name that its schema alone knows."""

    below: "Node | None" = None
    count: Annotated[int, Field(alias="number")] = 1


@dataclasses.dataclass
class Odd:
    """Has no schema."""

    call: Callable[[], int] | None = None
    count: int = 1


def blueprint_of(model):
    """A workflow with these inputs."""
    flow = Workflow("w", inputs=model)
    flow.step(lambda: 1, id="s", output=int)
    return flow.blueprint()


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
def test_what_the_model_takes_notice_of_is_no_typing_error(model, given):
    """However it reads it."""
    refuse_unknown_fields(blueprint_of(model), given)


@pytest.mark.parametrize(
    ("model", "given", "message"),
    [
        (Plain, {"cuont": 2}, r"no field 'cuont', but brand, count\. Did you mean 'count'"),
        (Plain, {"cuont": 1}, "no field 'cuont'"),
        (Plain, {"brand": {"nmae": "y"}}, r"no field 'brand\.nmae'"),
        (Reading, {"brand": {"nmae": "y"}}, r"no field 'brand\.nmae'"),
        (Node, {"below": {"numbr": 2}}, r"no field 'below\.numbr'"),
    ],
)
def test_what_the_model_takes_no_notice_of_is_refused(model, given, message):
    """With what was meant."""
    with pytest.raises(WorkflowInputError, match=message):
        refuse_unknown_fields(blueprint_of(model), given)


def test_only_the_first_unknown_fields_are_looked_at(monkeypatch):
    """For each the inputs are checked again, and a caller of the service may send as many as it likes."""
    blueprint, asked = blueprint_of(Plain), []
    monkeypatch.setattr(blueprint.inputs, "takes_notice", lambda given, path: not asked.append(path))
    refuse_unknown_fields(blueprint, {f"f{number}": number for number in range(1_000)})
    assert len(asked) == 20
