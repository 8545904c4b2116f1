/** Formats of durations, times, sizes and numbers for people. */

const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const NUMBER = new Intl.NumberFormat();

/** A duration: `850 ms`, `1.2 s`, `3 min 5 s`. @param {number | null | undefined} ms */
export function duration(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms < 1) return "< 1 ms";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** How long ago: `just now`, `5 min ago`, `3 days ago`. @param {string} iso @param {number} now */
export function ago(iso, now = Date.now()) {
  const seconds = (now - Date.parse(iso)) / 1000;
  if (seconds < 10) return "just now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  const days = Math.floor(seconds / 86400);
  return days === 1 ? "1 day ago" : `${days} days ago`;
}

/** Date and time in the reader's zone. @param {string | null} iso */
export const moment = (iso) => (iso ? DATE.format(new Date(iso)) : "–");

/** `12 kB`. @param {number} size in bytes */
export function bytes(size) {
  if (size < 1000) return `${size} B`;
  if (size < 1e6) return `${(size / 1e3).toFixed(size < 1e4 ? 1 : 0)} kB`;
  return `${(size / 1e6).toFixed(1)} MB`;
}

/** @param {number} count @param {string} noun @param {string} [many] */
export const plural = (count, noun, many = `${noun}s`) => `${NUMBER.format(count)} ${count === 1 ? noun : many}`;

/** @param {number} value */
export const count = (value) => NUMBER.format(value);

/** The end of an id, which differs between runs; a tooltip has the whole id. @param {string} id */
export const shortId = (id) => (id.length > 10 ? id.slice(-8) : id);

/** How long a run has taken so far. @param {any} run @param {number} now */
export function runDuration(run, now = Date.now()) {
  if (run.measured_ms !== null && run.measured_ms !== undefined) return run.measured_ms;
  if (!run.started_at) return null;
  return Math.max(0, (run.completed_at ? Date.parse(run.completed_at) : now) - Date.parse(run.started_at));
}

export const OVER = new Set(["completed", "failed", "cancelled"]);
