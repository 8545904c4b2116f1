/** Statuses: a symbol and a word each, so that colour is never the only sign. */
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
  planned: { label: "Will run", symbol: "▷" },
  run: { label: "Runs", symbol: "▶" },
  reuse: { label: "Reused", symbol: "↺" },
  maybe: { label: "May run", symbol: "?" },
  working: { label: "Working", symbol: "✓" },
  draining: { label: "Draining", symbol: "◌" },
  lost: { label: "Lost", symbol: "✕" },
};

/** What to show of a step: a skipped step with an output was reused. @param {any} step */
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

/** Why a step ran, was reused, or did not run, in one sentence. @param {any} step @param {any} run @param {any} spec @param {Map<string, any>} steps */
export function whyOf(step, run, spec, steps) {
  switch (step.reason) {
    case "cache_hit":
      return "It received exactly what it had received in an earlier run, so its output came from the cache.";
    case "reused_from_base":
      return run.trigger === "retry"
        ? "It was already done in the run that this one retries."
        : "The change does not touch it, so its output was taken from the base run.";
    case "upstream_failed":
      return "A step that it depends on did not deliver.";
    case "fail_fast":
      return "Another step failed, and this run stops at the first failure.";
    case "run_timeout":
      return "The time limit of the run was reached.";
    case "cancelled":
      return run.cancel_reason ? `The run was cancelled: ${run.cancel_reason}` : "The run was cancelled.";
  }
  const dependencies = spec?.depends_on ?? [];
  const suffix = step.reason === "fallback" ? " It failed, and its fallback delivered in its place." : "";
  if (step.status === "pending") {
    const open = dependencies.filter((each) => ["pending", "running"].includes(steps.get(each)?.status));
    return open.length
      ? `It waits for ${open.slice(0, 4).join(", ")}${open.length > 4 ? " and others" : ""}.`
      : "It waits for a free slot.";
  }
  if (!run.base_run_id) return `It had not been computed before for what it receives.${suffix}`;
  const changed = dependencies.filter((each) => ["completed", "running"].includes(steps.get(each)?.status));
  if (changed.length)
    return `It receives what ${changed.slice(0, 4).join(", ")}${changed.length > 4 ? " and others" : ""} computed again.${suffix}`;
  if (run.trigger === "retry") return `It had not delivered in the run that this one retries.${suffix}`;
  return `The change touches what it reads${spec?.reads?.length ? ` (${spec.reads.join(", ").replace("*", "all inputs")})` : ""}.${suffix}`;
}
