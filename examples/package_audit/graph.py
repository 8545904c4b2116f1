"""The graph. Each node is a plain function in a module of its own; here it gets what keeps it going.

Everything is made once, on import: a factory that the server calls for each run would start the metrics
anew each time.
"""

from functools import partial

from langgraph.graph import END, START, StateGraph

from examples.package_audit.begin import begin
from examples.package_audit.charts import draw_charts
from examples.package_audit.dependencies import check_dependencies
from examples.package_audit.figures import sum_figures
from examples.package_audit.gate import after_gate, after_inventory, after_resolve, decide
from examples.package_audit.imports import map_imports
from examples.package_audit.inventory import resolve, take_inventory
from examples.package_audit.licences import licence_from_metadata, read_licence
from examples.package_audit.parsing import parse_module
from examples.package_audit.report import write_report
from examples.package_audit.state import AuditRequest, AuditState
from examples.package_audit.text_charts import draw_text_charts
from langgraph_runner import NodeMetricsCollector, RetryConfig, create_node, is_retryable_node_error

METRICS = NodeMetricsCollector()
"""What all nodes of all runs in this process report to."""

node = partial(create_node, metrics_collector=METRICS)

# A busy disk or too many open files pass; a missing file does not, and is not tried again.
READING = RetryConfig(max_attempts=3, backoff_ms=50, max_backoff_ms=500)
# A parser that was tripped by another one in the same process gets through the next time (see parsing.py).
PARSING = READING.model_copy(
    update={"retry_on": lambda error: isinstance(error, SystemError) or is_retryable_node_error(error)}
)

builder = StateGraph(AuditState, input_schema=AuditRequest)

builder.add_node("begin", node(begin))
builder.add_node("resolve", node(resolve))
builder.add_node("inventory", node(take_inventory, retry=READING))
# One call per file. Some generated files keep the parser busy for long: a minute is enough for any.
builder.add_node("parse", node(parse_module, retry=PARSING, timeout_ms=60_000))
builder.add_node("licence", node(read_licence, fallback=licence_from_metadata))
builder.add_node("dependencies", node(check_dependencies, timeout_ms=30_000))
builder.add_node("gate", node(decide))
builder.add_node("figures", node(sum_figures))
builder.add_node("imports", node(map_imports, timeout_ms=30_000))
# The first import of matplotlib on a machine builds its list of fonts, which takes a while.
builder.add_node("charts", node(draw_charts, fallback=draw_text_charts, timeout_ms=60_000))
# Nobody behind the report could tell of a failure: it goes to the caller.
builder.add_node("report", node(write_report, on_error="raise"))

builder.add_edge(START, "begin")
builder.add_edge("begin", "resolve")
builder.add_conditional_edges("resolve", after_resolve)
builder.add_conditional_edges("inventory", after_inventory, ["parse", "licence", "dependencies", "report"])
builder.add_edge("parse", "gate")
builder.add_edge("licence", "gate")
builder.add_edge("dependencies", "gate")
builder.add_conditional_edges("gate", after_gate, ["figures", "imports", "report"])
builder.add_edge(["figures", "imports"], "charts")
builder.add_edge("charts", "report")
builder.add_edge("report", END)

# Hundreds of files at once would fill the queue for threads, and the async node would spend its ten seconds
# at the end of it.
graph = builder.compile(name="package_audit").with_config(max_concurrency=8)
"""What ``langgraph.json`` serves; without a checkpointer, because the server brings its own."""
