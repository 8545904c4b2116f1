/** Workers: which there are, whether each is well, and how much work waits. */
import { call } from "../api.js";
import { count, duration, shortId } from "../format.js";
import { html, useEffect } from "../lib.js";
import { to } from "../router.js";
import { Badge } from "../status.js";
import { Ago, Empty, Loading, Problem, useLoaded, useNow } from "../ui.js";

const EVERY_MS = 5_000;

/** How many of its runs at a time a worker has. @param {{ worker: any }} props */
function Load({ worker }) {
  const share = Math.min(1, worker.active_runs / worker.max_active_runs);
  return html`<span class="spread" aria-hidden="true"><i class="own" style=${{ width: `${100 * share}%` }}></i></span>
    ${count(worker.active_runs)} of ${count(worker.max_active_runs)}`;
}

function Row({ worker, now }) {
  return html`<tr>
    <th scope="row"><span title=${worker.id}>${worker.host}</span> <span class="quiet">${worker.pid}</span></th>
    <td><${Badge} kind=${worker.state} /></td>
    <td class="number"><${Load} worker=${worker} /></td>
    <td>${worker.workflows.join(", ")}</td>
    <td>${worker.queues.length === 0 ? "–" : `${worker.queues.join(", ")} (${count(worker.active_steps)})`}</td>
    <td>${worker.run_ids.length === 0 ? "–" : worker.run_ids.map(
      (id) => html`<a key=${id} class="mono" href=${to("runs", id)} title=${id}>${shortId(id)}</a> `,
    )}</td>
    <td><${Ago} at=${worker.started_at} now=${now} /></td>
    <td><${Ago} at=${worker.seen_at} now=${now} /></td>
    <td>${worker.version}</td>
  </tr>`;
}

export function Workers() {
  const overview = useLoaded((abort) => call("workers", { signal: abort }), []);
  const now = useNow();
  useEffect(() => {
    const timer = setInterval(overview.again, EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  const { value, error } = overview;
  return html`<div class="page-head"><h1>Workers</h1></div>
    ${error && html`<${Problem} error=${error} again=${overview.again} />`}
    ${!error && !value && html`<${Loading} what="Loading workers" />`}
    ${value && html`<${Shown} overview=${value} now=${now} />`}`;
}

function Shown({ overview, now }) {
  const well = overview.workers.filter((each) => each.state === "working").length;
  return html`<dl class="tiles">
      <div><dt>Active workers</dt><dd>${count(well)}</dd></div>
      <div><dt>Running runs</dt><dd>${count(overview.running_runs)}</dd></div>
      <div><dt>Pending runs</dt><dd>${count(overview.waiting_runs)}</dd></div>
      <div><dt>Longest wait</dt><dd>${duration(overview.oldest_waiting_ms)}</dd></div>
      ${Object.entries(overview.waiting_steps).map(([queue, steps]) => html`<div key=${queue}><dt>Steps waiting
        for ${queue}</dt><dd>${count(steps)}</dd></div>`)}
    </dl>
    ${overview.workers.length === 0 ? html`<${Empty} title="There are no workers."><p>Runs stay pending until you
      start one: <code>langgraph-runner worker</code></p><//>` : html`<div class="scroll" tabindex="0" role="region"
      aria-label="The workers"><table class="workers"><thead><tr>
        ${["Process", "State", "Runs", "Workflows", "Queues (steps)", "Your runs", "Started", "Last seen", "Version"].map(
          (each) => html`<th key=${each} scope="col" class=${each === "Runs" ? "number" : ""}>${each}</th>`,
        )}</tr></thead>
      <tbody>${overview.workers.map((each) => html`<${Row} key=${each.id} worker=${each} now=${now} />`)}</tbody>
    </table></div>`}
    <p class="quiet">The numbers count all tenants; the links lead only to runs of your tenant. A worker that has not
      reported for 20 seconds is lost. Other workers take over its runs when their leases expire, 30 seconds by default.</p>`;
}
