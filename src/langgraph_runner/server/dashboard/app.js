/** The page: sign-in, navigation, and the view for the address. */
import { access, call, caller, online, signIn, signOut } from "./api.js";
import { Component, effect, html, render, signal, useEffect } from "./lib.js";
import { route, to } from "./router.js";
import { LiveRegion, Loading, announce } from "./ui.js";
import { Compare } from "./views/compare.js";
import { Metrics } from "./views/metrics.js";
import { RunView } from "./views/run.js";
import { Runs } from "./views/runs.js";
import { SignIn } from "./views/signin.js";
import { Start } from "./views/start.js";
import { Workers } from "./views/workers.js";

const THEME = "langgraph-runner.theme";
/** `system`, `light` or `dark`. */
const theme = signal(localStorage.getItem(THEME) ?? "system");
effect(() => {
  if (theme.value === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme.value;
  localStorage.setItem(THEME, theme.value);
});

const PLACES = [
  { id: "runs", label: "Runs" },
  { id: "start", label: "Start a run" },
  { id: "metrics", label: "Metrics" },
  { id: "workers", label: "Workers" },
];

/** @returns {{ title: string, view: any, place: string }} */
function viewOf() {
  const [first = "runs", second, third] = route.value.path;
  if (first === "runs" && second)
    return { title: `Run ${second}`, view: html`<${RunView} key=${second} id=${second} />`, place: "runs" };
  if (first === "runs") return { title: "Runs", view: html`<${Runs} />`, place: "runs" };
  if (first === "compare" && second)
    return {
      title: "Compare runs",
      view: html`<${Compare} key=${second} left=${second} right=${third} />`,
      place: "runs",
    };
  if (first === "start") return { title: "Start a run", view: html`<${Start} workflow=${second} />`, place: "start" };
  if (first === "metrics") return { title: "Metrics", view: html`<${Metrics} workflow=${second} />`, place: "metrics" };
  if (first === "workers") return { title: "Workers", view: html`<${Workers} />`, place: "workers" };
  return {
    title: "Not found",
    view: html`<h1>Page not found</h1><p><a href="#/runs">Show all runs</a></p>`,
    place: "",
  };
}

function App() {
  if (access.value === "checking") return html`<${Loading} what="Connecting" />`;
  if (access.value === "signed-out") return html`<${Header} place="" /><${SignIn} /><${LiveRegion} />`;
  const { title, view, place } = viewOf();
  return html`<a class="skip" href="#main" onClick=${skip}>Skip to the content</a>
    <${Header} place=${place} />
    ${!online.value && html`<div class="offline"
      role="alert">Connection lost. This page reconnects by itself.</div>`}
    <main id="main" tabindex="-1"><${Titled} title=${title}><${Guarded} key=${title}>${view}<//><//></main><${LiveRegion} />`;
}

function skip(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

/** Shows an error in place of a view that fails; the rest of the page keeps working. */
class Guarded extends Component {
  state = { error: null };

  static getDerivedStateFromError(error) {
    return { error };
  }

  render({ children }, { error }) {
    if (!error) return children;
    return html`<h1>This view failed</h1>
      <div class="problem" role="alert"><p>${String(error.message ?? error)}</p>
        <button type="button" onClick=${() => location.reload()}>Reload the page</button></div>`;
  }
}

function Titled({ title, children }) {
  useEffect(() => {
    document.title = `${title} · langgraph-runner`;
    announce(title);
    scrollTo(0, 0);
  }, [title]);
  return children;
}

const NEXT_THEME = { system: "light", light: "dark", dark: "system" };
const THEME_SYMBOL = { system: "◑", light: "☀", dark: "☾" };

function Header({ place }) {
  const who = caller.value;
  return html`<header class="top">
    <a class="brand" href="#/runs"><img src=${new URL("icon.svg", import.meta.url).href} alt="" width="24"
      height="24" />langgraph-runner</a>
    ${who && html`<nav aria-label="Main">${PLACES.map((each) => html`<a key=${each.id} href=${to(each.id)}
      aria-current=${each.id === place ? "page" : null}>${each.label}</a>`)}</nav>`}
    <div class="who">
      ${who && html`<span class="tenant" title=${`Tenant ${who.tenant}, role ${who.role}, signed in as ${who.actor}`}>${who.tenant}<span
        class="role">${who.role}</span></span>`}
      <button type="button" class="icon" aria-label=${`Theme: ${theme.value}. Change the theme.`}
        title=${`Theme: ${theme.value}. Click to change it.`}
        onClick=${() => {
          theme.value = NEXT_THEME[theme.value];
          announce(`Theme: ${theme.value}`);
        }}>${THEME_SYMBOL[theme.value]}</button>
      ${who && who.actor !== "dev" && html`<button type="button" onClick=${() => signOut()}>Sign out</button>`}
    </div>
  </header>`;
}

/** Connect when the page opens, and try again until the service answers. */
async function connect() {
  for (;;) {
    try {
      await signIn();
      return;
    } catch (error) {
      if (access.value === "signed-out") return;
      document.querySelector(".loading").textContent = `${error.message}`;
      await new Promise((resolve) => setTimeout(resolve, 2000));
    }
  }
}

addEventListener("offline", () => {
  online.value = false;
});
addEventListener("online", () => call("healthz").catch(() => {}));
effect(() => {
  if (online.value) return undefined;
  const timer = setInterval(() => call("healthz").catch(() => {}), 2000);
  return () => clearInterval(timer);
});

render(html`<${App} />`, document.getElementById("app"));
connect();
