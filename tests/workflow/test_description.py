"""The description of a workflow, for programs and people who do not have its code."""

from datetime import timedelta
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, GetPydanticSchema
from pydantic_core import core_schema
from tenacity import stop_after_attempt, wait_fixed

from langgraph_runner import RetryConfig, Workflow
from langgraph_runner.workflow.description import StepDescription, WorkflowDescription

pytestmark = pytest.mark.req("R-2")

Odd = Annotated[int, GetPydanticSchema(lambda _, __: core_schema.no_info_plain_validator_function(int))]
"""A type that has no JSON schema."""


class Price(BaseModel):
    """An output."""

    net: int


def step_of(run: Any, **options: Any) -> StepDescription:
    """Return the description of a workflow's only step."""
    flow = Workflow("w")
    flow.step(**options)(run)
    return WorkflowDescription.of(flow.blueprint()).steps[0]


def price(inputs: Any) -> Price:
    """Return the price."""
    return Price(net=1)


def estimate(inputs: Any) -> Price:
    """Return a guess."""
    return Price(net=0)


def test_a_step_has_its_options() -> None:
    """As they were checked: numbers in milliseconds, the fallback by its name."""
    step = step_of(
        price,
        retry={"max_attempts": 4, "backoff_ms": 100},
        timeout_ms=timedelta(seconds=2),
        total_timeout_ms=9_000,
        fallback=estimate,
        queue="gpu",
    )
    assert step.retry == {
        "max_attempts": 4,
        "backoff_ms": 100.0,
        "backoff_multiplier": 2.0,
        "max_backoff_ms": 30_000.0,
        "jitter": 0.25,
    }
    assert (step.timeout_ms, step.total_timeout_ms, step.fallback, step.queue) == (
        2000,
        9000,
        "estimate",
        "gpu",
    )
    assert WorkflowDescription.model_validate_json(
        WorkflowDescription(
            id="w", version="1", description="", steps=[step], changes=[], inputs={}
        ).model_dump_json()
    ).steps == [step]


def test_a_plain_step_has_none() -> None:
    """Each is None."""
    step = step_of(lambda inputs: 1, id="s")
    assert (step.retry, step.timeout_ms, step.total_timeout_ms) == (None, None, None)
    assert (step.fallback, step.queue, step.output) == (None, None, None)


def test_what_tenacity_decides_is_left_out() -> None:
    """Its objects are code, and have no description."""
    retry = RetryConfig(stop=stop_after_attempt(3))
    assert step_of(price, retry=retry).retry == {
        "backoff_ms": 1000.0,
        "backoff_multiplier": 2.0,
        "max_backoff_ms": 30_000.0,
        "jitter": 0.25,
    }
    assert step_of(price, retry=RetryConfig(wait=wait_fixed(1))).retry == {"max_attempts": 3}


def test_the_output_has_its_schema() -> None:
    """That of the JSON that is stored; None for a type without a schema."""
    assert step_of(price).output == Price.model_json_schema(mode="serialization")

    def odd(inputs: Any) -> Odd:
        return 1

    assert step_of(odd).output is None
