"""The workflows of these tests: a shop whose runs wait, fail and save files, and a graph of 500 steps."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, Field

from langgraph_runner import RetryConfig, Workflow
from tests.waiting import Gate

GATE = Gate()
"""The step `wait` of a slow order ends when it is set."""

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)
HOSTILE = """<style>body{background:rgb(1, 2, 3)}</style><h1>An order</h1>
<script>parent.document.title = "stolen"; fetch("https://example.com/")</script>
<img src="https://example.com/spy.png" onerror="parent.document.title='stolen'">
<img src=x onerror="document.body.textContent='script ran'">"""


class Size(StrEnum):
    """The size of an order."""

    SMALL = "small"
    LARGE = "large"


class Item(BaseModel):
    """One line of an order."""

    name: str
    count: int = Field(1, ge=1)


class Order(BaseModel):
    """The inputs of the shop."""

    net: float
    customer: str = "anyone"
    size: Size | None = None
    items: list[Item] = []
    slow: bool = False


def shop() -> Workflow:
    """Prices an order; fails for negative prices, and waits for the gate if the order is slow."""
    flow = Workflow("shop.v1", inputs=Order, description="Prices an order.")

    @flow.step
    def price(net: float) -> float:
        """Add the tax."""
        return net * 1.25

    @flow.step(retry=RetryConfig(max_attempts=2, backoff_ms=1))
    def check(price: float) -> bool:
        """Refuse a negative price."""
        if price < 0:
            raise ConnectionError("a negative <b>price</b>: password=hunter2hunter2")
        return True

    @flow.step
    async def wait(check: bool, net: float, slow: bool) -> str:
        """Wait for the warehouse."""
        if slow:
            await GATE.wait()
        return "packed"

    @flow.step
    def page(price: float, wait: str, customer: str, ctx) -> dict[str, float | str]:
        """Write the page of the order."""
        ctx.save_artifact("order.html", (HOSTILE + customer).encode(), "text/html")
        ctx.save_artifact("pixel.png", PIXEL, "image/png")
        ctx.save_artifact("order.json", b'{"lines": [1, 2, {"a": null}]}', "application/json")
        ctx.save_artifact("order.zip", b"PK" + customer.encode(), "application/zip")
        return {"price": price, "customer": customer}

    @flow.step
    def note(customer: str) -> str:
        """Greet the customer."""
        return f"Hello {customer}"

    flow.on_change("set", description="other inputs")
    return flow


def wide() -> Workflow:
    """500 steps in 20 ranks."""
    flow = Workflow("wide.v1", description="500 steps.")
    for rank in range(20):
        for place in range(25):
            before = [f"s{rank - 1}_{(place + each) % 25}" for each in (0, 7)] if rank else []
            flow.step(_nothing, id=f"s{rank}_{place}", depends_on=before)
    return flow


def _nothing() -> int:
    return 1
