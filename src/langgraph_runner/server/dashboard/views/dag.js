/**
 * The steps as a graph whose colours follow the run.
 *
 * It is SVG on dagre's layout instead of a canvas: the keyboard and screen readers reach each step,
 * themes are plain CSS, and a graph of 500 steps still pans and zooms smoothly.
 */
import { duration } from "../format.js";
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../lib.js";
import { kindOf, labelOf, symbolOf } from "../status.js";
import { Empty, Loading, useNarrow } from "../ui.js";

const WIDTH = 176;
const HEIGHT = 46;
const MIN_SCALE = 0.04;
const MAX_SCALE = 2;
/** Below this scale text is too small to read, so it is not drawn. */
const TEXT_SCALE = 0.42;
/** Larger graphs hide their text while they are zoomed: browsers lay text out again at each scale. */
const MANY = 120;
const QUIET_MS = 150;

/** The layout of more steps takes too long; a list is easier to read. */
const MAX_DRAWN = 1500;
const MAX_KEPT = 8;

let worker = null;
let tickets = 0;
/** The last layouts by shape, so that a graph that was shown before appears at once. @type {Map<string, any>} */
const kept = new Map();

/** Lay a graph out in the worker. @returns {Promise<any>} */
function layOut(nodes, edges, direction) {
  worker ??= new Worker(new URL("../layout-worker.js", import.meta.url), { type: "module" });
  const ticket = ++tickets;
  return new Promise((resolve, reject) => {
    const onMessage = ({ data }) => {
      if (data.ticket !== ticket) return;
      worker.removeEventListener("message", onMessage);
      resolve(data);
    };
    worker.addEventListener("message", onMessage);
    worker.addEventListener("error", reject, { once: true });
    worker.postMessage({ ticket, nodes, edges, direction, width: WIDTH, height: HEIGHT });
  });
}

/**
 * @param {{ specs: { id: string, depends_on: string[] }[], steps: Map<string, any>, selected?: string,
 *   onSelect?: (id: string) => void, critical?: Set<string> | null, kinds?: Map<string, string> }} props
 */
export function Dag({ specs, steps, selected, onSelect, critical, kinds }) {
  const narrow = useNarrow();
  const direction = narrow ? "TB" : "LR";
  const shape = useMemo(
    () => `${direction};${specs.map((each) => `${each.id}<${each.depends_on.join(",")}`).join(";")}`,
    [specs, direction],
  );
  const [laid, setLaid] = useState(() => kept.get(shape));
  useEffect(() => {
    if (!specs.length || specs.length > MAX_DRAWN) return undefined;
    setLaid(kept.get(shape));
    if (kept.has(shape)) return undefined;
    let isCurrent = true;
    const known = new Set(specs.map((each) => each.id));
    const edges = specs.flatMap((each) => each.depends_on.filter((one) => known.has(one)).map((one) => [one, each.id]));
    layOut([...known], edges, direction).then((found) => {
      if (kept.size >= MAX_KEPT) kept.delete(kept.keys().next().value);
      kept.set(shape, { ...found, direction });
      if (isCurrent) setLaid(kept.get(shape));
    });
    return () => {
      isCurrent = false;
    };
  }, [shape]);
  if (specs.length > MAX_DRAWN)
    return html`<${Empty} title=${`A graph of ${specs.length} steps is too large to draw.`}>
      <p>The tab “Steps” lists them all.</p><//>`;
  if (!laid || !specs.length) return html`<${Loading} what="Drawing the graph" />`;
  return html`<${Picture} laid=${laid} specs=${specs} steps=${steps} selected=${selected} onSelect=${onSelect}
    critical=${critical} kinds=${kinds} />`;
}

function Picture({ laid, specs, steps, selected, onSelect, critical, kinds }) {
  const frame = useRef(null);
  const stage = useRef(null);
  const view = useRef({ x: 0, y: 0, scale: 1 });
  const [isSmall, setSmall] = useState(false);
  const [focused, setFocused] = useState(null);
  const byId = useMemo(() => new Map(laid.nodes.map((each) => [each.id, each])), [laid]);
  const near = useMemo(() => neighbours(specs, laid), [specs, laid]);
  const current = focused ?? selected ?? laid.nodes[0]?.id;

  const frameRequest = useRef(0);
  const calm = useRef(0);
  const draw = () => {
    frameRequest.current = 0;
    const { x, y, scale } = view.current;
    stage.current?.setAttribute("transform", `translate(${x} ${y}) scale(${scale})`);
    setSmall(scale < TEXT_SCALE);
  };
  const apply = () => {
    frameRequest.current ||= requestAnimationFrame(draw);
  };
  const isMany = laid.nodes.length > MANY;
  useEffect(
    () => () => {
      cancelAnimationFrame(frameRequest.current);
      clearTimeout(calm.current);
    },
    [],
  );
  const fitAt = (least) => {
    const { clientWidth: width, clientHeight: height } = frame.current;
    const scale = Math.max(least, Math.min(1, width / laid.width, height / laid.height));
    view.current = {
      scale,
      x: Math.max(0, (width - laid.width * scale) / 2),
      y: Math.max(0, (height - laid.height * scale) / 2),
    };
    draw();
  };
  const fit = () => fitAt(MIN_SCALE);
  const zoom = (factor, at) => {
    const box = frame.current.getBoundingClientRect();
    const [px, py] = at ? [at.clientX - box.left, at.clientY - box.top] : [box.width / 2, box.height / 2];
    const { x, y, scale } = view.current;
    const next = Math.max(MIN_SCALE, Math.min(MAX_SCALE, scale * factor));
    if (isMany) {
      frame.current.classList.add("zooming");
      clearTimeout(calm.current);
      calm.current = setTimeout(() => frame.current?.classList.remove("zooming"), QUIET_MS);
    }
    view.current = { scale: next, x: px - ((px - x) * next) / scale, y: py - ((py - y) * next) / scale };
    apply();
  };
  const reveal = (id) => {
    const node = byId.get(id);
    if (!node) return;
    const box = frame.current.getBoundingClientRect();
    const { x, y, scale } = view.current;
    const left = node.x * scale + x;
    const top = node.y * scale + y;
    if (left >= 0 && top >= 0 && left + WIDTH * scale <= box.width && top + HEIGHT * scale <= box.height) return;
    view.current = {
      scale,
      x: box.width / 2 - (node.x + WIDTH / 2) * scale,
      y: box.height / 2 - (node.y + HEIGHT / 2) * scale,
    };
    apply();
  };
  // A small graph starts at a readable scale; a phone shows its beginning.
  useLayoutEffect(() => fitAt(laid.nodes.length <= 60 ? 0.5 : MIN_SCALE), [laid]);
  useEffect(() => {
    const element = frame.current;
    const onWheel = (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      zoom(Math.exp(-event.deltaY / 300), event);
    };
    element.addEventListener("wheel", onWheel, { passive: false });
    return () => element.removeEventListener("wheel", onWheel);
  }, [laid]);

  const drag = useRef(null);
  const onPointerDown = (event) => {
    if (event.button !== 0) return;
    drag.current = { x: event.clientX, y: event.clientY, from: { ...view.current }, moved: false };
  };
  const onPointerMove = (event) => {
    const start = drag.current;
    if (!start) return;
    const [dx, dy] = [event.clientX - start.x, event.clientY - start.y];
    if (!start.moved && Math.hypot(dx, dy) < 4) return;
    if (!start.moved) {
      start.moved = true;
      frame.current.setPointerCapture(event.pointerId);
    }
    view.current = { ...start.from, x: start.from.x + dx, y: start.from.y + dy };
    apply();
  };
  const onPointerUp = () => {
    setTimeout(() => {
      drag.current = null;
    });
  };

  const focus = (id) => {
    setFocused(id);
    reveal(id);
    stage.current.querySelector(`[data-step="${CSS.escape(id)}"]`)?.focus();
  };
  const onKeyDown = (event) => {
    const id = event.target.closest?.("[data-step]")?.dataset.step;
    if (!id) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      onSelect(id);
      return;
    }
    const next = near.get(id)?.[event.key];
    if (event.key.startsWith("Arrow")) {
      event.preventDefault();
      if (next) focus(next);
    }
  };
  const onClick = (event) => {
    if (drag.current?.moved) return;
    const id = event.target.closest?.("[data-step]")?.dataset.step;
    if (id && onSelect) {
      setFocused(id);
      onSelect(id);
    }
  };

  return html`<div class=${`dag ${isSmall ? "small" : ""}`} ref=${frame}
    style=${{ "--graph-height": `${Math.ceil(laid.height) + 24}px` }}>
    <svg width="100%" height="100%" role="group"
      aria-label=${onSelect ? "Graph of the steps. Arrow keys move between steps, Enter opens one. The tab “Steps” has the same as a list." : "Graph of the steps"}
      onPointerDown=${onPointerDown} onPointerMove=${onPointerMove} onPointerUp=${onPointerUp} onPointerCancel=${onPointerUp} onKeyDown=${onKeyDown} onClick=${onClick}>
      <g ref=${stage}>
        <${Edges} edges=${laid.edges} critical=${critical} />
        ${laid.nodes.map(
          (
            node,
          ) => html`<${Node} key=${node.id} node=${node} step=${steps.get(node.id)}
            kind=${kinds ? kinds.get(node.id) : null}
          isSelected=${node.id === selected} isCurrent=${node.id === current} isCritical=${Boolean(critical?.has(node.id))} isButton=${Boolean(onSelect)} />`,
        )}
      </g>
    </svg>
    <div class="dag-tools" role="group" aria-label="Zoom">
      <button type="button" class="icon" aria-label="Zoom in" onClick=${() => zoom(1.3)}>+</button>
      <button type="button" class="icon" aria-label="Zoom out" onClick=${() => zoom(1 / 1.3)}>−</button>
      <button type="button" class="icon" aria-label="Show the whole graph" title="Show the whole graph"
        onClick=${fit}>⤢</button>
    </div>
  </div>`;
}

/** All edges in two paths: few elements, however many edges there are. */
function Edges({ edges, critical }) {
  return useMemo(() => {
    const line = ({ points }) =>
      points.map(({ x, y }, place) => `${place ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
    const path = [...(critical ?? [])]; // From its last step to its first.
    const pairs = new Set(path.slice(1).map((each, place) => `${each}\n${path[place]}`));
    const isCritical = ({ from, until }) => pairs.has(`${from}\n${until}`);
    return html`<g aria-hidden="true"><path class="edges" d=${edges
      .filter((each) => !isCritical(each))
      .map(line)
      .join("")} />
      <path class="edges critical" d=${edges.filter(isCritical).map(line).join("")} /></g>`;
  }, [edges, critical]);
}

function Node({ node, step, kind: given, isSelected, isCurrent, isCritical, isButton }) {
  const kind = given ?? (step ? kindOf(step) : "pending");
  const took = step?.duration_ms != null && !given ? ` · ${duration(step.duration_ms)}` : "";
  const key = `${kind}${took}${isSelected}${isCurrent}${isCritical}${node.x},${node.y}`;
  return useMemo(
    () => html`<g class=${`node s-${kind} ${isSelected ? "selected" : ""} ${isCritical ? "critical" : ""}`}
      transform=${`translate(${node.x} ${node.y})`}
      role=${isButton ? "button" : "img"} tabindex=${isButton && isCurrent ? 0 : -1} data-step=${node.id}
      aria-pressed=${isButton ? String(isSelected) : null} aria-label=${`${node.id} ${labelOf(kind)}${took}`}>
      <rect width=${WIDTH} height=${HEIGHT} rx="8" />
      <circle cx="20" cy=${HEIGHT / 2} r="10" /><text class="glyph" aria-hidden="true" x="20" y=${HEIGHT / 2 + 4.5}
        text-anchor="middle">${symbolOf(kind)}</text>
      <text class="name" x="38" y="20">${shortened(node.id)}${" "}</text><text class="sub" x="38"
        y="36">${labelOf(kind)}${took}</text>
    </g>`,
    [key],
  );
}

const shortened = (name) => (name.length > 19 ? `${name.slice(0, 10)}…${name.slice(-8)}` : name);

/** Where each arrow key leads: along the edges, and to the neighbours of the same rank. */
function neighbours(specs, laid) {
  const [along, across] = laid.direction === "LR" ? ["x", "y"] : ["y", "x"];
  const [back, forth, before, after] =
    laid.direction === "LR"
      ? ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"]
      : ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"];
  const place = new Map(laid.nodes.map((each) => [each.id, each]));
  const found = new Map(laid.nodes.map((each) => [each.id, {}]));
  const ranks = Map.groupBy(laid.nodes, (each) => Math.round(each[along]));
  for (const rank of ranks.values()) {
    rank.sort((a, b) => a[across] - b[across]);
    rank.forEach((each, at) => {
      Object.assign(found.get(each.id), { [before]: rank[at - 1]?.id, [after]: rank[at + 1]?.id });
    });
  }
  // The nearest rank first, and there the nearest step.
  const distance = (a, b) =>
    1000 * Math.abs(place.get(a)[along] - place.get(b)[along]) + Math.abs(place.get(a)[across] - place.get(b)[across]);
  for (const spec of specs) {
    const known = spec.depends_on.filter((each) => place.has(each));
    for (const each of known) {
      const keys = found.get(each);
      if (!keys[forth] || distance(each, spec.id) < distance(each, keys[forth])) keys[forth] = spec.id;
      const own = found.get(spec.id);
      if (!own[back] || distance(spec.id, each) < distance(spec.id, own[back])) own[back] = each;
    }
  }
  return found;
}
