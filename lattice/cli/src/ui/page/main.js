// Hears what the program tells, and has it shown.

import { Amendments } from "./amend.js";
import { Arcs } from "./arcs.js";
import { Detail } from "./detail.js";
import { Keyed, byId, el, setAttr, setText, show } from "./dom.js";
import { Events } from "./events.js";
import { Flights, moves } from "./flight.js";
import { rate } from "./format.js";
import { Links, verdict } from "./links.js";
import { Scene } from "./scene.js";
import { Stream } from "./stream.js";
import { Traces } from "./traces.js";

// Looks come every second. When none came for so long, the lattice is out of reach of the program.
const STALE_MS = 6000;
const PULSE_POINTS = 120;

const scene = new Scene(byId("hosts"), byId("nothing"));
const flights = new Flights(scene, byId("sky"));
const arcs = new Arcs(byId("arcs"), scene);
const table = new Links(byId("link-rows"), byId("links-count"));
const traces = new Traces(byId("trace-rows"));
const events = new Events(byId("event-rows"), (id) => traces.linkTo(id));
const detail = new Detail(byId("detail"), () => select(null));
const amendments = new Amendments();
const banner = new Keyed(byId("banner"), ({ kind }) => ({
  node: el("li", kind),
  update({ text }) {
    setText(this.node, text);
  },
}));

let looked = null; // the last overview that came
let lookedAt = performance.now();
let drawn = null; // the one that is shown, with what events changed
let words = [];
let selected = null;
let pointed = null;
let isConnected = null;
let trouble = null;
let version = null;
const pulse = [];

// === What is heard ===

new Stream({
  connected(is) {
    isConnected = is;
    if (is) {
      lookedAt = performance.now();
      about();
    }
    tell();
  },
  overview(overview) {
    looked = overview;
    lookedAt = performance.now();
    pulse.push(overview.traffic.calls);
    if (pulse.length > PULSE_POINTS) pulse.shift();
    draw();
  },
  happened(told) {
    if (!events.add(told) || !told.change || !looked) return;
    // The program reads old events too when it starts.
    if (told.at * 1000 < looked.atMs - 3000) return;
    amendments.note(told.change, performance.now());
    draw();
  },
  kept(all) {
    for (const told of all) events.add(told);
  },
  missed: (count) => events.missed(count),
  trouble(text) {
    trouble = text;
    tell();
  },
  traces: (found) => traces.apply(found),
});

async function about() {
  try {
    const told = await (await fetch("api/about")).json();
    // A new program has a new page.
    if (version !== null && version !== told.version) location.reload();
    version = told.version;
    if (traces.at(told.jaeger)) events.again();
  } catch {
    // Gone again: the stream notices.
  }
}

// === What is shown ===

let isDue = false;

// Once a frame at most, and not at all while nobody looks.
function draw() {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    if (!looked) return;
    const start = performance.now();
    apply(amendments.apply(looked, start));
    const ms = performance.now() - start;
    dispatchEvent(new CustomEvent("lattice-applied", { detail: { ms } }));
    if (amendments.pending.size > 0) setTimeout(draw, 1000);
  });
}

function apply(overview) {
  const now = overview.atMs / 1000;
  const links = overview.links.map((link) => ({ ...link, verdict: verdict(link, overview.hosts, overview.silent, now) }));
  const begun = flights.begin(moves(drawn, overview));
  scene.apply(overview, words);
  table.apply(links, words, selected, now);
  detail.apply(overview, links, selected);
  flights.go(begun);
  arcs.draw(links, pointed ?? selected);
  mark();
  totals(overview);
  drawn = overview;
  tell();
}

function totals(overview) {
  const { hosts } = overview;
  setText(byId("name"), overview.lattice);
  const title = `lattice ${overview.lattice}`;
  if (document.title !== title) document.title = title;
  setText(byId("total-hosts"), String(hosts.filter((host) => host.kind === "host").length));
  setText(byId("total-actors"), String(new Set(hosts.flatMap((host) => host.actors.map((actor) => actor.name))).size));
  setText(byId("total-links"), String(overview.links.length));
  setText(byId("total-calls"), rate(overview.traffic.calls));
  const { failed } = overview.traffic;
  setText(byId("total-failed"), rate(failed));
  setAttr(byId("total-failed"), "data-bad", failed > 0);
  const top = Math.max(1, ...pulse);
  const first = PULSE_POINTS - pulse.length;
  const points = pulse.map((calls, nth) => `${first + nth},${(26 - (calls / top) * 24).toFixed(1)}`);
  byId("pulse").firstElementChild.setAttribute("points", points.join(" "));
}

// What is wrong, as far as it can be told from here.
function tell() {
  const lines = [];
  const stale = performance.now() - lookedAt;
  if (isConnected === false) lines.push({ kind: "bad", text: "The connection to `lattice ui` is lost. What is shown is what was last known; it is tried again." });
  else if (looked?.trouble) lines.push({ kind: "bad", text: `The lattice cannot be looked at: ${looked.trouble}` });
  else if (looked && stale > STALE_MS) lines.push({ kind: "bad", text: `Nothing was heard of the lattice for ${Math.round(stale / 1000)} s: NATS or its hosts may be away.` });
  else if (looked?.silent.length > 0) lines.push({ kind: "warn", text: `No answer in time from ${looked.silent.join(", ")}.` });
  if (trouble && isConnected) lines.push({ kind: "warn events", text: `Events cannot be read: ${trouble}` });
  banner.set(lines, ({ kind }) => kind);
  show(byId("banner"), lines.length > 0);
  const isLive = isConnected && stale <= STALE_MS && !looked?.trouble;
  setText(byId("connection"), isLive ? "live" : isConnected ? "waiting" : isConnected === null ? "connecting" : "lost");
  setAttr(byId("connection"), "data-state", isLive ? "live" : isConnected === false ? "lost" : "waiting");
}

setInterval(tell, 1000);

// === What is pointed at ===

function select(party) {
  selected = party === selected ? null : party;
  draw();
}

function point(what) {
  if (pointed === what) return;
  pointed = what;
  arcs.draw(arcs.links, pointed ?? selected);
  mark();
}

let marked = [];
let pressed = [];

// Tiles and rows that belong to what is pointed at.
function mark() {
  const focus = pointed ?? selected;
  for (const node of marked) node.classList.remove("related");
  marked = [];
  for (const button of pressed) button.removeAttribute("aria-pressed");
  pressed = selected === null ? [] : scene.tilesOf(selected);
  for (const button of pressed) button.setAttribute("aria-pressed", "true");
  if (focus === null) return;
  const parties = new Set();
  for (const link of arcs.links) {
    if (link.id !== focus && link.source !== focus && link.target !== focus) continue;
    parties.add(link.source).add(link.target);
    const row = table.rows.get(link.id)?.node;
    if (row) marked.push(row);
  }
  for (const party of parties) marked.push(...scene.tilesOf(party));
  for (const node of marked) node.classList.add("related");
}

const partyOf = (event) => event.target.closest?.(".tile")?.dataset.party ?? event.target.closest?.("tr[data-link]")?.dataset.link ?? null;

for (const kind of ["pointerover", "focusin"]) document.addEventListener(kind, (event) => point(partyOf(event)));
for (const kind of ["pointerleave", "focusout"]) document.addEventListener(kind, () => point(null));
byId("hosts").addEventListener("click", (event) => {
  const tile = event.target.closest(".tile");
  if (tile) select(tile.dataset.party);
});
document.addEventListener("keydown", (event) => {
  const isTyping = event.target.matches?.("input, select");
  if (event.key === "Escape" && !isTyping) select(null);
  if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  byId("filter").focus();
});
byId("filter").addEventListener("input", (event) => {
  words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
  draw();
});
new ResizeObserver(() => arcs.redraw()).observe(byId("hosts"));
