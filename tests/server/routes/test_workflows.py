"""Routes of workflows."""

import pytest

pytestmark = pytest.mark.req("R-52")


async def test_workflows_are_described(acme):
    """The description has the schema that a form needs to start a run."""
    (listed,) = (await acme.get("/workflows")).json()
    found = (await acme.get("/workflows/shop.v1")).json()
    assert found == listed
    assert found["inputs"]["required"] == ["net"]
    assert [(each["id"], each["depends_on"]) for each in found["steps"]] == [
        ("price", []),
        ("page", ["price"]),
    ]
    assert [each["type"] for each in found["changes"]] == ["set"]
    assert (await acme.get("/workflows/shop.v9")).json()["code"] == "WORKFLOW_UNKNOWN"


async def test_a_description_has_the_fields_that_steps_read(acme):
    """`*` means all inputs; a change without a model takes a merge patch."""
    found = (await acme.get("/workflows/shop.v1")).json()
    assert [each["reads"] for each in found["steps"]] == [["*"], []]
    assert found["changes"][0]["payload"] is None
