/** Parts that several views use. */
import { ago, moment } from "./format.js";
import { html, signal, useEffect, useLayoutEffect, useRef, useState } from "./lib.js";

/** The text that a screen reader says next. */
const announced = signal("");
/** @param {string} text */
export function announce(text) {
  announced.value = announced.value === text ? `${text} ` : text;
}

export function LiveRegion() {
  return html`<div class="visually-hidden" role="status" aria-live="polite">${announced.value}</div>`;
}

/** The current time, updated every second while `ticking`. @param {boolean} ticking */
export function useNow(ticking = true) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (!ticking) return undefined;
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [ticking]);
  return now;
}

/**
 * The result of a request, loaded again when `keys` change.
 * @param {(abort: AbortSignal) => Promise<any>} load @param {any[]} keys
 */
export function useLoaded(load, keys) {
  const [state, setState] = useState({ value: null, error: null, isLoading: true });
  const [round, setRound] = useState(0);
  useEffect(() => {
    const abort = new AbortController();
    setState((before) => ({ ...before, isLoading: true }));
    load(abort.signal).then(
      (value) => {
        if (!abort.signal.aborted) setState({ value, error: null, isLoading: false });
      },
      (error) => {
        if (!abort.signal.aborted) setState({ value: null, error, isLoading: false });
      },
    );
    return () => abort.abort();
  }, [...keys, round]);
  return { ...state, again: () => setRound((each) => each + 1) };
}

/** An error, and what to do about it. @param {{ error: any, again?: () => void }} props */
export function Problem({ error, again }) {
  return html`<div class="problem" role="alert">
    <p>${error.message}</p>
    ${error.requestId && error.status >= 500 && html`<p class="quiet">Request id: ${error.requestId}</p>`}
    ${again && html`<button type="button" onClick=${again}>Try again</button>`}
  </div>`;
}

/** @param {{ title: string, children: any }} props */
export function Empty({ title, children }) {
  return html`<div class="empty"><p class="empty-title">${title}</p>${children}</div>`;
}

export const Loading = ({ what = "Loading" }) => html`<p class="loading" aria-busy="true">${what} …</p>`;

/** @param {{ at: string, now?: number }} props */
export const Ago = ({ at, now }) => html`<time datetime=${at} title=${moment(at)}>${ago(at, now)}</time>`;

/** Text that can be copied, such as a hash. @param {{ text: string, shown?: string, label: string }} props */
export function Copyable({ text, shown = text, label }) {
  const [done, setDone] = useState(false);
  const copy = () =>
    navigator.clipboard?.writeText(text).then(() => {
      setDone(true);
      announce(`${label} copied`);
      setTimeout(() => setDone(false), 1500);
    });
  return html`<span class="copyable"><code title=${text}>${shown}</code>
    <button type="button" class="icon" aria-label=${`Copy ${label}`} title=${`Copy ${label}`}
      onClick=${copy}>${done ? "✓" : html`<svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true"><path
      d="M5 4.5V1.5h7.5V9h-3M1.5 5H9v7.5H1.5z" fill="none" stroke="currentColor" stroke-width="1.3" /></svg>`}</button>
      </span>`;
}

/**
 * A modal dialog: the browser keeps the focus inside, Escape closes it, and the focus goes back to where it was.
 * @param {{ title: string, onClose: () => void, children: any, wide?: boolean }} props
 */
export function Dialog({ title, onClose, children, wide }) {
  const dialog = useRef(null);
  useLayoutEffect(() => {
    const before = document.activeElement;
    dialog.current.showModal();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  const cancel = (event) => {
    event.preventDefault();
    onClose();
  };
  return html`<dialog ref=${dialog} class=${wide ? "wide" : ""} aria-labelledby="dialog-title" onCancel=${cancel}>
    <header class="dialog-head"><h2 id="dialog-title">${title}</h2>
      <button type="button" class="icon" aria-label="Close" onClick=${onClose}>✕</button></header>
    ${children}
  </dialog>`;
}

/**
 * Tabs by the ARIA pattern: the arrow keys move between them.
 * @param {{ label: string, tabs: { id: string, label: string }[], selected: string, onSelect: (id: string) => void, children: any }} props
 */
export function Tabs({ label, tabs, selected, onSelect, children }) {
  const onKeyDown = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const place = tabs.findIndex((each) => each.id === selected);
    const next = tabs[(place + step + tabs.length) % tabs.length].id;
    onSelect(next);
    document.getElementById(`tab-${next}`)?.focus();
  };
  return html`<div class="tabs">
    <div role="tablist" aria-label=${label} onKeyDown=${onKeyDown}>
      ${tabs.map(
        (
          each,
        ) => html`<button key=${each.id} type="button" role="tab" id=${`tab-${each.id}`}
          aria-selected=${String(each.id === selected)}
        aria-controls="tab-panel" tabindex=${each.id === selected ? 0 : -1} onClick=${() => onSelect(each.id)}>${each.label}</button>`,
      )}
    </div>
    <div role="tabpanel" id="tab-panel" aria-labelledby=${`tab-${selected}`}>${children}</div>
  </div>`;
}

const MAX_ITEMS = 100;
const MAX_TEXT = 2000;

/** A JSON value as a tree of collapsible branches. @param {{ value: any, name?: string, open?: boolean }} props */
export function JsonTree({ value, name, open = true }) {
  const label = name === undefined ? null : html`<span class="json-name">${name}: </span>`;
  if (value === null || typeof value !== "object") {
    const text = typeof value === "string" ? JSON.stringify(value) : String(value);
    return html`<div class="json-leaf">${label}<span
      class=${`json-${value === null ? "null" : typeof value}`}>${text.slice(0, MAX_TEXT)}${text.length > MAX_TEXT ? " …" : ""}
      </span></div>`;
  }
  const entries = Object.entries(value);
  const [first, last] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  if (!entries.length) return html`<div class="json-leaf">${label}<span class="json-null">${first}${last}</span></div>`;
  return html`<${JsonBranch} label=${label} entries=${entries} open=${open} first=${first} last=${last} />`;
}

function JsonBranch({ label, entries, open, first, last }) {
  const [isOpen, setOpen] = useState(open);
  const [most, setMost] = useState(MAX_ITEMS);
  return html`<details class="json" open=${isOpen} onToggle=${(event) => {
    if (event.target === event.currentTarget) setOpen(event.currentTarget.open);
  }}>
    <summary>${label}<span class="quiet">${first} ${entries.length} ${last}</span></summary>
    ${
      isOpen &&
      html`<div class="json-inside">
      ${entries.slice(0, most).map(([key, each]) => html`<${JsonTree} key=${key} name=${key} value=${each}
        open=${false} />`)}
      ${entries.length > most && html`<button type="button" class="link"
        onClick=${() => setMost(most + 10 * MAX_ITEMS)}>Show ${Math.min(10 * MAX_ITEMS, entries.length - most)} more</button>`}
    </div>`
    }
  </details>`;
}

/** Whether the window is as narrow as a phone. */
export function useNarrow() {
  const [media] = useState(() => matchMedia("(max-width: 760px)"));
  const [narrow, setNarrow] = useState(media.matches);
  useEffect(() => {
    const change = () => setNarrow(media.matches);
    media.addEventListener("change", change);
    return () => media.removeEventListener("change", change);
  }, []);
  return narrow;
}
