/** Metrics: which steps are slow, which fail, and what the cache saves. */
import { call, withQuery } from "../api.js";
import { count, duration, plural } from "../format.js";
import { html, useMemo, useState } from "../lib.js";
import { go, to } from "../router.js";
import { Badge } from "../status.js";
import { Empty, Loading, Problem, useLoaded } from "../ui.js";

const COLUMNS = [
  { id: "step", label: "Step", text: true },
  { id: "completed", label: "Completed", of: (each) => each.completed },
  { id: "failed", label: "Failed", of: (each) => each.failed },
  { id: "reused", label: "Reused", of: (each) => each.reused },
  { id: "retried", label: "Retried", of: (each) => each.retried },
  { id: "p50_ms", label: "p50", of: (each) => each.p50_ms ?? -1, ms: true },
  { id: "p99_ms", label: "p99", of: (each) => each.p99_ms ?? -1, ms: true },
  { id: "max_ms", label: "Longest", of: (each) => each.max_ms ?? -1, ms: true },
];

/** @param {{ workflow?: string }} props */
export function Metrics({ workflow }) {
  const workflows = useLoaded((abort) => call("workflows", { signal: abort }), []);
  const known = workflows.value ?? [];
  const chosen = workflow ?? known[0]?.id;
  const [runs, setRuns] = useState(100);
  const metrics = useLoaded(
    (abort) =>
      chosen
        ? call(withQuery(`workflows/${encodeURIComponent(chosen)}/metrics`, { runs }), { signal: abort })
        : Promise.resolve(null),
    [chosen, runs],
  );
  const error = workflows.error ?? metrics.error;
  return html`<div class="page-head"><h1>Metrics</h1><div class="actions">
      <select aria-label="Workflow"
        onChange=${(event) => go(to("metrics", event.currentTarget.value))}>${known.map((each) => html`<option
        key=${each.id} value=${each.id} selected=${each.id === chosen}>${each.id}</option>`)}</select>
      <select aria-label="Number of runs"
        onChange=${(event) => setRuns(Number(event.currentTarget.value))}>${[20, 100, 500].map((each) => html`<option
        key=${each} value=${each} selected=${each === runs}>last ${each} runs</option>`)}</select>
      <button type="button" onClick=${metrics.again}>Refresh</button></div></div>
    ${error && html`<${Problem} error=${error} again=${metrics.again} />`}
    ${!error && !metrics.value && (workflows.value && !known.length ? html`<${Empty}
      title="The service has no workflows." />` : html`<${Loading} what="Loading metrics" />`)}
    ${metrics.value && (metrics.value.runs === 0 ? html`<${Empty} title="This workflow has no runs yet."><p><a
      href=${to("start", chosen)}>Start a run</a></p><//>` : html`<${Shown} metrics=${metrics.value} />`)}`;
}

function Shown({ metrics }) {
  const [sort, setSort] = useState({ id: "p50_ms", down: true });
  const rows = useMemo(() => {
    const column = COLUMNS.find((each) => each.id === sort.id);
    const sorted = [...metrics.steps].sort((a, b) =>
      column.text ? a.step.localeCompare(b.step) : column.of(a) - column.of(b),
    );
    return sort.down ? sorted.reverse() : sorted;
  }, [metrics, sort]);
  const most = Math.max(1, ...metrics.steps.map((each) => each.p99_ms ?? 0));
  const sum = (name) => metrics.steps.reduce((total, each) => total + each[name], 0);
  const [ran, reused, failed] = ["completed", "reused", "failed"].map(sum);
  const ended = ran + reused + failed;
  return html`<dl class="tiles">
      <div><dt>Runs</dt><dd>${count(metrics.runs)}</dd></div>
      <div><dt>By status</dt><dd
        class="badges">${Object.entries(metrics.by_status).map(([status, number]) => html`<${Badge} key=${status}
        kind=${status} label=${`${number} ${status}`} />`)}</dd></div>
      <div><dt>Steps reused</dt><dd>${ended ? `${Math.round((100 * reused) / ended)} %` : "–"}</dd></div>
      <div><dt>Steps failed</dt><dd>${ended ? `${((100 * failed) / ended).toFixed(failed ? 1 : 0)} %` : "–"}</dd></div>
    </dl>
    <div class="scroll" tabindex="0" role="region" aria-label="Metrics of the steps"><table class="metrics"><thead><tr>
      ${COLUMNS.map(
        (
          each,
        ) => html`<th key=${each.id} scope="col" class=${each.text ? "" : "number"}
          aria-sort=${sort.id === each.id ? (sort.down ? "descending" : "ascending") : null}>
        <button type="button" class="link"
          onClick=${() => setSort({ id: each.id, down: sort.id === each.id ? !sort.down : !each.text })}>${each.label}
          <span aria-hidden="true">${sort.id === each.id ? (sort.down ? " ↓" : " ↑") : ""}</span></button></th>`,
      )}
      <th scope="col">p50 and p99</th></tr></thead>
      <tbody>${rows.map(
        (row) => html`<tr key=${row.step}><th scope="row">${row.step}</th>
        ${COLUMNS.slice(1).map(
          (each) =>
            html`<td key=${each.id} class=${`number ${each.id === "failed" && row.failed ? "bad" : ""}`}>${
              each.ms
                ? duration(row[each.id])
                : each.id === "failed" && row.failed
                  ? html`<a
                    href=${to("runs", { failed_step: row.step, workflow: metrics.workflow })}>${count(row.failed)}</a>`
                  : count(row[each.id])
            }</td>`,
        )}
        <td><span class="spread" aria-hidden="true"><i style=${{ width: `${(100 * (row.p99_ms ?? 0)) / most}%` }}></i><i
          class="own" style=${{ width: `${(100 * (row.p50_ms ?? 0)) / most}%` }}></i></span></td></tr>`,
      )}</tbody></table></div>
    <p class="quiet">Durations count only completed executions in the last ${plural(metrics.runs, "run")}.</p>`;
}
