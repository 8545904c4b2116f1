/** The list of runs, with filters and search. */
import { call, mayRun, runPath, withQuery } from "../api.js";
import { count, duration, moment, plural, runDuration, shortId, OVER } from "../format.js";
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../lib.js";
import { replace, route, to } from "../router.js";
import { Badge, labelOf, symbolOf } from "../status.js";
import { Ago, Empty, Loading, Problem, announce, useLoaded, useNarrow, useNow } from "../ui.js";

const STATUSES = ["running", "pending", "failed", "completed", "cancelled"];
const SPANS = {
  "1h": ["Last hour", 3600],
  "24h": ["Last 24 hours", 86400],
  "7d": ["Last 7 days", 604800],
  "30d": ["Last 30 days", 2592000],
};
const PAGE = 100;
const POLL_MS = 2000;
const MAX_FOLLOWED = 20;

/** What a search text means: a query for the API, and a description for the reader. @param {string} text */
export function searchOf(text) {
  if (!text) return { query: {}, words: "" };
  if (/^[\w.-]+:\S+$/.test(text)) return { query: { tag: text }, words: `Runs with the tag ${text}` };
  if (/^[0-9a-f]{4,64}$/.test(text)) return { query: { id_prefix: text }, words: `Runs whose id starts with ${text}` };
  return { query: { error_contains: text }, words: `Runs whose error contains “${text}”` };
}

/** So that the address of a list stays the same for a minute, and the service can answer that it has not changed. */
const thisMinute = () => Math.floor(Date.now() / 60_000) * 60_000;

/** @param {URLSearchParams} query the filters, as the address has them */
function apiQuery(query) {
  const span = SPANS[query.get("time")];
  return {
    status: query.getAll("status"),
    workflow: query.get("workflow"),
    failed_step: query.get("failed_step"),
    base_run_id: query.get("base"),
    created_after: span ? new Date(thisMinute() - span[1] * 1000).toISOString() : null,
    ...searchOf(query.get("q") ?? "").query,
  };
}

export function Runs() {
  const query = route.value.query;
  const filters = query.toString();
  const { runs, error, isLoading, hasMore, more, again } = useRuns(filters);
  const set = (changes) => {
    const next = {};
    for (const name of new Set(query.keys())) next[name] = query.getAll(name);
    replace(to("runs", { ...next, ...changes }));
  };
  return html`<div class="page-head"><h1>Runs</h1>${mayRun() && html`<a class="button primary"
    href="#/start">Start a run</a>`}</div>
    <${Filters} query=${query} set=${set} />
    ${error && html`<${Problem} error=${error} again=${again} />`}
    ${!error && isLoading && !runs.length && html`<${Loading} what="Loading runs" />`}
    ${!error && !isLoading && !runs.length && html`<${NoRuns} filtered=${Boolean(filters)} />`}
    ${runs.length > 0 && html`<${RunTable} runs=${runs} hasMore=${hasMore} more=${more} />`}`;
}

function NoRuns({ filtered }) {
  if (filtered)
    return html`<${Empty} title="No run matches these filters."><p><a href="#/runs">Clear the filters</a></p><//>`;
  return html`<${Empty} title="There are no runs yet.">
    ${mayRun() ? html`<p><a class="button primary" href="#/start">Start the first run</a>
      </p>` : html`<p>Your key can see runs, but not start them.</p>`}
    <p class="quiet">Or start one in a terminal: <code>langgraph-runner run WORKFLOW</code></p><//>`;
}

/** The runs for some filters, page by page; the newest ones and those that are not over stay current. @param {string} filters */
function useRuns(filters) {
  const [state, setState] = useState({ runs: [], cursor: null, error: null, isLoading: true });
  const [round, setRound] = useState(0);
  const live = useRef({ state, busy: false });
  live.current.state = state;
  const abort = useRef(null);

  useEffect(() => {
    const controller = new AbortController();
    abort.current = controller;
    setState((before) => ({ ...before, runs: [], cursor: null, isLoading: true, error: null }));
    page(filters, null, controller.signal).then(
      ({ items, next_cursor }) => {
        setState({ runs: items, cursor: next_cursor, error: null, isLoading: false });
        announce(next_cursor ? `More than ${items.length} runs` : plural(items.length, "run"));
      },
      (error) => {
        if (!controller.signal.aborted) setState({ runs: [], cursor: null, error, isLoading: false });
      },
    );
    const timer = setInterval(() => {
      if (!document.hidden) refresh(filters, live.current.state, controller.signal, setState);
    }, POLL_MS);
    return () => {
      clearInterval(timer);
      controller.abort();
    };
  }, [filters, round]);

  const more = async () => {
    if (live.current.busy || !live.current.state.cursor) return;
    live.current.busy = true;
    const controller = abort.current;
    try {
      const { items, next_cursor } = await page(filters, live.current.state.cursor, controller.signal);
      if (!controller.signal.aborted)
        setState((before) => ({ ...before, runs: [...before.runs, ...items], cursor: next_cursor }));
    } catch {
      /* The banner shows the lost connection; scrolling tries again. */
    } finally {
      live.current.busy = false;
    }
  };
  return { ...state, hasMore: Boolean(state.cursor), more, again: () => setRound((each) => each + 1) };
}

async function page(filters, cursor, abort) {
  const { items, next_cursor } = await call(
    withQuery("runs", { ...apiQuery(new URLSearchParams(filters)), limit: PAGE, cursor }),
    { signal: abort },
  );
  return { items: items.map(dated), next_cursor };
}

/** A run with the number that sorts it. */
const dated = (run) => ({ ...run, at: Date.parse(run.created_at) });

/** Runs of both lists without repeats, the newest first; those of the second win. */
function merged(known, fresh) {
  const byId = new Map(known.map((each) => [each.id, each]));
  for (const each of fresh) byId.set(each.id, each);
  return [...byId.values()].sort((a, b) => b.at - a.at || (a.id < b.id ? 1 : -1));
}

async function refresh(filters, state, abort, setState) {
  if (state.isLoading) return;
  try {
    const first = await page(filters, null, abort);
    const covered = new Set(first.items.map((each) => each.id));
    const oldest = first.items.at(-1)?.at ?? 0;
    const others = state.runs.filter((each) => !OVER.has(each.status) && !covered.has(each.id)).slice(0, MAX_FOLLOWED);
    const fresh = await Promise.all(others.map((each) => call(runPath(each.id), { signal: abort }).then(dated)));
    if (abort.aborted) return;
    setState((before) => {
      // Usually no run is new: then only the first page is replaced, however many runs are loaded.
      if (!fresh.length && first.items.every((each, place) => before.runs[place]?.id === each.id)) {
        return {
          ...before,
          error: null,
          runs: [...first.items, ...(first.next_cursor ? before.runs.slice(first.items.length) : [])],
        };
      }
      // A run that is as new as the first page, but no longer on it, no longer matches the filters.
      const kept = first.next_cursor ? before.runs.filter((each) => covered.has(each.id) || each.at < oldest) : [];
      return {
        ...before,
        error: null,
        cursor: before.cursor,
        runs: merged(kept, [...fresh.filter((each) => kept.some((one) => one.id === each.id)), ...first.items]),
      };
    });
  } catch {
    /* The banner shows the lost connection; the next round tries again. */
  }
}

function Filters({ query, set }) {
  const workflows = useLoaded((abort) => call("workflows", { signal: abort }), []).value ?? [];
  const [text, setText] = useState(query.get("q") ?? "");
  useEffect(() => setText(query.get("q") ?? ""), [query.get("q")]);
  useEffect(() => {
    if (text.trim() === (query.get("q") ?? "")) return undefined;
    const timer = setTimeout(() => set({ q: text.trim() }), 300);
    return () => clearTimeout(timer);
  }, [text]);
  const chosen = query.getAll("status");
  const toggle = (status) =>
    set({ status: chosen.includes(status) ? chosen.filter((each) => each !== status) : [...chosen, status] });
  const words = searchOf(query.get("q") ?? "").words;
  const also = [
    query.get("failed_step") && `in which step ${query.get("failed_step")} failed`,
    query.get("base") && `derived from run ${shortId(query.get("base"))}`,
  ].filter(Boolean);
  return html`<form class="filters" role="search" onSubmit=${(event) => event.preventDefault()}>
    <div class="chips" role="group" aria-label="Status">
      ${STATUSES.map(
        (
          each,
        ) => html`<button key=${each} type="button" class=${`chip s-${each}`}
          aria-pressed=${String(chosen.includes(each))} onClick=${() => toggle(each)}>
        <span class="symbol" aria-hidden="true">${symbolOf(each)}</span>${labelOf(each)}</button>`,
      )}
    </div>
    <input type="search" class="search" aria-label="Search: run id, tag as name:value, or error text"
      placeholder="Run id, tag name:value, or error text"
      value=${text} onInput=${(event) => setText(event.currentTarget.value)} />
    <select aria-label="Workflow" value=${query.get("workflow") ?? ""}
      onChange=${(event) => set({ workflow: event.currentTarget.value })}>
      <option value="">All workflows</option>
      ${workflows.map((each) => html`<option key=${each.id} value=${each.id}
        selected=${each.id === query.get("workflow")}>${each.id}</option>`)}
    </select>
    <select aria-label="Time" value=${query.get("time") ?? ""}
      onChange=${(event) => set({ time: event.currentTarget.value })}>
      <option value="">Any time</option>
      ${Object.entries(SPANS).map(([id, [label]]) => html`<option key=${id} value=${id}>${label}</option>`)}
    </select>
    ${(words || also.length > 0) && html`<p class="search-words">${words || "Runs"} ${also.join(", ")} <a
      href="#/runs">Clear</a></p>`}
  </form>`;
}

const ROW = 45;
const NARROW_ROW = 84;
const SPARE = 12;

/** Only visible rows are in the page, so 10,000 runs scroll as fast as 100. */
function RunTable({ runs, hasMore, more }) {
  const narrow = useNarrow();
  const height = narrow ? NARROW_ROW : ROW;
  const table = useRef(null);
  const [range, setRange] = useState({ from: 0, until: 40 });
  const isLive = runs.some((each) => !OVER.has(each.status));
  const now = useNow(isLive);
  useLayoutEffect(() => {
    const measure = () => {
      const top = table.current.getBoundingClientRect().top;
      const from = Math.max(0, Math.floor(-top / height) - SPARE);
      const until = Math.ceil((innerHeight - top) / height) + SPARE;
      setRange((before) => (before.from === from && before.until === until ? before : { from, until }));
      if (until > runs.length - 20) more();
    };
    measure();
    addEventListener("scroll", measure, { passive: true });
    addEventListener("resize", measure);
    return () => {
      removeEventListener("scroll", measure);
      removeEventListener("resize", measure);
    };
  }, [runs.length, height, hasMore]);
  const shown = useMemo(() => runs.slice(range.from, range.until), [runs, range]);
  const until = Math.min(range.until, runs.length);
  return html`<table class="runs" ref=${table} aria-rowcount=${hasMore ? -1 : runs.length + 1}>
      <thead><tr><th scope="col">Status</th><th scope="col">Run</th><th scope="col">Workflow</th><th
        scope="col">Steps</th><th scope="col">Trigger</th><th scope="col" class="number">Duration</th><th
        scope="col">Created</th></tr></thead>
      <tbody>
        ${range.from > 0 && html`<tr aria-hidden="true" key="before"><td colspan="7" class="spacer"
          style=${{ height: `${Math.min(range.from, runs.length) * height}px` }}></td></tr>`}
        ${shown.map((run, place) => html`<${RunRow} key=${run.id} run=${run} index=${range.from + place + 2}
          now=${OVER.has(run.status) ? null : now} />`)}
        ${until < runs.length && html`<tr aria-hidden="true" key="after"><td colspan="7" class="spacer"
          style=${{ height: `${(runs.length - until) * height}px` }}></td></tr>`}
      </tbody>
    </table>
    <p class="quiet table-foot">${hasMore ? `${count(runs.length)} runs loaded; scroll for more` : plural(runs.length, "run")}
      </p>`;
}

function RunRow({ run, index, now }) {
  const tags = Object.entries(run.tags ?? {});
  return html`<tr aria-rowindex=${index}>
    <td class="c-status"><${Badge} kind=${run.status} /></td>
    <td class="c-id"><a href=${to("runs", run.id)} title=${run.id}><code>${shortId(run.id)}</code></a>
      ${tags.slice(0, 2).map(([name, value]) => html`<span class="tag" title=${`${name}:${value}`}>${name}:${value}
        </span>`)}</td>
    <td class="c-workflow">${run.workflow}</td>
    <td class="c-steps"><${StepBar} steps=${run.steps} status=${run.status} /></td>
    <td class="c-trigger">${run.trigger}</td>
    <td class="c-duration number">${duration(runDuration(run, now ?? undefined))}</td>
    <td class="c-when" title=${moment(run.created_at)}><${Ago} at=${run.created_at} /></td>
  </tr>`;
}

const ORDER = ["completed", "skipped", "running", "failed", "cancelled", "pending"];

/** How many steps have which status, as a bar with its numbers in words. @param {{ steps: Record<string, number>, status: string }} props */
export function StepBar({ steps, status }) {
  const total = Object.values(steps).reduce((sum, each) => sum + each, 0);
  // In a failed run, skipped steps are not done: their dependencies have no output.
  const done = (steps.completed ?? 0) + (status === "failed" || status === "cancelled" ? 0 : (steps.skipped ?? 0));
  const words = ORDER.filter((each) => steps[each])
    .map((each) => `${steps[each]} ${each}`)
    .join(", ");
  return html`<span class="stepbar" title=${words}><span class="bar" aria-hidden="true">
      ${ORDER.filter((each) => steps[each]).map((each) => html`<i key=${each} class=${`s-${each}`}
        style=${{ flexGrow: steps[each] }}></i>`)}</span>
    <span class="visually-hidden">${words}</span><span class="quiet" aria-hidden="true">${done}/${total}</span></span>`;
}
