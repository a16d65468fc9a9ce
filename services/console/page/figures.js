// The list of figures. Each is kept as one node, so that a screen reader's place and the layout do not jump.

import { age, element, figure } from "./words.js";

const shown = new Map();

function note(row) {
  if (row.state === "unknown") return row.why;
  if (row.state === "stale") return `stale: ${age(row.age_s)} old`;
  return "";
}

function node(row, list) {
  let made = shown.get(row.name);
  if (made) return made;
  made = {
    box: element("div", { className: "figure", title: row.meaning }),
    value: element("dd", { className: "value" }),
    note: element("dd", { className: "note" }),
  };
  made.box.dataset.name = row.name;
  made.box.append(element("dt", { textContent: row.title }), made.value, made.note);
  list.append(made.box);
  shown.set(row.name, made);
  return made;
}

function write(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

export function show(rows, list) {
  for (const row of rows) {
    const made = node(row, list);
    made.box.className = `figure ${row.state}`;
    write(made.value, figure(row.value, row.unit));
    write(made.note, note(row));
  }
}

// What the page last heard is `seconds` old: nothing here may look newer than that.
export function lost(rows, seconds, list, unknownAfter) {
  const gone = seconds > unknownAfter;
  show(
    rows.map((row) =>
      gone || row.state === "unknown"
        ? { ...row, value: null, state: "unknown", why: gone ? `nothing was heard for ${age(seconds)}` : row.why }
        : { ...row, state: "stale", age_s: (row.age_s ?? 0) + seconds },
    ),
    list,
  );
}
