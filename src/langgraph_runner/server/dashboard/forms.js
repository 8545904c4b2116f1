/** Forms made from a JSON schema: objects, arrays, enums and optional values; JSON text for everything else. */
import { html, useEffect, useState } from "./lib.js";

/** @typedef {{ schema: any, root: any, value: any, onChange: (value: any) => void, pointer: string, label: string, required: boolean, faults: Map<string, string[]>, current?: any, description?: string }} FieldProps */

/** A schema without `$ref` and without the `null` of optional values. @returns {{ schema: any, isNullable: boolean }} */
function resolved(schema, root) {
  let found = schema ?? {};
  for (let depth = 0; found.$ref && depth < 20; depth++) {
    const { $ref, ...rest } = found;
    found = {
      ...$ref
        .replace(/^#\//, "")
        .split("/")
        .reduce((at, name) => at?.[name.replaceAll("~1", "/").replaceAll("~0", "~")], root),
      ...rest,
    };
  }
  if (found.allOf?.length === 1) return resolved({ ...found.allOf[0], ...found, allOf: undefined }, root);
  const branches = found.anyOf ?? found.oneOf;
  if (branches) {
    const real = branches.filter((each) => each.type !== "null");
    const isNullable = real.length < branches.length;
    const scalar = real.find((each) => ["number", "integer"].includes(each.type)) ?? real[0];
    const isSimple = real.length === 1 || real.every((each) => ["number", "integer", "string"].includes(each.type));
    if (!isSimple) return { schema: { title: found.title, description: found.description }, isNullable };
    const inner = resolved(scalar, root).schema;
    return {
      schema: {
        ...inner,
        title: found.title ?? inner.title,
        description: found.description ?? inner.description,
        default: found.default,
      },
      isNullable,
    };
  }
  return { schema: found, isNullable: false };
}

/** The initial value of a form: the defaults, and empty items where the schema needs some. */
export function defaultOf(given, root = given, depth = 0) {
  const { schema } = resolved(given, root);
  if (schema.default !== undefined && schema.default !== null) return schema.default;
  if (schema.type === "object" && schema.properties && depth < 8) {
    const value = {};
    for (const [name, each] of Object.entries(schema.properties)) {
      const made = schema.required?.includes(name) || each.default ? defaultOf(each, root, depth + 1) : undefined;
      if (made !== undefined) value[name] = made;
    }
    return value;
  }
  if (schema.type === "array")
    return Array.from(
      { length: Math.min(schema.minItems ?? 0, 10) },
      () => defaultOf(schema.items ?? {}, root, depth + 1) ?? null,
    );
  if (schema.type === "boolean") return false;
  return undefined;
}

/** Faults of a refusal by their place in the form. @param {any} problem @param {string[]} prefixes @returns {Map<string, string[]>} */
export function faultsByPointer(problem, prefixes) {
  const found = new Map();
  for (const { pointer, detail } of problem?.faults ?? []) {
    const prefix = prefixes.find((each) => pointer === each || pointer.startsWith(`${each}/`)) ?? "";
    const place = pointer.slice(prefix.length);
    found.set(place, [...(found.get(place) ?? []), detail]);
  }
  return found;
}

/**
 * A whole form, which can also be edited as JSON.
 * @param {{ schema: any, value: any, onChange: (value: any) => void, faults: Map<string, string[]>, current?: any }} props
 */
export function FormFields({ schema, value, onChange, faults, current }) {
  const { schema: top } = resolved(schema, schema);
  const hasForm = top.type === "object" && top.properties && Object.keys(top.properties).length > 0;
  const [asJson, setAsJson] = useState(!hasForm);
  return html`<div class="form">
    ${hasForm && html`<label class="check as-json"><input type="checkbox" checked=${asJson}
      onChange=${(event) => setAsJson(event.currentTarget.checked)} />Edit as JSON</label>`}
    ${
      asJson
        ? html`<${JsonField} label="JSON" pointer="" value=${value} onChange=${onChange} faults=${faults}
          rows="12" all />`
        : html`<${Properties} schema=${top} root=${schema} value=${value} onChange=${onChange} pointer=""
          faults=${faults} current=${current} />`
    }
  </div>`;
}

function Properties({ schema, root, value, onChange, pointer, faults, current }) {
  const set = (name, each) => {
    const next = { ...value, [name]: each };
    if (each === undefined) delete next[name];
    onChange(next);
  };
  return Object.entries(schema.properties).map(
    ([
      name,
      each,
    ]) => html`<${Field} key=${name} schema=${each} root=${root} value=${value?.[name]} current=${current?.[name]}
    onChange=${(given) => set(name, given)} pointer=${`${pointer}/${name}`} label=${each.title ?? titleOf(name)} required=${schema.required?.includes(name) ?? false} faults=${faults} />`,
  );
}

const titleOf = (name) => name.replaceAll("_", " ").replace(/^./, (each) => each.toUpperCase());
const idOf = (pointer) => `field${pointer.replaceAll("/", "-") || "-root"}`;

/** @param {FieldProps} props */
function Field(props) {
  const { schema } = resolved(props.schema, props.root);
  const own = { ...props, schema };
  if (schema.enum) return html`<${EnumField} ...${own} />`;
  if (schema.const !== undefined) return html`<${EnumField} ...${own} schema=${{ ...schema, enum: [schema.const] }} />`;
  if (schema.type === "object" && schema.properties) return html`<${ObjectField} ...${own} />`;
  if (schema.type === "array" && schema.items) return html`<${ArrayField} ...${own} />`;
  if (schema.type === "boolean") return html`<${BooleanField} ...${own} />`;
  if (schema.type === "integer" || schema.type === "number") return html`<${TextField} ...${own} kind="number" />`;
  if (schema.type === "string") return html`<${TextField} ...${own} kind="text" />`;
  return html`<${JsonField} ...${own} rows="4" />`;
}

/** The faults of a place and, for a value without fields of its own, of all that is below it. */
function faultsAt(faults, pointer, below) {
  return [...faults]
    .filter(([at]) => at === pointer || (below && at.startsWith(`${pointer}/`)))
    .flatMap(([, texts]) => texts);
}

function Labelled({ pointer, label, required, schema, faults, children, below = true }) {
  const found = faultsAt(faults, pointer, below);
  const id = idOf(pointer);
  return html`<div class="field"><label class="field-label" for=${id}>${label}${required && html`<span class="required"
    title="Required"> *<span class="visually-hidden"> required</span></span>`}</label>
    ${children(id, { "aria-invalid": found.length ? "true" : null, "aria-describedby": `${found.length ? `${id}-fault` : ""} ${schema?.description ? `${id}-help` : ""}`.trim() || null })}
    ${schema?.description && html`<p class="quiet help" id=${`${id}-help`}>${schema.description}</p>`}
    ${found.length > 0 && html`<p class="field-problem" id=${`${id}-fault`}>${found.join(" ")}</p>`}</div>`;
}

const shown = (value) =>
  value === undefined || value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);

function TextField({ kind, value, onChange, current, schema, ...rest }) {
  const type = kind === "number" ? "number" : ({ date: "date", email: "email", uri: "url" }[schema.format] ?? "text");
  const change = (event) => {
    const text = event.currentTarget.value;
    if (text === "") onChange(undefined);
    else onChange(kind === "number" && Number.isFinite(Number(text)) ? Number(text) : text);
  };
  const hint = shown(current ?? schema.examples?.[0]);
  return html`<${Labelled} schema=${schema} ...${rest}>${(id, aria) =>
    schema.maxLength > 120
      ? html`<textarea id=${id} rows="2" value=${value ?? ""} placeholder=${hint} onInput=${change} ...${aria} />`
      : html`<input id=${id} type=${type} step="any" min=${schema.minimum} max=${schema.maximum} value=${value ?? ""}
        placeholder=${hint} onInput=${change} autocomplete="off" ...${aria} />`}<//>`;
}

function EnumField({ value, onChange, schema, current, ...rest }) {
  const words = schema.enum.map(shown);
  return html`<${Labelled} schema=${schema} ...${rest}>${(
    id,
    aria,
  ) => html`<select id=${id}
    onChange=${(event) => onChange(event.currentTarget.value === "" ? undefined : schema.enum[words.indexOf(event.currentTarget.value)])} ...${aria}>
      <option value=""
        selected=${value === undefined || value === null}>${current === undefined ? "–" : `as it is: ${shown(current)}`}
        </option>
      ${words.map((each) => html`<option key=${each} value=${each} selected=${each === shown(value)}>${each}</option>`)}
        </select>`}<//>`;
}

function BooleanField({ value, onChange, schema, ...rest }) {
  return html`<${Labelled} schema=${schema} ...${rest}>${(
    id,
    aria,
  ) => html`<select id=${id}
    onChange=${(event) => onChange({ true: true, false: false }[event.currentTarget.value])} ...${aria}>
      <option value="" selected=${value === undefined}>–</option><option value="true"
        selected=${value === true}>yes</option><option value="false" selected=${value === false}>no</option>
        </select>`}<//>`;
}

/** @param {FieldProps} props */
function ObjectField({ schema, root, value, onChange, pointer, label, required, faults, current }) {
  if (value === undefined && !required && current === undefined) {
    return html`<div class="field"><button type="button"
      onClick=${() => onChange(defaultOf(schema, root) ?? {})}>Add ${label.toLowerCase()}</button></div>`;
  }
  const found = faultsAt(faults, pointer, false);
  return html`<fieldset><legend>${label}${required && html`<span class="required"> *<span
    class="visually-hidden"> required</span></span>`}
      ${!required && value !== undefined && html`<button type="button" class="link"
        onClick=${() => onChange(undefined)}>Remove<span class="visually-hidden"> ${label}</span></button>`}</legend>
    ${schema.description && html`<p class="quiet help">${schema.description}</p>`}
    <${Properties} schema=${schema} root=${root} value=${value} current=${current} onChange=${onChange}
      pointer=${pointer} faults=${faults} />
    ${found.length > 0 && html`<p class="field-problem">${found.join(" ")}</p>`}</fieldset>`;
}

/** @param {FieldProps} props */
function ArrayField({ schema, root, value, onChange, pointer, label, required, faults, current }) {
  const items = value ?? [];
  const found = faultsAt(faults, pointer, false);
  const isUntouched = value === undefined && current !== undefined;
  return html`<fieldset><legend>${label}${required && html`<span class="required"> *<span
    class="visually-hidden"> required</span></span>`}</legend>
    ${schema.description && html`<p class="quiet help">${schema.description}</p>`}
    ${isUntouched && html`<p class="quiet help">Unchanged: ${current.length} items. <button type="button" class="link"
      onClick=${() => onChange(current)}>Edit them</button></p>`}
    ${items.map(
      (each, place) => html`<div class="item" key=${place}>
      <${Field} schema=${schema.items} root=${root} value=${each ?? undefined} pointer=${`${pointer}/${place}`}
        label=${`${place + 1}`} required faults=${faults}
        onChange=${(given) => onChange(items.with(place, given ?? null))} />
      <button type="button" class="link" onClick=${() => onChange(items.toSpliced(place, 1))}>Remove<span
        class="visually-hidden"> ${label} ${place + 1}</span></button></div>`,
    )}
    ${!isUntouched && html`<button type="button"
      onClick=${() => onChange([...items, defaultOf(schema.items, root) ?? null])}>Add ${label.toLowerCase()}</button>`}
    ${found.length > 0 && html`<p class="field-problem">${found.join(" ")}</p>`}</fieldset>`;
}

/** Any JSON value, as text. */
export function JsonField({ value, onChange, pointer, label, required, faults, rows, schema, all }) {
  const [text, setText] = useState(value === undefined ? "" : JSON.stringify(value, null, 2));
  const [problem, setProblem] = useState("");
  useEffect(() => {
    let same = false;
    try {
      same = JSON.stringify(JSON.parse(text)) === JSON.stringify(value);
    } catch {
      same = text === "" && value === undefined;
    }
    if (!same && !problem) setText(value === undefined ? "" : JSON.stringify(value, null, 2));
  }, [value]);
  const change = (event) => {
    const given = event.currentTarget.value;
    setText(given);
    try {
      onChange(given.trim() === "" ? undefined : JSON.parse(given));
      setProblem("");
    } catch (error) {
      setProblem(`This is not valid JSON: ${error.message}`);
    }
  };
  const local = problem
    ? new Map([[pointer, [problem]]])
    : all
      ? new Map([...faults].map(([at, texts]) => [pointer, texts.map((each) => `${at}: ${each}`)]))
      : faults;
  return html`<${Labelled} pointer=${pointer} label=${label} required=${required} schema=${schema}
    faults=${local}>${(id, aria) => html`<textarea id=${id} class="code" rows=${rows} spellcheck=${false} value=${text}
    onInput=${change} ...${aria} />`}<//>`;
}
