/** One run: its progress, errors, and durations. */
import { call, follow, mayRun, wholeRun, withQuery } from "../api.js";
import { duration, moment, runDuration, shortId, OVER } from "../format.js";
import { html, useEffect, useMemo, useRef, useState } from "../lib.js";
import { replace, route, to } from "../router.js";
import { Badge, kindOf } from "../status.js";
import { Ago, Copyable, JsonTree, Loading, Problem, Tabs, announce, useLoaded, useNarrow, useNow } from "../ui.js";
import { ActionDialog } from "./actions.js";
import { Dag } from "./dag.js";
import { StepBar } from "./runs.js";
import { StepPanel } from "./step.js";
import { Timeline, criticalPath } from "./timeline.js";

const MIN_PAUSE_MS = 250;
const RETRY_MS = 2000;

/**
 * A run with its steps and files, kept current by its events.
 * An event only says that something happened: the state is then read again, but not too often for runs of 500 steps.
 * @param {string} id
 */
function useRun(id) {
  const [state, setState] = useState({ run: null, steps: new Map(), artifacts: [], retries: [], error: null });
  const [round, setRound] = useState(0);
  useEffect(() => {
    const abort = new AbortController();
    let timer = 0;
    let pause = MIN_PAUSE_MS;
    let before = "";
    const load = async () => {
      timer = 0;
      const began = performance.now();
      try {
        const [run, steps, artifacts] = await wholeRun(id, abort.signal);
        pause = Math.max(MIN_PAUSE_MS, 4 * (performance.now() - began));
        setState((old) => ({ ...old, run, artifacts, error: null, steps: merged(old.steps, steps) }));
        if (before && before !== run.status) announce(`The run is ${run.status}`);
        before = run.status;
      } catch (error) {
        if (abort.signal.aborted) return false;
        const mayPass = error.status === 0 || (before && (error.status === 429 || error.status >= 500));
        if (!mayPass) {
          setState((old) => ({ ...old, error }));
          return false;
        }
        soon(RETRY_MS);
      }
      return true;
    };
    const soon = (ms) => {
      if (!timer && !abort.signal.aborted) timer = setTimeout(load, ms);
    };
    const onEvents = (events) => {
      const retries = events.filter((each) => each.type === "step_retrying");
      if (retries.length) setState((old) => ({ ...old, retries: [...old.retries, ...retries] }));
      soon(pause);
    };
    load()
      .then((isThere) => isThere && follow(id, onEvents, abort.signal))
      .then((wasFollowed) => wasFollowed !== false && soon(0));
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [id, round]);
  return { ...state, again: () => setRound((each) => each + 1) };
}

/** Steps by id; one that has not changed stays the same object, so that it is not drawn again. */
function merged(known, fresh) {
  const same = (a, b) =>
    a &&
    a.status === b.status &&
    a.attempts === b.attempts &&
    a.completed_at === b.completed_at &&
    a.started_at === b.started_at;
  return new Map(fresh.map((each) => [each.step, same(known.get(each.step), each) ? known.get(each.step) : each]));
}

/** @param {{ id: string }} props */
export function RunView({ id }) {
  const { run, steps, artifacts, retries, error, again } = useRun(id);
  const workflow = useLoaded(
    (abort) => (run ? call(`workflows/${encodeURIComponent(run.workflow)}`, { signal: abort }) : Promise.resolve(null)),
    [run?.workflow],
  );
  const isOver = Boolean(run && OVER.has(run.status));
  const metrics = useLoaded(
    (abort) =>
      run
        ? call(withQuery(`workflows/${encodeURIComponent(run.workflow)}/metrics`, { runs: 100 }), { signal: abort })
        : Promise.resolve(null),
    [run?.workflow, isOver],
  );
  const now = useNow(!isOver);
  const specs = useMemo(() => specsOf(workflow.value, steps), [workflow.value, steps.size]);
  const critical = useMemo(() => criticalPath(steps, specs), [steps, specs]);
  const query = route.value.query;
  const selected = query.get("step");
  const narrow = useNarrow();
  const tab = query.get("tab") ?? (narrow ? "steps" : "graph");
  const address = (changes) => to("runs", id, { tab: query.get("tab"), step: selected, ...changes });
  const opener = useRef(null);
  const select = (step) => {
    opener.current = document.activeElement;
    location.hash = address({ step });
  };
  const close = () => {
    replace(address({ step: null }));
    setTimeout(() => opener.current?.isConnected && opener.current.focus());
  };

  if (error)
    return html`<h1>Run ${shortId(id)}</h1><${Problem} error=${error} again=${again} /><p><a href="#/runs">All runs</a>
      </p>`;
  if (!run) return html`<${Loading} what="Loading the run" />`;
  const step = selected ? steps.get(selected) : null;
  return html`<${RunHead} run=${run} now=${now} />
    ${run.error && html`<${RunError} run=${run} steps=${steps} onSelect=${select} />`}
    <div class=${`run-body ${step ? "with-panel" : ""}`}>
      <div class="run-main">
        <${Tabs} label="Views of the run" selected=${tab} onSelect=${(next) => replace(address({ tab: next }))}
          tabs=${[
            { id: "graph", label: "Graph" },
            { id: "timeline", label: "Timeline" },
            { id: "steps", label: "Steps" },
            { id: "details", label: "Details" },
          ]}>
          ${tab === "graph" && html`<${Dag} specs=${specs} steps=${steps} selected=${selected} onSelect=${select}
            critical=${isOver ? critical : null} />`}
          ${tab === "timeline" && html`<${Timeline} run=${run} steps=${steps} specs=${specs} critical=${critical}
            selected=${selected} onSelect=${select} now=${now} />`}
          ${tab === "steps" && html`<${StepList} specs=${specs} steps=${steps} selected=${selected}
            onSelect=${select} />`}
          ${tab === "details" && html`<${Details} run=${run} />`}
        <//>
      </div>
      ${
        step &&
        html`<${StepPanel} run=${run} step=${step} steps=${steps} spec=${specs.find((each) => each.id === step.step)}
          isCritical=${critical.has(step.step)}
        retries=${retries.filter((each) => each.data.step === step.step)} files=${artifacts} artifacts=${artifacts.filter((each) => each.step === step.step)}
        metrics=${metrics.value?.steps.find((each) => each.step === step.step)} onClose=${close} onSelect=${select} />`
      }
    </div>`;
}

/** The steps of the workflow that this run has, in its order; the workflow may have changed since. */
export function specsOf(workflow, steps) {
  const known = (workflow?.steps ?? []).filter((each) => steps.has(each.id));
  const names = new Set(known.map((each) => each.id));
  const gone = [...steps.keys()]
    .filter((each) => !names.has(each))
    .map((id) => ({ id, depends_on: [], reads: [], description: "", version: "", effects: false }));
  return workflow ? [...known, ...gone] : [];
}

function RunHead({ run, now }) {
  const [action, setAction] = useState(null);
  const isOver = OVER.has(run.status);
  return html`<nav class="crumbs" aria-label="Breadcrumbs"><a href="#/runs">Runs</a> / <a
    href=${to("runs", { workflow: run.workflow })}>${run.workflow}</a></nav>
    <div class="page-head">
      <h1>Run <${Copyable} text=${run.id} shown=${shortId(run.id)} label="run id" /> <${Badge} kind=${run.status} />
        </h1>
      <div class="actions">
        ${isOver && html`<a class="button"
          href=${run.base_run_id ? to("compare", run.base_run_id, run.id) : to("compare", run.id)}>Compare</a>`}
        ${mayRun() && run.status === "completed" && html`<button type="button" class="primary"
          onClick=${() => setAction("update")}>Update …</button>`}
        ${mayRun() && (run.status === "failed" || run.status === "cancelled") && html`<button type="button"
          class="primary" onClick=${() => setAction("retry")}>Retry …</button>`}
        ${mayRun() && !isOver && html`<button type="button" class="danger"
          onClick=${() => setAction("cancel")}>Cancel …</button>`}
        ${!mayRun() && html`<span class="quiet">Your key can see runs, but not change them.</span>`}
      </div>
    </div>
    <dl class="facts head-facts">
      <div><dt>Duration</dt><dd>${duration(runDuration(run, now))}</dd></div>
      <div><dt>Steps</dt><dd><${StepBar} steps=${run.steps} status=${run.status} /></dd></div>
      <div><dt>Created</dt><dd title=${moment(run.created_at)}><${Ago} at=${run.created_at} now=${now} /></dd></div>
      <div><dt>Trigger</dt><dd>${run.trigger}${run.change && html` <span class="tag">${run.change.type}</span>`}</dd>
        </div>
      ${run.base_run_id && html`<div><dt>Base run</dt><dd><a href=${to("runs", run.base_run_id)}>
        <code>${shortId(run.base_run_id)}</code></a></dd></div>`}
      ${run.cancel_reason && html`<div><dt>Reason</dt><dd>${run.cancel_reason}</dd></div>`}
      ${Object.keys(run.tags).length > 0 && html`<div><dt>Tags</dt>
        <dd>${Object.entries(run.tags).map(([name, value]) => html`<a key=${name} class="tag"
        href=${to("runs", { q: `${name}:${value}` })}>${name}:${value}</a>`)}</dd></div>`}
    </dl>
    ${action && html`<${ActionDialog} action=${action} run=${run} onClose=${() => setAction(null)} />`}`;
}

function RunError({ run, steps, onSelect }) {
  const step = run.error.node_id;
  return html`<section class="error-box" aria-label="Why the run failed">
    <p><strong>${steps.has(step) ? html`<button type="button" class="link" onClick=${() => onSelect(step)}>${step}
      </button> failed` : "The run failed"}</strong> <code>${run.error.code}</code></p>
    <p class="error-text">${run.error.message}</p></section>`;
}

/** The graph as a list, for readers who do not see or use the picture. */
function StepList({ specs, steps, selected, onSelect }) {
  return html`<table class="steps"><thead><tr><th scope="col">Step</th><th scope="col">Status</th><th scope="col"
    class="number">Duration</th><th scope="col">Depends on</th></tr></thead>
    <tbody>${specs.map((spec) => {
      const step = steps.get(spec.id);
      return html`<tr key=${spec.id} class=${spec.id === selected ? "selected" : ""}><th scope="row"><button
        type="button" class="link" onClick=${() => onSelect(spec.id)}>${spec.id}</button></th>
      <td><${Badge} kind=${kindOf(step)} /></td><td class="number">${duration(step.duration_ms)}</td><td
        class="quiet">${spec.depends_on.join(", ") || "–"}</td></tr>`;
    })}</tbody></table>`;
}

function Details({ run }) {
  const parts = { Inputs: run.inputs, Change: run.change, Metadata: run.metadata };
  return html`<dl class="facts"><div><dt>Run</dt><dd><${Copyable} text=${run.id} label="run id" /></dd></div>
      <div><dt>Workflow version</dt><dd>${run.workflow_version}</dd></div><div><dt>Priority</dt><dd>${run.priority}</dd>
        </div>
      <div><dt>Idempotency key</dt><dd>${run.idempotency_key ?? "–"}</dd></div>
      <div><dt>Started</dt><dd>${moment(run.started_at)}</dd></div><div><dt>Ended</dt><dd>${moment(run.completed_at)}
        </dd></div></dl>
    ${Object.entries(parts)
      .filter(([, value]) => value && Object.keys(value).length)
      .map(
        ([name, value]) =>
          html`<h3 key=${name}>${name}</h3><div class="preview" tabindex="0" role="region" aria-label=${name}>
            <${JsonTree} value=${value} /></div>`,
      )}`;
}
