"""The workflow whose runs are in the databases of this folder. It works with every release that made one of them."""

from dataclasses import fields

from pydantic import BaseModel

from langgraph_runner.workflow import StepSpec, Workflow


class Order(BaseModel):
    """The inputs of a run."""

    net: int
    address: str


def orders(ship):
    """Return the workflow with this function as its last step, which has a queue if the release has queues.

    The steps have versions, so that their hashes do not depend on the Python that compiles them.
    """
    flow = Workflow("orders.v1", inputs=Order)

    @flow.step(version="1")
    def receipt(net: int, ctx) -> str:
        ctx.save_artifact("receipt.txt", b"paid")
        return f"paid {net}"

    options = {"id": "ship", "version": "1", "output": str}
    if "queue" in {field.name for field in fields(StepSpec)}:
        options["queue"] = "parcels"
    flow.step(ship, **options)
    flow.on_change("address")
    return flow
