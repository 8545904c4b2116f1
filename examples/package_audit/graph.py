"""The graph. Each node is a plain function in its own module; here it gets retries, timeouts and fallbacks.

Everything is made once, on import. A factory that the server calls for each run would reset the metrics.
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
"""The collector of all nodes, for all runs of this process."""

node = partial(create_node, metrics_collector=METRICS)

# A busy disk or too many open files are temporary. A missing file is not, and is not retried.
READING = RetryConfig(max_attempts=3, backoff_ms=50, max_backoff_ms=500)
# Parsers in other threads may cause a SystemError, which is gone with the next attempt (see parsing.py).
PARSING = READING.model_copy(
    update={"retry_on": lambda error: isinstance(error, SystemError) or is_retryable_node_error(error)}
)

builder = StateGraph(AuditState, input_schema=AuditRequest)

builder.add_node("begin", node(begin))
builder.add_node("resolve", node(resolve))
builder.add_node("inventory", node(take_inventory, retry=READING))
# One call per file. Some generated files take long to parse; a minute is enough for any.
builder.add_node("parse", node(parse_module, retry=PARSING, timeout_ms=60_000))
builder.add_node("licence", node(read_licence, fallback=licence_from_metadata))
builder.add_node("dependencies", node(check_dependencies, timeout_ms=30_000))
builder.add_node("gate", node(decide))
builder.add_node("figures", node(sum_figures))
builder.add_node("imports", node(map_imports, timeout_ms=30_000))
# The first import of matplotlib on a machine builds its list of fonts, which takes a while.
builder.add_node("charts", node(draw_charts, fallback=draw_text_charts, timeout_ms=60_000))
# No later node could report a failure of this one, so it is raised to the caller.
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

# With hundreds of files at once, nodes would wait for a thread, and the wait counts towards their timeouts.
graph = builder.compile(name="package_audit").with_config(max_concurrency=8)
"""Served by ``langgraph.json``. Compiled without a checkpointer: the server has its own."""
