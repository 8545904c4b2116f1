"""Run all benchmarks and write docs/benchmarks.md, in about ten minutes.

`python -m benchmarks success_path import_time` runs only these two, and prints the results.
"""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path

from benchmarks import (
    call_counts,
    failed_attempt,
    graph_chain,
    graph_runner,
    hashing,
    import_time,
    json_saver,
    metrics,
    sanitizer,
    service,
    state_copy,
    success_path,
)
from benchmarks.engine import (
    backlog,
    cached_on_postgresql,
    cached_runs,
    durable_steps,
    large_outputs,
    loop_lag,
    makespan,
    memory,
    on_postgresql,
    scale,
    step_cost,
    throughput,
    workers,
)
from benchmarks.report import render

SECTIONS = {
    "success_path": success_path.measure,
    "call_counts": call_counts.measure,
    "state_copy": state_copy.measure,
    "failed_attempt": failed_attempt.measure,
    "graph_chain": graph_chain.measure,
    "graph_runner": graph_runner.measure,
    "json_saver": json_saver.measure,
    "sanitizer": sanitizer.measure,
    "metrics": metrics.measure,
    "hashing": hashing.measure,
    "engine_makespan": makespan.measure,
    "engine_steps": durable_steps.measure,
    "engine_postgresql": on_postgresql.measure,
    "engine_throughput": throughput.measure,
    "engine_cached": cached_runs.measure,
    "engine_cached_postgresql": cached_on_postgresql.measure,
    "engine_cost": step_cost.measure,
    "engine_lag": loop_lag.measure,
    "engine_large_outputs": large_outputs.measure,
    "engine_backlog": backlog.measure,
    "engine_memory": memory.measure,
    "scale": scale.measure,
    "workers": workers.measure,
    "service": service.measure,
    "import_time": import_time.measure,
}
DOCUMENT = Path(__file__).parent.parent / "docs" / "benchmarks.md"


def main() -> None:
    """Run the benchmarks that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "only", nargs="*", choices=[[], *SECTIONS], metavar="section", help=", ".join(SECTIONS)
    )
    only = parser.parse_args().only
    os.environ["LANGSMITH_TRACING"] = "false"  # LangChain must not send traces.
    sections = []
    for name in only or SECTIONS:
        if name == "service" and shutil.which("wrk") is None and not only:
            print("service is skipped: wrk is not installed; on Debian: apt-get install wrk")
            continue
        print(f"{name} ...", flush=True)
        sections.append(SECTIONS[name]())
    text = render(sections)
    if only:
        print(text)
        return
    DOCUMENT.write_text(text, encoding="utf-8")
    print(text.partition("\n## ")[2].partition("\n## ")[0])
    print(
        f"Written to {DOCUMENT.relative_to(Path.cwd()) if DOCUMENT.is_relative_to(Path.cwd()) else DOCUMENT}"
    )


if __name__ == "__main__":
    main()
