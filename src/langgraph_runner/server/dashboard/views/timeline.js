/** When each step ran, and the critical path: the chain of steps that determined how long the run took. */
import { duration, plural } from "../format.js";
import { html, useMemo, useState } from "../lib.js";
import { kindOf, labelOf, symbolOf } from "../status.js";
import { Empty } from "../ui.js";

/**
 * The critical path: from the step that ended last, back through the dependency that ended last.
 * @param {Map<string, any>} steps @param {{ id: string, depends_on: string[] }[]} specs @returns {Set<string>}
 */
export function criticalPath(steps, specs) {
  const dependsOn = new Map(specs.map((each) => [each.id, each.depends_on]));
  const endOf = (id) =>
    steps.get(id)?.started_at && steps.get(id).completed_at ? Date.parse(steps.get(id).completed_at) : -1;
  const last = (ids) => ids.reduce((best, each) => (endOf(each) > endOf(best) ? each : best), null);
  const path = new Set();
  for (let id = last([...steps.keys()]); id && endOf(id) >= 0 && !path.has(id); id = last(dependsOn.get(id) ?? []))
    path.add(id);
  return path;
}

/** @param {{ run: any, steps: Map<string, any>, specs: any[], critical: Set<string>, selected?: string, onSelect: (id: string) => void, now: number }} props */
export function Timeline({ run, steps, specs, critical, selected, onSelect, now }) {
  const [onlyCritical, setOnly] = useState(false);
  const ran = useMemo(
    () =>
      [...steps.values()]
        .filter((each) => each.started_at)
        .sort((a, b) => Date.parse(a.started_at) - Date.parse(b.started_at)),
    [steps],
  );
  if (!ran.length)
    return html`<${Empty}
      title="No step has run yet.">${steps.size > 0 && html`<p>Every step was reused or cancelled, or is still pending.</p>`}<//>`;
  const begin = Math.min(...ran.map((each) => Date.parse(each.started_at)));
  const end = Math.max(begin + 1, ...ran.map((each) => (each.completed_at ? Date.parse(each.completed_at) : now)));
  const span = end - begin;
  const shown = onlyCritical ? ran.filter((each) => critical.has(each.step)) : ran;
  const onPath = ran.filter((each) => critical.has(each.step)).reduce((sum, each) => sum + (each.duration_ms ?? 0), 0);
  return html`<div class="timeline">
    <div class="timeline-head">
      <p>${critical.size > 0 && html`Critical path: ${critical.size} of ${plural(ran.length, "executed step")}, ${duration(onPath)} of ${duration(span)}`}
      </p>
      <label class="check"><input type="checkbox" checked=${onlyCritical}
        onChange=${(event) => setOnly(event.currentTarget.checked)} />Critical path only</label></div>
    <ol class="bars">${shown.map((step) => {
      const from = Date.parse(step.started_at) - begin;
      const until = (step.completed_at ? Date.parse(step.completed_at) : now) - begin;
      const kind = kindOf(step);
      return html`<li key=${step.step}><button type="button"
        class=${`bar-row ${critical.has(step.step) ? "critical" : ""}`} aria-pressed=${String(step.step === selected)}
        onClick=${() => onSelect(step.step)}>
        <span class="bar-name">${critical.has(step.step) && html`<span class="crit" title="On the critical path">◆<span
          class="visually-hidden">On the critical path: </span></span>`}${step.step}</span>
        <span class="track" aria-hidden="true"><i class=${`s-${kind}`}
          style=${{ left: `${(100 * from) / span}%`, width: `${Math.max(0.4, (100 * (until - from)) / span)}%` }}></i>
          </span>
        <span class="bar-took"><span class="symbol" aria-hidden="true">${symbolOf(kind)}</span><span
          class="visually-hidden">${labelOf(kind)}, </span>${duration(step.duration_ms ?? until - from)}</span>
      </button></li>`;
    })}</ol>
    <div class="axis" aria-hidden="true"><span>0</span><span>${duration(span / 2)}</span><span>${duration(span)}</span>
      </div>
  </div>`;
}
