/** Start a run: choose a workflow, fill in its inputs, see its steps. */
import { ApiProblem, call, mayRun, newSender, withQuery } from "../api.js";
import { plural } from "../format.js";
import { FormFields, defaultOf, faultsByPointer } from "../forms.js";
import { html, useEffect, useMemo, useRef, useState } from "../lib.js";
import { go, to } from "../router.js";
import { Empty, Loading, Problem, announce, useLoaded } from "../ui.js";
import { Dag } from "./dag.js";

/** @param {{ workflow?: string }} props */
export function Start({ workflow }) {
  const workflows = useLoaded((abort) => call("workflows", { signal: abort }), []);
  if (workflows.error)
    return html`<h1>Start a run</h1><${Problem} error=${workflows.error} again=${workflows.again} />`;
  if (workflows.isLoading) return html`<h1>Start a run</h1><${Loading} what="Loading workflows" />`;
  const known = workflows.value;
  if (!known.length)
    return html`<h1>Start a run</h1><${Empty} title="The service has no workflows.">
      <p>Start it with your module: <code>langgraph-runner serve --app module:workflow</code></p><//>`;
  const chosen = workflow ?? (known.length === 1 ? known[0].id : null);
  const found = known.find((each) => each.id === chosen);
  if (!found)
    return html`<h1>Start a run</h1>${workflow && html`<div class="problem" role="alert">
      <p>The service has no workflow ${workflow}.</p></div>`}
    <ul class="cards">${known.map((each) => html`<li key=${each.id} class="card"><h2><a
      href=${to("start", each.id)}>${each.id}</a></h2><p>${each.description}</p><p
      class="quiet">${plural(each.steps.length, "step")}, version ${each.version}</p></li>`)}</ul>`;
  return html`<h1>Start ${found.id}
    </h1>${found.description && html`<p>${found.description} ${known.length > 1 && html`<a
    href="#/start">Choose another workflow</a>`}</p>`}
    ${mayRun() ? html`<${StartForm} key=${found.id} workflow=${found} />` : html`<${Empty}
      title="Your key can see runs, but not start them.">
      <p>Ask for a key with the role <code>run</code>: <code>langgraph-runner keys create NAME --role run</code></p>
      <//>`}`;
}

function StartForm({ workflow }) {
  const [inputs, setInputs] = useState(() => defaultOf(workflow.inputs) ?? {});
  const [tags, setTags] = useState("");
  const [useCache, setUseCache] = useState(true);
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  const form = useRef(null);
  const send = useMemo(newSender, []);
  const last = useLoaded(
    (abort) => call(withQuery("runs", { workflow: workflow.id, limit: 1 }), { signal: abort }),
    [workflow.id],
  );
  const none = useMemo(() => new Map(), []);
  const kinds = useMemo(() => new Map(workflow.steps.map((each) => [each.id, "planned"])), [workflow]);
  useEffect(() => {
    if (problem?.faults?.length) form.current.querySelector("[aria-invalid=true]")?.focus();
  }, [problem]);
  const submit = async (event) => {
    event.preventDefault();
    const pairs = tags
      .split(/[\s,]+/)
      .filter(Boolean)
      .map((each) => each.split(/:(.*)/s).slice(0, 2));
    if (pairs.some((each) => each.length < 2 || !each[1])) {
      setProblem(new ApiProblem(0, { detail: "Tags must be name:value, such as customer:acme, separated by spaces." }));
      return;
    }
    setBusy(true);
    setProblem(null);
    try {
      const body = {
        workflow: workflow.id,
        inputs,
        use_cache: useCache,
        ...(pairs.length ? { tags: Object.fromEntries(pairs) } : {}),
      };
      const made = await send("runs", body);
      announce("Run started");
      go(to("runs", made.id));
    } catch (error) {
      setProblem(error);
      setBusy(false);
    }
  };
  const previous = last.value?.items[0];
  return html`<div class="start"><form ref=${form} class="card" noValidate onSubmit=${submit} aria-label="Inputs">
      ${previous && html`<p><button type="button"
        onClick=${() => setInputs(previous.inputs ?? {})}>Use the inputs of the last run</button></p>`}
      <${FormFields} schema=${workflow.inputs} value=${inputs} onChange=${setInputs}
        faults=${faultsByPointer(problem, ["/inputs"])} />
      <fieldset><legend>Options</legend>
        <div class="field"><label class="field-label" for="tags">Tags</label><input id="tags" value=${tags}
          placeholder="customer:acme region:eu" onInput=${(event) => setTags(event.currentTarget.value)} /></div>
        <label class="check"><input type="checkbox" checked=${useCache}
          onChange=${(event) => setUseCache(event.currentTarget.checked)} />Use cached results</label>
      </fieldset>
      ${problem && html`<${Problem} error=${problem} />`}
      <p class="form-foot"><button type="submit" class="primary"
        disabled=${busy}>${busy ? "Starting …" : "Start the run"}</button></p>
    </form>
    <section class="start-plan" aria-label="Steps"><h2>Steps</h2><p
      class="quiet">${plural(workflow.steps.length, "step")}. With cached results, a step runs only if no earlier run had the same inputs for it.</p>
      <${Dag} specs=${workflow.steps} steps=${none} kinds=${kinds} /></section></div>`;
}
