/** Two runs side by side: what ran again, what was reused, and their files. */
import { call, wholeRun, withQuery } from "../api.js";
import { duration, moment, plural, runDuration, shortId } from "../format.js";
import { html, useState } from "../lib.js";
import { go, to } from "../router.js";
import { Badge, kindOf } from "../status.js";
import { Empty, JsonTree, Loading, Problem, useLoaded } from "../ui.js";
import { Preview, previewOf } from "./artifacts.js";

/** @param {{ left: string, right?: string }} props */
export function Compare({ left, right }) {
  const load = (id) =>
    useLoaded(
      (abort) => (id ? wholeRun(id, abort) : Promise.resolve(null)),
      [id],
    );
  const [a, b] = [load(left), load(right)];
  const failed = [a, b].find((each) => each.error);
  if (failed) return html`<h1>Compare runs</h1><${Problem} error=${failed.error} again=${failed.again} />`;
  if (!a.value || (right && !b.value)) return html`<h1>Compare runs</h1><${Loading} />`;
  const [run] = a.value;
  return html`<h1>Compare runs</h1>
    <div class="compare-head"><${RunCard} title="Before" run=${run} /><${right ? RunCard : "div"} title="After"
      run=${b.value?.[0]} class="card" /></div>
    <${Picker} workflow=${run.workflow} left=${left} right=${right} />
    ${right && html`<${Differences} a=${a.value} b=${b.value} />`}`;
}

function RunCard({ title, run }) {
  if (!run) return null;
  return html`<section class="card" aria-label=${title}><h2>${title}: <a href=${to("runs", run.id)}>
    <code>${shortId(run.id)}</code></a></h2>
    <p><${Badge} kind=${run.status} /> ${duration(runDuration(run))} <span
      class="quiet">${run.trigger}, ${moment(run.created_at)}</span></p>
    ${run.change && html`<p><span class="tag">${run.change.type}</span></p><${JsonTree} value=${run.change.payload} />`}
      </section>`;
}

function Picker({ workflow, left, right }) {
  const { value } = useLoaded(
    (abort) => call(withQuery("runs", { workflow, limit: 50 }), { signal: abort }),
    [workflow],
  );
  const others = (value?.items ?? []).filter((each) => each.id !== left);
  if (value && !others.length && !right)
    return html`<${Empty} title="This workflow has no other run."><p><a
      href=${to("start", workflow)}>Start a run</a></p><//>`;
  return html`<label class="field inline"><span class="field-label">Compare with</span>
    <select onChange=${(event) => event.currentTarget.value && go(to("compare", left, event.currentTarget.value))}>
    <option value="" selected=${!right}>Choose a run</option>
    ${others.map((each) => html`<option key=${each.id} value=${each.id}
      selected=${each.id === right}>${shortId(each.id)} · ${each.trigger}${each.change_type ? ` ${each.change_type}` : ""} · ${each.status} · ${moment(each.created_at)}
      </option>`)}</select></label>`;
}

/** How a step of the second run relates to the same step of the first. */
function verdictOf(before, after) {
  if (!before || !after) return { kind: "other", words: before ? "only in the first run" : "only in the second run" };
  const kind = kindOf(after);
  if (kind === "reused" || kind === "cached")
    return { kind: "reused", words: kind === "cached" ? "reused from the cache" : "reused" };
  if (after.status !== "completed") return { kind: "other", words: after.status };
  return {
    kind: "rebuilt",
    words:
      before.input_hash && before.input_hash === after.input_hash
        ? "ran again with the same inputs"
        : "ran again: its inputs changed",
  };
}

function Differences({ a, b }) {
  const [runA, stepsA, filesA] = a;
  const [runB, stepsB, filesB] = b;
  const [only, setOnly] = useState(false);
  const before = new Map(stepsA.map((each) => [each.step, each]));
  const after = new Map(stepsB.map((each) => [each.step, each]));
  const rows = [...new Set([...after.keys(), ...before.keys()])].map((step) => ({
    step,
    before: before.get(step),
    after: after.get(step),
    ...verdictOf(before.get(step), after.get(step)),
  }));
  const number = (kind) => rows.filter((each) => each.kind === kind).length;
  const shown = only ? rows.filter((each) => each.kind !== "reused") : rows;
  return html`${runA.workflow !== runB.workflow && html`<div class="problem">
    <p>These are runs of different workflows.</p></div>`}
    <p class="verdict"><strong>${number("rebuilt")}
      </strong> of ${rows.length} steps ran again, <strong>${number("reused")}
      </strong> reused${number("other") > 0 && html`, <strong>${number("other")}</strong> with another result`}.</p>
    <label class="check"><input type="checkbox" checked=${only}
      onChange=${(event) => setOnly(event.currentTarget.checked)} />Hide reused steps</label>
    <div class="scroll" tabindex="0" role="region" aria-label="Steps of both runs"><table class="steps"><thead><tr><th
      scope="col">Step</th><th scope="col">Before</th><th scope="col">After</th><th scope="col">What changed</th></tr>
      </thead>
      <tbody>${shown.map(
        (
          row,
        ) => html`<tr key=${row.step} class=${`v-${row.kind}`}><th scope="row"><a
          href=${to("runs", row.after ? runB.id : runA.id, { step: row.step })}>${row.step}</a></th>
        ${[row.before, row.after].map((each, place) => html`<td key=${place}>${each ? html`<${Badge}
          kind=${kindOf(each)} /> <span class="quiet">${duration(each.duration_ms)}</span>` : "–"}</td>`)}
          <td>${row.words}</td></tr>`,
      )}</tbody></table></div>
    <${Files} before=${filesA} after=${filesB} />`;
}

function Files({ before, after }) {
  const keyOf = (each) => `${each.step}/${each.name}`;
  const [a, b] = [before, after].map((files) => new Map(files.map((each) => [keyOf(each), each])));
  const pairs = [...new Set([...b.keys(), ...a.keys()])].map((key) => ({
    key,
    a: a.get(key),
    b: b.get(key),
    same: a.get(key)?.sha256 === b.get(key)?.sha256,
  }));
  const changed = pairs.filter((each) => !each.same).sort((x, y) => rankOf(x) - rankOf(y));
  if (!pairs.length) return html`<h2>Artifacts</h2><p class="quiet">Neither run has files.</p>`;
  return html`<h2>Artifacts</h2><p class="quiet">${changed.length} of ${plural(pairs.length, "file")} differ.</p>
    ${changed.map((pair, place) => html`<${FilePair} key=${pair.key} pair=${pair} before=${before} after=${after}
      open=${place === 0} />`)}
    ${changed.length < pairs.length && html`<details><summary>${plural(pairs.length - changed.length, "equal file")}</summary>
      <ul>${pairs.filter((each) => each.same).map((each) => html`<li key=${each.key}><code>${each.key}</code></li>`)}
      </ul></details>`}`;
}

/** Files with the most visible differences come first. */
const rankOf = (pair) => ["html", "image", "json", "text", "none"].indexOf(previewOf(pair.b ?? pair.a));

function FilePair({ pair, before, after, open }) {
  const [isOpen, setOpen] = useState(open);
  return html`<details class="lazy" open=${isOpen} onToggle=${(event) => {
    if (event.target === event.currentTarget) setOpen(event.currentTarget.open);
  }}><summary><code>${pair.key}</code></summary>
    ${
      isOpen &&
      html`<div class="side-by-side">${[
        ["Before", pair.a, before],
        ["After", pair.b, after],
      ].map(
        ([title, each, siblings]) =>
          html`<div key=${title}><h3>${title}</h3>${each ? html`<${Preview} artifact=${each}
            siblings=${siblings} />` : html`<p class="quiet">This run does not have the file.</p>`}</div>`,
      )}</div>`
    }</details>`;
}
