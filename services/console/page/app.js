// City now: sign in, choose a city, and look; read again every few seconds, and never show old figures as new ones.

import * as alerts from "./alerts.js";
import * as api from "./api.js";
import * as figures from "./figures.js";
import * as map from "./map.js";
import { age } from "./words.js";

const EVERY_MS = 2500;
const STALE_AFTER_S = 10;
const UNKNOWN_AFTER_S = 60;
const ARROWS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home"];

const by = (id) => document.getElementById(id);
let cities = [];
let city = null;
let last = null;
let heardAt = 0;
let timer = 0;
let problem = "";

function show(signedIn) {
  by("sign-in").hidden = signedIn;
  by("city-now").hidden = !signedIn;
  by("signed-in").hidden = !signedIn;
}

function leave(why) {
  clearTimeout(timer);
  last = null;
  city = null;
  show(false);
  document.title = "Wayfare: City now";
  by("sign-in-problem").textContent = why;
  by("token").focus();
}

function state(kind, text) {
  const place = by("state");
  place.className = `banner ${kind}`;
  if (place.textContent !== text) place.textContent = text;
}

const silence = () => (performance.now() - heardAt) / 1000;

// Runs every second: whatever was heard last grows old in front of whoever looks.
function grow() {
  if (!city || !last) return;
  const quiet = silence();
  if (quiet <= STALE_AFTER_S) return;
  figures.lost(last.now.figures, quiet, by("figures"), UNKNOWN_AFTER_S);
  alerts.show({ state: "unknown", firing: last.now.alerts.firing, why: `nothing was heard for ${Math.round(quiet)} s` }, by("alerts"));
  by("map").classList.add("stale");
  by("map-age").textContent = `last heard of ${age(quiet)} ago`;
  document.title = "(?) Wayfare: City now";
  state(quiet > UNKNOWN_AFTER_S ? "unknown" : "stale", `No answer for ${age(quiet)}: ${problem || "the console is silent"}`);
}

function showMap(found) {
  const svg = by("map");
  const lost = found.map === null;
  if (!lost) {
    map.draw(svg, found.map);
    map.table(by("cells"));
    by("map-cell").textContent = map.choose(svg, map.chosenCell());
  } else {
    map.begin(svg, cities.find((one) => one.id === city).boundary);
    by("cells").replaceChildren();
    by("map-cell").textContent = "No cell is chosen.";
  }
  svg.classList.toggle("stale", found.state === "stale");
  by("map-age").textContent = lost ? "unknown" : found.state === "stale" ? `stale: ${age(found.age_s)} old` : "live";
  const trouble = by("map-problem");
  trouble.hidden = !found.why;
  trouble.className = `banner ${found.state === "unknown" ? "unknown" : "stale"}`;
  trouble.textContent = found.why ? `${lost ? "The map is unknown" : "The map"}: ${found.why}` : "";
}

function showNow(now) {
  figures.show(now.figures, by("figures"));
  alerts.show(now.alerts, by("alerts"));
  const count = (kind) => now.figures.filter((row) => row.state === kind).length;
  const [unknown, stale] = [count("unknown"), count("stale")];
  const told = [unknown && `${unknown} of ${now.figures.length} figures unknown`, stale && `${stale} stale`].filter(Boolean);
  const pages = now.alerts.firing.filter((one) => one.severity === "page").length;
  const freshness = told.length ? `${told.join(", ")}.` : "All figures are live.";
  const felt = pages ? `${pages === 1 ? "One page fires" : `${pages} pages fire`}. ` : "";
  state(pages ? "bad" : unknown ? "unknown" : stale ? "stale" : "", `${felt}${freshness}`);
  document.title = `${pages ? `(${pages}) ` : unknown ? "(?) " : ""}Wayfare: City now`;
}

async function read() {
  const asked = city;
  try {
    const [now, found] = await Promise.all([api.cityNow(asked), api.surgeMap(asked)]);
    if (asked !== city) return;
    [last, heardAt, problem] = [{ now, found }, performance.now(), ""];
    showNow(now);
    showMap(found);
  } catch (error) {
    if (error instanceof api.Refused && error.status === 401) {
      leave(error.message);
      return;
    }
    problem = error.message;
  }
  if (asked === city) timer = setTimeout(read, EVERY_MS);
}

function choose(id) {
  clearTimeout(timer);
  city = id;
  [last, heardAt] = [null, performance.now()];
  state("", "Reading…");
  map.begin(by("map"), cities.find((one) => one.id === id).boundary);
  map.legend(by("legend"));
  read();
}

async function enter(session) {
  cities = await api.cities();
  if (!cities.length) throw new Error("no city is served yet");
  by("who").textContent = session.subject;
  by("city").replaceChildren(...cities.map((one) => new Option(one.name, one.id)));
  show(true);
  by("content").focus();
  choose(cities[0].id);
}

by("sign-in-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const [field, button] = [by("token"), event.submitter ?? by("sign-in-form").querySelector("button")];
  by("sign-in-problem").textContent = "";
  button.disabled = true;
  try {
    const session = await api.signIn(field.value.trim());
    field.value = "";
    await enter(session);
  } catch (error) {
    field.value = "";
    leave(error.message);
  } finally {
    button.disabled = false;
  }
});

by("sign-out").addEventListener("click", async () => {
  try {
    await api.signOut();
    leave("You are signed out.");
  } catch (error) {
    if (error instanceof api.Refused && error.status === 401) leave("You are signed out.");
    else state("bad", `Still signed in: ${error.message}`);
  }
});

by("city").addEventListener("change", (event) => choose(event.target.value));

by("map").addEventListener("keydown", (event) => {
  if (!ARROWS.includes(event.key)) return;
  event.preventDefault();
  by("map-cell").textContent = map.choose(by("map"), map.next(event.key));
});

by("map").addEventListener("click", (event) => {
  const id = event.target.dataset?.cell;
  if (id) by("map-cell").textContent = map.choose(by("map"), id);
});

setInterval(grow, 1000);
api.session().then(enter, (error) => leave(error instanceof api.Refused && error.status === 401 ? "" : error.message));
