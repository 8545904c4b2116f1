/** Update, retry and cancel: each dialog shows what will happen before you confirm. */
import { all, call, newSender, runPath } from "../api.js";
import { plural } from "../format.js";
import { FormFields, faultsByPointer } from "../forms.js";
import { html, useEffect, useMemo, useState } from "../lib.js";
import { go, to } from "../router.js";
import { Badge, kindOf } from "../status.js";
import { Dialog, Loading, Problem, announce, useLoaded } from "../ui.js";

/** @param {{ action: "update" | "retry" | "cancel", run: any, onClose: () => void }} props */
export function ActionDialog({ action, run, onClose }) {
  if (action === "update") return html`<${UpdateDialog} run=${run} onClose=${onClose} />`;
  return html`<${StepsDialog} action=${action} run=${run} onClose=${onClose} />`;
}

/** What will happen with each step, grouped. @param {{ groups: { kind: string, label: string, items: { step: string, why?: string }[] }[] }} props */
function PlanView({ groups }) {
  return html`<div class="plan" role="group" aria-label="Plan">${groups
    .filter((each) => each.items.length)
    .map(
      ({ kind, label, items }) => html`<details key=${kind} open=${items.length <= 12}>
    <summary><${Badge} kind=${kind} label=${label} /> ${plural(items.length, "step")}</summary>
    <ul>${items.map((each) => html`<li key=${each.step}><code>${each.step}</code>${each.why && html`<span
      class="quiet"> ${each.why}</span>`}</li>`)}</ul></details>`,
    )}</div>`;
}

const ACTIONS = [
  ["run", "Will run"],
  ["maybe", "May run"],
  ["cached", "From cache"],
  ["reuse", "Reused"],
];

function UpdateDialog({ run, onClose }) {
  const workflow = useLoaded((abort) => call(`workflows/${encodeURIComponent(run.workflow)}`, { signal: abort }), []);
  return html`<${Dialog} title="Update the run" onClose=${onClose} wide>
    ${workflow.error && html`<${Problem} error=${workflow.error} again=${workflow.again} />`}
    ${workflow.isLoading && html`<${Loading} />`}
    ${workflow.value && workflow.value.changes.length === 0 && html`<p>This workflow has no changes. Declare one with <code>workflow.on_change(…)</code>.</p>`}
    ${workflow.value && workflow.value.changes.length > 0 && html`<${UpdateForm} run=${run} workflow=${workflow.value}
      onClose=${onClose} />`}
  <//>`;
}

function UpdateForm({ run, workflow, onClose }) {
  const [type, setType] = useState(workflow.changes[0].type);
  const change = workflow.changes.find((each) => each.type === type);
  const schema = useMemo(() => change.payload ?? { ...workflow.inputs, required: [] }, [change]);
  const [payload, setPayload] = useState({});
  const [plan, setPlan] = useState(null);
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState("");
  const send = useMemo(newSender, []);
  const body = () => ({ change: { type, payload: payload ?? {} } });
  const edit = (value) => {
    setPayload(value);
    setPlan(null);
    setProblem(null);
  };
  const ask = async (event) => {
    event.preventDefault();
    setBusy("plan");
    setProblem(null);
    try {
      const found = await call(runPath(run.id, "plan"), { method: "POST", body: body() });
      setPlan(found);
      announce(`Plan: ${plural(found.steps.filter((each) => each.action === "run").length, "step")} will run`);
    } catch (error) {
      setProblem(error);
    } finally {
      setBusy("");
    }
  };
  const apply = async () => {
    setBusy("apply");
    try {
      const made = await send(runPath(run.id, "update"), body());
      onClose();
      go(to("runs", made.id));
    } catch (error) {
      setProblem(error);
      setBusy("");
    }
  };
  return html`<form onSubmit=${ask}><div class="dialog-body">
      <label class="field"><span class="field-label">Change</span><select value=${type} onChange=${(event) => {
        setType(event.currentTarget.value);
        edit({});
      }}>
        ${workflow.changes.map((each) => html`<option key=${each.type} value=${each.type}
          selected=${each.type === type}>${each.type}${each.description ? `: ${each.description}` : ""}</option>`)}
          </select></label>
      ${!change.payload && html`<p
        class="quiet">Fill in only the fields to change. Empty fields keep the values of this run.</p>`}
      <${FormFields} key=${type} schema=${schema} value=${payload} current=${change.payload ? undefined : run.inputs}
        onChange=${edit} faults=${faultsByPointer(problem, ["/change/payload", "/inputs", "/payload", ""])} partial />
      ${problem && html`<${Problem} error=${problem} />`}
      ${
        plan &&
        html`<h3>Plan</h3>
        ${plan.changed_fields.length > 0 ? html`<p class="quiet">Changed inputs: ${plan.changed_fields.join(", ")}
          </p>` : html`<p class="quiet">No input changes.</p>`}
        <${PlanView}
          groups=${ACTIONS.map(([action, label]) => ({ kind: action, label, items: plan.steps.filter((each) => each.action === action) }))} />`
      }
    </div>
    <footer class="dialog-foot"><button type="button" onClick=${onClose}>Close</button>
      <button type="submit" class=${plan ? "" : "primary"}
        disabled=${busy !== ""}>${busy === "plan" ? "Planning …" : plan ? "Plan again" : "Show the plan"}</button>
      ${plan && html`<button type="button" class="primary" disabled=${busy !== ""}
        onClick=${apply}>${busy === "apply" ? "Starting …" : "Apply the change"}</button>`}</footer></form>`;
}

const WORDS = {
  retry: {
    title: "Retry the run",
    confirm: "Retry",
    busy: "Starting …",
    intro:
      "A new run continues where this one stopped. It reuses completed steps, unless their code has changed.",
  },
  cancel: {
    title: "Cancel the run",
    confirm: "Cancel the run",
    busy: "Cancelling …",
    intro: "You cannot undo this. Completed steps are kept, so you can retry the run later.",
  },
};

/** What a retry or a cancellation means for each step. */
function groupsOf(action, steps) {
  const done = (each) => each.status === "completed" || ["reused", "cached"].includes(kindOf(each));
  if (action === "retry")
    return [
      {
        kind: "run",
        label: "Will run",
        items: steps
          .filter((each) => !done(each))
          .map(({ step, status }) => ({ step, why: status === "failed" ? "failed" : `was ${status}` })),
      },
      { kind: "reuse", label: "Reused", items: steps.filter(done).map(({ step }) => ({ step })) },
    ];
  return [
    { kind: "running", label: "Will be stopped", items: steps.filter((each) => each.status === "running") },
    { kind: "pending", label: "Will not start", items: steps.filter((each) => each.status === "pending") },
    { kind: "completed", label: "Completed and kept", items: steps.filter(done) },
  ].map((group) => ({ ...group, items: group.items.map(({ step }) => ({ step })) }));
}

function StepsDialog({ action, run, onClose }) {
  const words = WORDS[action];
  const steps = useLoaded((abort) => all(runPath(run.id, "steps"), { signal: abort }), []);
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  const [reason, setReason] = useState("");
  const send = useMemo(newSender, []);
  const confirm = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      const body = action === "cancel" && reason.trim() ? { reason: reason.trim() } : {};
      const made = await send(runPath(run.id, action), body);
      onClose();
      if (action === "retry") go(to("runs", made.id));
      else announce("Cancelling the run");
    } catch (error) {
      setProblem(error);
      setBusy(false);
    }
  };
  useEffect(() => {
    if (steps.value) announce("The plan is shown");
  }, [steps.value]);
  return html`<${Dialog} title=${words.title} onClose=${onClose}><form onSubmit=${confirm}><div class="dialog-body">
      <p>${words.intro}</p>
      ${action === "cancel" && html`<label class="field"><span class="field-label">Reason <span
        class="quiet">(optional)</span></span><input value=${reason} maxlength="500"
        onInput=${(event) => setReason(event.currentTarget.value)} /></label>`}
      ${steps.error && html`<${Problem} error=${steps.error} again=${steps.again} />`}
      ${steps.isLoading && html`<${Loading} what="Loading the plan" />`}
      ${steps.value && html`<h3>Plan</h3><${PlanView} groups=${groupsOf(action, steps.value)} />`}
      ${problem && html`<${Problem} error=${problem} />`}
    </div>
    <footer class="dialog-foot"><button type="button" onClick=${onClose}>Close</button>
      <button type="submit" class=${action === "cancel" ? "danger" : "primary"}
        disabled=${busy || !steps.value}>${busy ? words.busy : words.confirm}</button></footer></form><//>`;
}
