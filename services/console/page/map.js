// The surge map as SVG: cells coloured by multiplier, hatched from 1.5 on so that colour is not all that tells.

import { element, times } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 720;
const MARGIN = 14;
const TALLEST = 1.15;
const WRITTEN_FROM = 26;
const LEVELS = [1, 1.25, 1.5, 1.75, 2, 2.25, 2.5];
const HATCHED_FROM = 2;
const DEAREST = 12;

let boundary = null;
let view = null;
let outline = null;
let cells = [];
let chosen = null;

function make(name, attributes = {}) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

const mercator = (lat) => Math.log(Math.tan(Math.PI / 4 + (lat * Math.PI) / 360)) * (180 / Math.PI);

function box(ring) {
  const xs = ring.map((corner) => corner[0]);
  const ys = ring.map((corner) => mercator(corner[1]));
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

// What is shown holds every cell seen since the city was chosen: it may grow, and never jumps about.
function widened(view, other) {
  if (!view) return other;
  return [Math.min(view[0], other[0]), Math.min(view[1], other[1]), Math.max(view[2], other[2]), Math.max(view[3], other[3])];
}

function projection([west, south, east, north]) {
  const scale = (WIDTH - 2 * MARGIN) / Math.max(east - west, (north - south) / TALLEST);
  const height = (north - south) * scale + 2 * MARGIN;
  const left = (WIDTH - (east - west) * scale) / 2;
  return { height, at: ([lon, lat]) => [left + (lon - west) * scale, MARGIN + (north - mercator(lat)) * scale] };
}

const path = (ring, at) => `M${ring.map((corner) => at(corner).map((n) => n.toFixed(1)).join(" ")).join("L")}Z`;

function level(multiplier) {
  let found = 0;
  LEVELS.forEach((at, index) => {
    if (multiplier >= at - 1e-9) found = index;
  });
  return found;
}

function hatches() {
  const defs = make("defs");
  for (let index = HATCHED_FROM; index < LEVELS.length; index += 1) {
    // Denser with each level.
    const gap = 9 - index;
    const pattern = make("pattern", { id: `hatch-${index}`, width: gap, height: gap, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
    pattern.append(make("line", { x1: 0, y1: 0, x2: 0, y2: gap, class: "hatch" }));
    defs.append(pattern);
  }
  return defs;
}

export function begin(svg, city) {
  [boundary, view, cells, chosen] = [city.coordinates[0], null, [], null];
  frame(svg, box(boundary));
}

function frame(svg, shown) {
  outline = projection(shown);
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${outline.height.toFixed(0)}`);
  svg.replaceChildren(hatches(), make("path", { d: path(boundary, outline.at), class: "land" }));
}

function tile(feature) {
  const ring = feature.geometry.coordinates[0];
  const [left, bottom] = outline.at(ring[0]);
  const [right, top] = outline.at(ring[2]);
  return { ...feature.properties, d: path(ring, outline.at), x: (left + right) / 2, y: (top + bottom) / 2, size: right - left };
}

function drawn(cell) {
  const index = level(cell.multiplier);
  const shapes = [make("path", { d: cell.d, class: `tile m${index}`, "data-cell": cell.cell })];
  if (index >= HATCHED_FROM) shapes.push(make("path", { d: cell.d, fill: `url(#hatch-${index})`, class: "over" }));
  if (index > 0 && cell.size >= WRITTEN_FROM) {
    const text = make("text", { x: cell.x.toFixed(1), y: cell.y.toFixed(1), class: "written" });
    text.setAttribute("font-size", (cell.size / 2.6).toFixed(1));
    text.setAttribute("stroke-width", (cell.size / 13).toFixed(1));
    text.textContent = cell.multiplier.toFixed(2);
    shapes.push(text);
  }
  if (cell.requests_waiting > 0) {
    const corner = index > 0 && cell.size >= WRITTEN_FROM ? cell.size * 0.34 : 0;
    const radius = Math.min(cell.size / (corner ? 6 : 2.6), cell.size / 10 + Math.sqrt(cell.requests_waiting) * 1.5);
    shapes.push(make("circle", { cx: (cell.x + corner).toFixed(1), cy: (cell.y - corner).toFixed(1), r: radius.toFixed(1), class: "waiting" }));
  }
  return shapes;
}

export function draw(svg, map) {
  const before = String(view);
  for (const feature of map.features) view = widened(view, box(feature.geometry.coordinates[0]));
  if (view && String(view) !== before) frame(svg, view);
  cells = map.features.map(tile).sort((a, b) => b.multiplier - a.multiplier || b.requests_waiting - a.requests_waiting);
  const group = make("g", { class: "tiles" });
  for (const cell of cells) group.append(...drawn(cell));
  const ring = make("path", { class: "chosen", d: "" });
  group.append(ring);
  svg.querySelector("g.tiles")?.remove();
  svg.append(group);
  choose(svg, chosen);
}

export function choose(svg, id) {
  const found = cells.find((cell) => cell.cell === id);
  if (id !== null && !found) return `${id} is no longer active.`;
  chosen = id;
  svg.querySelector(".chosen")?.setAttribute("d", found?.d ?? "");
  return found ? sentence(found) : "No cell is chosen.";
}

const sentence = (cell) =>
  `Cell ${cell.cell}: ${times(cell.multiplier)}, ${cell.cabs_available} cabs available, ${cell.requests_waiting} waiting, set by ${cell.price_source}.`;

export const chosenCell = () => chosen;

// The nearest cell in the direction of an arrow key; the dearest when none is chosen yet.
export function next(key) {
  const from = cells.find((cell) => cell.cell === chosen);
  if (key === "Home" || !from) return cells[0]?.cell ?? null;
  const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
  let best = null;
  for (const cell of cells) {
    const along = (cell.x - from.x) * dx + (cell.y - from.y) * dy;
    const aside = Math.abs((cell.x - from.x) * dy) + Math.abs((cell.y - from.y) * dx);
    if (along < from.size / 2 || aside > along + from.size / 2) continue;
    const far = along + 2 * aside;
    if (!best || far < best.far) best = { far, id: cell.cell };
  }
  return best?.id ?? chosen;
}

export function table(body) {
  body.replaceChildren(
    ...cells.slice(0, DEAREST).map((cell) =>
      element(
        "tr",
        {},
        ...[cell.cell, times(cell.multiplier), cell.cabs_available, cell.requests_waiting, cell.price_source].map((text) =>
          element("td", { textContent: String(text) }),
        ),
      ),
    ),
  );
}

export function legend(place) {
  const entries = LEVELS.map((multiplier, index) => {
    const sample = make("svg", { width: 22, height: 16, viewBox: "0 0 22 16" });
    sample.append(make("rect", { width: 22, height: 16, class: `m${index}` }));
    if (index >= HATCHED_FROM) sample.append(make("rect", { width: 22, height: 16, fill: `url(#hatch-${index})` }));
    return element("span", {}, sample, times(multiplier));
  });
  const dot = make("svg", { width: 16, height: 16, viewBox: "0 0 16 16" });
  dot.append(make("circle", { cx: 8, cy: 8, r: 4, class: "waiting" }));
  place.replaceChildren(...entries, element("span", {}, dot, "requests waiting"));
}
