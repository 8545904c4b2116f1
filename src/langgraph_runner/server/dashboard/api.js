/** The REST API: requests, problems, the key, and live events. */
import { signal } from "./lib.js";

const KEY = "langgraph-runner.key";
const MAX_SILENCE_MS = 45_000;

/** @type {import("./lib.js").signal<{ actor: string, tenant: string, role: string } | null>} */
export const caller = signal(null);
/** `checking`, `signed-out`, `signed-in`. */
export const access = signal("checking");
/** Why the user has to sign in again; empty at first. */
export const signedOutBecause = signal("");
/** Whether the service answered the last request. */
export const online = signal(true);

/** A refusal of the service (RFC 9457), or no answer at all. */
export class ApiProblem extends Error {
  /** @param {number} status 0 without an answer @param {any} problem */
  constructor(status, problem) {
    super(problem.detail || problem.title || `The service answered ${status}.`);
    this.status = status;
    this.code = problem.code ?? "";
    /** @type {{ pointer: string, detail: string }[]} */
    this.faults = problem.errors ?? [];
    this.requestId = problem.request_id ?? "";
  }
}

/** @param {string} path @param {any} [options] */
async function send(path, { method = "GET", body, headers = {}, signal: abort } = {}) {
  const key = sessionStorage.getItem(KEY);
  const sent = { ...headers };
  if (key) sent.Authorization = `Bearer ${key}`;
  if (body !== undefined) sent["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(new URL(path, document.baseURI), {
      method,
      headers: sent,
      signal: abort,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    online.value = false;
    throw new ApiProblem(0, {
      detail: "The service does not answer. Check that it runs. This page tries again by itself.",
    });
  }
  online.value = true;
  if (response.ok || response.status === 304) return response;
  const problem = await response.json().catch(() => ({}));
  if (response.status === 401 && access.value === "signed-in")
    signOut("Your key no longer works: it was revoked or has expired.");
  throw new ApiProblem(response.status, problem);
}

/** A JSON answer. @param {string} path @param {any} [options] @returns {Promise<any>} */
export async function call(path, options) {
  const response = await send(path, options);
  return response.status === 204 ? null : response.json();
}

/** All items of a list that comes in pages. @param {string} path @param {any} [options] @returns {Promise<any[]>} */
export async function all(path, options) {
  const items = [];
  for (let cursor = null, page; !page || cursor; cursor = page.next_cursor) {
    page = await call(withQuery(path, { cursor }), options);
    items.push(...page.items);
  }
  return items;
}

/** A run, its steps and its files. @param {string} id @param {AbortSignal} abort @returns {Promise<[any, any[], any[]]>} */
export function wholeRun(id, abort) {
  const [run, options] = [runPath(id), { signal: abort }];
  return Promise.all([call(run, options), all(`${run}/steps`, options), call(`${run}/artifacts`, options)]);
}

/** The path of a file below this page, also where the service has a prefix. @param {string} href */
export const filePath = (href) => href.replace(/^.*?\/(?=runs\/[^/]+\/artifacts\/)/, "");

/** The content of a file. @param {string} path @param {AbortSignal} [abort] @returns {Promise<Blob>} */
export async function file(path, abort) {
  return (await send(path, { signal: abort })).blob();
}

/** @param {string} path @param {Record<string, any>} query */
export function withQuery(path, query) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    for (const each of [value].flat())
      if (each !== undefined && each !== null && each !== "") parameters.append(name, each);
  return `${path}?${parameters}`;
}

/** @param {string} id @param {...string} rest */
export const runPath = (id, ...rest) => ["runs", id, ...rest].map(encodeURIComponent).join("/");

export const mayRun = () => caller.value?.role === "run" || caller.value?.role === "admin";

/** Ask the service who the user is; with `--dev` no key is needed. @param {string} [key] a key that the user entered */
export async function signIn(key) {
  if (key !== undefined) sessionStorage.setItem(KEY, key);
  try {
    caller.value = await call("caller");
    access.value = "signed-in";
    signedOutBecause.value = "";
  } catch (error) {
    if (error.status === 401 || key !== undefined) sessionStorage.removeItem(KEY);
    if (error.status === 401) access.value = "signed-out";
    throw error;
  }
}

/** Forget the key. @param {string} [why] */
export function signOut(why = "") {
  sessionStorage.removeItem(KEY);
  caller.value = null;
  signedOutBecause.value = why;
  access.value = "signed-out";
}

/**
 * Return a function that sends changes. An equal request gets the same idempotency key, so that a second click after a
 * lost response starts no second run.
 */
export function newSender() {
  let last = { text: "", key: "" };
  return (/** @type {string} */ path, /** @type {any} */ body) => {
    const text = JSON.stringify([path, body]);
    if (text !== last.text) last = { text, key: randomKey() };
    return call(path, { method: "POST", body, headers: { "Idempotency-Key": last.key } });
  };
}

const randomKey = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (each) => each.toString(36)).join("-");

const wait = (ms, abort) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    abort.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });

/** Resolves when the tab is visible: all tabs of a browser share 6 connections to a service. */
const tabVisible = (abort) =>
  new Promise((resolve) => {
    if (!document.hidden || abort.aborted) return resolve();
    const stop = new AbortController();
    const done = () => {
      if (document.hidden && !abort.aborted) return;
      stop.abort();
      resolve();
    };
    document.addEventListener("visibilitychange", done, { signal: stop.signal });
    abort.addEventListener("abort", done, { signal: stop.signal });
  });

/**
 * Follow the events of a run until it is over, across lost connections.
 * `EventSource` cannot send the key, so the stream is read by `fetch`.
 * @param {string} runId @param {(events: any[]) => void} onEvents called with each batch that arrives
 * @param {AbortSignal} abort
 */
export async function follow(runId, onEvents, abort) {
  let last = 0;
  for (let pause = 500; !abort.aborted; pause = Math.min(pause * 2, 8000)) {
    await tabVisible(abort);
    const attempt = new AbortController();
    const stop = () => {
      if (document.hidden || abort.aborted) attempt.abort();
    };
    abort.addEventListener("abort", stop, { signal: attempt.signal });
    document.addEventListener("visibilitychange", stop, { signal: attempt.signal });
    try {
      const response = await send(runPath(runId, "events"), {
        headers: { "Last-Event-ID": String(last) },
        signal: attempt.signal,
      });
      if (response.status === 204) return;
      for await (const batch of batches(response.body)) {
        pause = 250;
        last = batch.at(-1).seq;
        onEvents(batch);
        if (batch.some((each) => /^run_(completed|failed|cancelled)$/.test(each.type))) return;
      }
    } catch (error) {
      if (abort.aborted || (error.status >= 400 && error.status < 500 && error.status !== 429)) return;
      if (!attempt.signal.aborted) online.value = false;
    } finally {
      attempt.abort();
    }
    await wait(pause, abort);
  }
}

/** Yields the events of a stream, all events of a chunk at a time. @param {ReadableStream<Uint8Array>} body */
async function* batches(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    // The service sends a comment every 15 s; a silent connection is dead.
    const silence = setTimeout(() => reader.cancel(), MAX_SILENCE_MS);
    const { done, value } = await reader.read().finally(() => clearTimeout(silence));
    if (done) return;
    text += value;
    const parts = text.split("\n\n");
    text = parts.pop();
    const events = parts.flatMap((part) => {
      const data = part
        .split("\n")
        .filter((line) => line.startsWith("data:"))
        .map((line) => line.slice(5))
        .join("\n");
      return data ? [JSON.parse(data)] : [];
    });
    if (events.length) yield events;
  }
}
