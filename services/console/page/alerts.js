// What fires, with its runbook; that nothing fires is said only when somebody looked.

import { element } from "./words.js";

const ORDER = { page: 0, ticket: 1 };

function one(alert) {
  const since = new Date(alert.since).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  const line = element("p", {}, element("strong", { textContent: `${alert.severity}: ${alert.name}` }), ` since ${since}`);
  const box = element("div", { className: alert.severity === "page" ? "banner bad" : "banner stale" }, line);
  if (alert.summary) box.append(element("p", { textContent: alert.summary }));
  if (/^https?:\/\//.test(alert.runbook)) {
    box.append(element("p", {}, element("a", { href: alert.runbook, textContent: "Runbook", rel: "noreferrer" })));
  } else if (alert.runbook) {
    box.append(element("p", {}, "Runbook: ", element("code", { textContent: alert.runbook })));
  }
  return box;
}

let before = "";

export function show(alerts, place) {
  const text = JSON.stringify(alerts);
  if (text === before) return;
  before = text;
  const rows = [...alerts.firing].sort((a, b) => (ORDER[a.severity] ?? 2) - (ORDER[b.severity] ?? 2)).map(one);
  if (alerts.state !== "known") {
    rows.unshift(element("p", { className: "banner unknown", textContent: `Unknown whether more fires: ${alerts.why}` }));
  } else if (!rows.length) {
    rows.push(element("p", { className: "banner", textContent: "Nothing fires." }));
  }
  place.replaceChildren(...rows);
}
