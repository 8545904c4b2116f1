/** Files of a step with previews: HTML in a frame without scripts, images, JSON, text. */
import { file, filePath } from "../api.js";
import { bytes } from "../format.js";
import { html, useEffect, useRef, useState } from "../lib.js";
import { JsonTree, Loading, Problem, useLoaded } from "../ui.js";

const MAX_PREVIEW = 2_000_000;
const MAX_IMAGES = 20;

/** How a file is shown; files of many bytes are not. @param {{ media_type: string, size: number }} artifact */
export function previewOf({ media_type: type, size }) {
  if (size > MAX_PREVIEW) return "none";
  if (/^text\/html\b|xhtml/.test(type)) return "html";
  if (type.startsWith("image/")) return "image";
  if (/json$|json;/.test(type)) return "json";
  if (type.startsWith("text/") || /xml|yaml|csv/.test(type)) return "text";
  return "none";
}

/** @param {{ artifact: any, siblings: any[], open?: boolean }} props */
export function Artifact({ artifact, siblings, open = false }) {
  const [isOpen, setOpen] = useState(open);
  const [problem, setProblem] = useState(null);
  const download = async () => {
    try {
      const address = URL.createObjectURL(await file(filePath(artifact.href)));
      const link = document.createElement("a");
      link.href = address;
      link.download = artifact.name.split("/").at(-1);
      link.click();
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
    } catch (error) {
      setProblem(error);
    }
  };
  const canShow = previewOf(artifact) !== "none";
  return html`<div class="artifact">
    <div class="artifact-head">
      ${canShow ? html`<button type="button" class="link" aria-expanded=${String(isOpen)}
        onClick=${() => setOpen(!isOpen)}>${artifact.name}</button>` : html`<span>${artifact.name}</span>`}
      <span class="quiet">${artifact.media_type} · ${bytes(artifact.size)}</span>
      <button type="button" class="icon" aria-label=${`Download ${artifact.name}`} title="Download"
        onClick=${download}>⤓</button>
    </div>
    ${problem && html`<${Problem} error=${problem} />`}
    ${isOpen && html`<${Preview} artifact=${artifact} siblings=${siblings} />`}
  </div>`;
}

/**
 * HTML with the images of the run in it: the sandbox loads nothing by itself.
 * @param {string} text @param {any[]} artifacts of the run @param {AbortSignal} abort
 */
async function withImages(text, artifacts, abort) {
  const shown = artifacts.filter(
    (each) => each.media_type.startsWith("image/") && each.size <= MAX_PREVIEW && text.includes(`src="${each.name}"`),
  );
  for (const image of shown.slice(0, MAX_IMAGES)) {
    const address = await dataAddress(await file(filePath(image.href), abort));
    text = text.replaceAll(`src="${image.name}"`, `src="${address}"`);
  }
  return text;
}

/** @param {Blob} blob @returns {Promise<string>} */
const dataAddress = (blob) =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });

/** @param {{ artifact: any, siblings?: any[] }} props `siblings`: the files of the same run */
export function Preview({ artifact, siblings = [] }) {
  const kind = previewOf(artifact);
  if (kind === "none")
    return html`<p class="quiet">${artifact.media_type}, ${bytes(artifact.size)}: there is no preview.</p>`;
  return html`<${LoadedPreview} artifact=${artifact} siblings=${siblings} kind=${kind} />`;
}

function LoadedPreview({ artifact, siblings, kind }) {
  const { value, error, isLoading } = useLoaded(
    async (abort) => {
      const blob = await file(filePath(artifact.href), abort);
      if (kind === "image") return blob;
      return kind === "html" ? withImages(await blob.text(), siblings, abort) : blob.text();
    },
    [artifact.href, artifact.sha256],
  );
  if (error) return html`<${Problem} error=${error} />`;
  if (isLoading || value === null) return html`<${Loading} what="Loading the preview" />`;
  if (kind === "html") return html`<${HtmlPreview} text=${value} name=${artifact.name} />`;
  if (kind === "image") return html`<${ImagePreview} blob=${value} name=${artifact.name} />`;
  if (kind === "json") return html`<${JsonText} text=${value} />`;
  return html`<pre class="preview" tabindex="0" role="region"
    aria-label=${`Text of ${artifact.name}`}>${value.slice(0, 100_000)}</pre>`;
}

function ImagePreview({ blob, name }) {
  const [address, setAddress] = useState("");
  useEffect(() => {
    const made = URL.createObjectURL(blob);
    setAddress(made);
    return () => URL.revokeObjectURL(made);
  }, [blob]);
  return address && html`<img class="preview" src=${address} alt=${name} />`;
}

/** @param {{ text: string }} props */
export function JsonText({ text }) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    return html`<pre class="preview" tabindex="0">${text.slice(0, 100_000)}</pre>`;
  }
  return html`<div class="preview" tabindex="0" role="region" aria-label="JSON"><${JsonTree} value=${value} /></div>`;
}

/**
 * HTML that a step has written, in a sandbox without scripts and without requests.
 * The outer frame is an empty page of the service whose policy allows styles; the inner one inherits it.
 */
function HtmlPreview({ text, name }) {
  const outer = useRef(null);
  const fill = () => {
    const page = outer.current?.contentDocument;
    if (!page?.body || page.location.pathname === "blank") return;
    const frame = page.createElement("iframe");
    frame.setAttribute("sandbox", "");
    frame.setAttribute("title", name);
    frame.srcdoc = text;
    page.body.replaceChildren(frame);
  };
  useEffect(fill, [text]);
  return html`<iframe class="preview" ref=${outer} title=${`Preview of ${name}`}
    src=${new URL("preview.html", document.baseURI).href} onLoad=${fill}></iframe>`;
}
