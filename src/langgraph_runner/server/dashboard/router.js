/** The current view, kept in the hash of the address, so that deep links and the back button work. */
import { signal } from "./lib.js";

/** @typedef {{ path: string[], query: URLSearchParams }} Route */

/** @returns {Route} */
function parse() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  return { path: path.split("/").filter(Boolean).map(decodeURIComponent), query: new URLSearchParams(query ?? "") };
}

export const route = signal(parse());
addEventListener("hashchange", () => {
  route.value = parse();
});

/** An address: `to("runs", id)`. @param {...(string | Record<string, any>)} parts */
export function to(...parts) {
  const last = parts.at(-1);
  const query = new URLSearchParams();
  if (typeof last === "object") {
    parts = parts.slice(0, -1);
    for (const [name, value] of Object.entries(last))
      for (const each of [value].flat())
        if (each !== undefined && each !== null && each !== "") query.append(name, each);
  }
  const text = query.toString();
  return `#/${parts.map(encodeURIComponent).join("/")}${text ? `?${text}` : ""}`;
}

/** @param {string} address from `to()` */
export function go(address) {
  location.hash = address;
}

/** Change the address without a new entry in the history: for filters while they are typed. @param {string} address */
export function replace(address) {
  history.replaceState(null, "", address);
  route.value = parse();
}
