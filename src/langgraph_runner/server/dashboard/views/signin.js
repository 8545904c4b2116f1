/** The sign-in page. The key is kept for this tab only, never in an address. */
import { signIn, signedOutBecause } from "../api.js";
import { html, useState } from "../lib.js";

export function SignIn() {
  const [problem, setProblem] = useState(signedOutBecause.value);
  const [busy, setBusy] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    const key = new FormData(event.currentTarget).get("key").toString().trim();
    if (!key) {
      setProblem("Enter an API key.");
      return;
    }
    setBusy(true);
    try {
      await signIn(key);
    } catch (error) {
      setProblem(
        error.status === 401 ? "This key does not work: it is unknown, revoked or has expired." : error.message,
      );
      setBusy(false);
    }
  };
  return html`<main id="main" class="signin"><form class="card" onSubmit=${submit}>
    <h1>Sign in</h1>
    <label for="key">API key</label>
    <input id="key" name="key" type="password" autocomplete="off" spellcheck=${false} placeholder="lgr_…"
      aria-describedby="key-help ${problem ? "key-problem" : ""}" aria-invalid=${problem ? "true" : null} />
    ${problem && html`<p class="field-problem" id="key-problem" role="alert">${problem}</p>`}
    <p class="quiet"
      id="key-help">Create one with <code>langgraph-runner keys create NAME</code>. The browser keeps it until you close this tab or sign out.</p>
    <button type="submit" class="primary" disabled=${busy}>${busy ? "Signing in …" : "Sign in"}</button>
  </form></main>`;
}
