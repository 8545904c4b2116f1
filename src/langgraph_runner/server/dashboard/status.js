/** Statuses: each has a symbol and a word, so that nothing depends on colour alone. */
import { html } from "./lib.js";

/** @type {Record<string, { label: string, symbol: string }>} */
const STATUSES = {
  pending: { label: "Pending", symbol: "○" },
  running: { label: "Running", symbol: "◐" },
  completed: { label: "Completed", symbol: "✓" },
  failed: { label: "Failed", symbol: "✕" },
  cancelled: { label: "Cancelled", symbol: "⊘" },
  skipped: { label: "Skipped", symbol: "⤼" },
  reused: { label: "Reused", symbol: "↺" },
  cached: { label: "From cache", symbol: "↺" },
  fallback: { label: "By fallback", symbol: "✓" },
  planned: { label: "Planned", symbol: "▷" },
  run: { label: "Will run", symbol: "▶" },
  reuse: { label: "Reused", symbol: "↺" },
  maybe: { label: "May run", symbol: "?" },
  working: { label: "Working", symbol: "✓" },
  draining: { label: "Draining", symbol: "◌" },
  lost: { label: "Lost", symbol: "✕" },
};

/** The kind of a step to show: a skipped step with an output was reused. @param {any} step */
export function kindOf(step) {
  if (step.reason === "reused_from_base") return "reused";
  if (step.reason === "cache_hit") return "cached";
  if (step.reason === "fallback" && step.status === "completed") return "fallback";
  return step.status;
}

/** @param {string} kind */
export const labelOf = (kind) => STATUSES[kind]?.label ?? kind;
/** @param {string} kind */
export const symbolOf = (kind) => STATUSES[kind]?.symbol ?? "•";

/** @param {{ kind: string, label?: string }} props */
export function Badge({ kind, label }) {
  return html`<span class="badge s-${kind}"><span class="symbol" aria-hidden="true">${symbolOf(kind)}
    </span>${label ?? labelOf(kind)}</span>`;
}

/** One sentence on why a step ran, was reused, or did not run. @param {any} step @param {any} run @param {any} spec @param {Map<string, any>} steps */
export function whyOf(step, run, spec, steps) {
  switch (step.reason) {
    case "cache_hit":
      return "An earlier run had the same inputs for this step, so its output came from the cache.";
    case "reused_from_base":
      return run.trigger === "retry"
        ? "It had completed in the run that this one retries."
        : "The change does not affect it, so its output comes from the base run.";
    case "upstream_failed":
      return "A step that it depends on has no output.";
    case "fail_fast":
      return "Another step failed, and this run stops at the first failure.";
    case "run_timeout":
      return "The run exceeded its time limit.";
    case "cancelled":
      return run.cancel_reason ? `The run was cancelled: ${run.cancel_reason}` : "The run was cancelled.";
  }
  const dependencies = spec?.depends_on ?? [];
  const suffix = step.reason === "fallback" ? " It failed, and the output is that of its fallback." : "";
  if (step.status === "pending") {
    const open = dependencies.filter((each) => ["pending", "running"].includes(steps.get(each)?.status));
    return open.length ? `It waits for ${named(open)}.` : "It waits for a free slot.";
  }
  if (!run.base_run_id) return `No earlier run had the same inputs for this step.${suffix}`;
  const changed = dependencies.filter((each) => ["completed", "running"].includes(steps.get(each)?.status));
  if (changed.length) return `It depends on ${named(changed)}, which ran again.${suffix}`;
  if (run.trigger === "retry") return `It had no output in the run that this one retries.${suffix}`;
  const reads = spec?.reads?.length ? ` (${spec.reads.join(", ").replace("*", "all inputs")})` : "";
  return `The change affects inputs that it reads${reads}.${suffix}`;
}

/** Names in one phrase: `a, b and c`; at most four of them. @param {string[]} names */
function named(names) {
  if (names.length > 4) return `${names.slice(0, 4).join(", ")} and others`;
  return names.join(", ").replace(/, ([^,]*)$/, " and $1");
}
