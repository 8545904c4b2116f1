/** One step: what happened and why, its inputs, output and files. */
import { call, runPath } from "../api.js";
import { duration, moment, plural } from "../format.js";
import { html, useEffect, useRef, useState } from "../lib.js";
import { to } from "../router.js";
import { Badge, kindOf, whyOf } from "../status.js";
import { Copyable, JsonTree, Loading, Problem, useLoaded } from "../ui.js";
import { Artifact } from "./artifacts.js";

/**
 * @param {{ run: any, step: any, spec: any, steps: Map<string, any>, retries: any[], artifacts: any[], files: any[], metrics: any,
 *   isCritical: boolean, onClose: () => void, onSelect: (id: string) => void }} props
 */
export function StepPanel({
  run,
  step,
  spec,
  steps,
  retries,
  artifacts,
  files,
  metrics,
  isCritical,
  onClose,
  onSelect,
}) {
  const heading = useRef(null);
  useEffect(() => {
    heading.current?.focus({ preventScroll: false });
  }, [step.step]);
  const onKeyDown = (event) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      onClose();
    }
  };
  const kind = kindOf(step);
  const hasOutput = step.status === "completed" || kind === "reused" || kind === "cached";
  return html`<aside class="panel" aria-labelledby="step-title" onKeyDown=${onKeyDown}>
    <header class="panel-head"><h2 id="step-title" tabindex="-1" ref=${heading}>${step.step}</h2>
      <button type="button" class="icon" aria-label="Close the step" onClick=${onClose}>✕</button></header>
    <div class="panel-body">
      <p><${Badge} kind=${kind} />${isCritical && html` <span class="tag">◆ critical path</span>`}</p>
      ${spec?.description && html`<p>${spec.description}</p>`}
      <p class="why">${whyOf(step, run, spec, steps)}</p>
      ${step.error && html`<${StepError} error=${step.error} workflow=${run.workflow} step=${step.step} />`}
      <${Took} step=${step} metrics=${metrics} />
      <dl class="facts">
        <div><dt>Attempts</dt><dd>${step.attempts}${retries.length > 0 && html`<ul
          class="retries">${retries.map((each) => html`<li
          key=${each.seq}>Attempt ${each.data.attempt} failed (${each.data.error_type}); the next started after ${duration(each.data.retry_in_ms)}
          </li>`)}</ul>`}</dd></div>
        <div><dt>Started</dt><dd>${moment(step.started_at)}</dd></div>
        <div><dt>Ended</dt><dd>${moment(step.completed_at)}</dd></div>
        <div><dt>Input hash</dt><dd>${step.input_hash ? html`<${Copyable} text=${step.input_hash}
          shown=${`${step.input_hash.slice(0, 16)}…`} label="input hash" />` : "–"}</dd></div>
        ${spec && html`<div><dt>Version</dt><dd><code class="break">${spec.version}</code></dd></div>`}
        ${spec?.effects && html`<div><dt>Effects</dt>
          <dd>It acts on the outside world, so its output never comes from the cache.</dd></div>`}
      </dl>
      <${Received} key=${`in-${step.step}`} run=${run} spec=${spec} steps=${steps} onSelect=${onSelect} />
      <h3>Output</h3>
      ${hasOutput ? html`<${Output} key=${`out-${step.step}`} run=${run} step=${step.step} label="Show the output" />` : html`<p
        class="quiet">None${["pending", "running"].includes(step.status) ? " yet" : ""}.</p>`}
      <h3>Artifacts</h3>
      ${artifacts.length ? artifacts.map((each, place) => html`<${Artifact} key=${each.href} artifact=${each}
        siblings=${files} open=${place === 0} />`) : html`<p class="quiet">None.</p>`}
    </div>
  </aside>`;
}

/** @param {{ error: any, workflow: string, step: string }} props */
export function StepError({ error, workflow, step }) {
  return html`<section class="error-box" aria-label="Error">
    <p><strong>${error.error_type}</strong> <code>${error.code}</code></p>
    <p class="error-text">${error.message}</p>
    ${error.stack && html`<details><summary>Stack</summary><pre
      tabindex="0">${error.stack}</pre></details>`}
    <p><a href=${to("runs", { failed_step: step, workflow })}>Other runs in which this step failed</a></p>
  </section>`;
}

/** The duration in this run beside the usual one. */
function Took({ step, metrics }) {
  if (step.duration_ms === null || step.duration_ms === undefined) return null;
  const usual = metrics?.p50_ms !== null && metrics?.p50_ms !== undefined;
  const most = Math.max(step.duration_ms, metrics?.p99_ms ?? 0, 1);
  const share = (ms) => ({ width: `${Math.max(1, (100 * ms) / most)}%` });
  return html`<div class="took"><p><strong>${duration(step.duration_ms)}</strong>${usual && html`<span
    class="quiet"> · usually ${duration(metrics.p50_ms)} (p50), rarely over ${duration(metrics.p99_ms)} (p99), in ${plural(metrics.completed, "completed execution")}
    </span>`}</p>
    ${
      usual &&
      html`<div class="took-bars" aria-hidden="true">
      <span>this run</span><i class="own" style=${share(step.duration_ms)}></i>
      <span>p50</span><i style=${share(metrics.p50_ms)}></i>
      <span>p99</span><i style=${share(metrics.p99_ms)}></i></div>`
    }
  </div>`;
}

function Received({ run, spec, steps, onSelect }) {
  if (!spec) return null;
  const inputs = run.inputs ?? {};
  const fields = spec.reads.includes("*")
    ? inputs
    : Object.fromEntries(spec.reads.filter((each) => each in inputs).map((each) => [each, inputs[each]]));
  const delivering = spec.depends_on.filter(
    (each) =>
      ["completed", "skipped"].includes(steps.get(each)?.status) && steps.get(each).reason !== "upstream_failed",
  );
  return html`<h3>Inputs</h3>
    ${
      spec.reads.length > 0 &&
      html`<details class="lazy" open=${spec.depends_on.length === 0}>
        <summary>${spec.reads.includes("*") ? "All inputs of the run" : `Inputs of the run: ${spec.reads.join(", ")}`}
        </summary>
      <div class="preview" tabindex="0" role="region" aria-label="Inputs of the run"><${JsonTree} value=${fields} /></div>
        </details>`
    }
    ${delivering.map((each) => html`<${Output} key=${each} run=${run} step=${each} label=${`Output of ${each}`}
      link=${() => onSelect(each)} />`)}
    ${!spec.reads.length && !spec.depends_on.length && html`<p
      class="quiet">None: it reads no inputs of the run and depends on no step.</p>`}
    ${spec.depends_on.length > delivering.length && html`<p
      class="quiet">No output from ${spec.depends_on.filter((each) => !delivering.includes(each)).join(", ")}</p>`}`;
}

/** An output, loaded when it is opened. */
function Output({ run, step, label, link }) {
  const [isOpen, setOpen] = useState(false);
  return html`<details class="lazy" onToggle=${(event) => {
    if (event.target === event.currentTarget) setOpen(event.currentTarget.open);
  }}>
    <summary>${label}</summary>
    ${isOpen && html`<${LoadedOutput} run=${run} step=${step} />`}
    ${isOpen && link && html`<button type="button" class="link" onClick=${link}>Open step ${step}</button>`}
  </details>`;
}

function LoadedOutput({ run, step }) {
  const { value, error, isLoading } = useLoaded(
    (abort) => call(runPath(run.id, "steps", step, "output"), { signal: abort }),
    [run.id, step],
  );
  if (error) return html`<${Problem} error=${error} />`;
  if (isLoading) return html`<${Loading} />`;
  return html`<div class="preview" tabindex="0" role="region" aria-label=${`Output of ${step}`}><${JsonTree}
    value=${value} /></div>`;
}
