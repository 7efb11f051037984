// Hosts side by side, with what runs on each.

import { Keyed, el, setAttr, setText, setVar, show } from "./dom.js";
import { bytes, count, rate, span } from "./format.js";
import { ActorTile, ProviderTile } from "./tile.js";

// From so many tiles on, each gets one line.
const COMPACT_FROM = 100;

export class Scene {
  constructor(root, nothing) {
    this.root = root;
    this.nothing = nothing;
    this.hosts = new Keyed(root, (host) => new HostCard(host));
    root.addEventListener("keydown", (event) => this.#walk(event));
    root.addEventListener("pointerover", (event) => {
      const button = event.target.closest(".tile");
      if (button) this.card(button.dataset.host)?.tile(button.dataset.party)?.describe();
    });
  }

  apply(overview, words) {
    let tiles = 0;
    for (const host of overview.hosts) tiles += host.actors.length + host.providers.length;
    const isCompact = tiles >= COMPACT_FROM;
    setAttr(this.root, "data-compact", isCompact);
    this.tiles = tiles;
    const silent = new Set(overview.silent);
    this.hosts.set(overview.hosts, (host) => host.id, { words, silent, isCompact, now: overview.atMs / 1000 });
    let shown = false;
    for (const card of this.hosts.parts.values()) shown ||= card.isShown;
    show(this.nothing, !shown && overview.hosts.length > 0);
  }

  card(host) {
    return this.hosts.get(host);
  }

  // The tiles of an actor or a provider, on every host.
  tilesOf(party) {
    const found = [];
    for (const card of this.hosts.parts.values()) {
      const tile = card.tile(party);
      if (tile?.isShown && card.isShown) found.push(tile.button);
    }
    return found;
  }

  // One tile of each host can be reached by Tab, the others by the arrows.
  #walk(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key];
    const from = event.target.closest?.(".tile");
    if (step === undefined || !from) return;
    event.preventDefault();
    const all = [...this.root.querySelectorAll("article:not([hidden]) li:not([hidden]) > .tile")];
    const at = Math.min(all.length - 1, Math.max(0, all.indexOf(from) + step));
    all[at]?.focus();
  }
}

class HostCard {
  constructor(host) {
    this.id = host.id;
    this.name = el("h3", "", host.name);
    this.badges = el("span", "badges");
    this.labels = el("p", "labels");
    this.load = el("span", "load");
    this.cpu = el("span", "cpu", this.load);
    this.facts = el("span", "facts");
    this.meta = el("p", "meta", this.cpu, this.facts);
    this.list = el("ul", "tiles");
    this.empty = el("p", "quiet", "runs nothing");
    this.node = el("article", "host", el("header", "", this.name, this.badges), this.labels, this.meta, this.list, this.empty);
    this.node.dataset.host = host.id;
    this.node.setAttribute("aria-label", `${host.kind === "provider" ? "provider process" : "host"} ${host.name}`);
    this.badge = new Keyed(this.badges, (text) => ({ node: el("span", `badge ${text.replaceAll(" ", "-")}`, text), update() {} }));
    this.tiles = new Keyed(this.list, (item) => {
      const Kind = item.party === "actor" ? ActorTile : ProviderTile;
      const tile = new Kind(host.id, item.it.name);
      return { node: tile.node, tile, update: (next, isMatch, isCompact) => this.#tile(tile, next.it, isMatch(next), isCompact) };
    });
  }

  tile(party) {
    return this.tiles.get(party)?.tile;
  }

  update(host, { words, silent, isCompact, now }) {
    setAttr(this.node, "data-state", host.state);
    const badges = [];
    if (host.kind === "provider") badges.push("process");
    if (host.state !== "ready") badges.push(host.state);
    if (host.scheduling !== "open") badges.push(host.scheduling);
    const isSilent = silent.has(host.name);
    if (isSilent) badges.push("no answer");
    setAttr(this.node, "data-silent", isSilent);
    this.badge.set(badges, (text) => text);
    // Lines break at spaces.
    setText(this.labels, host.labels.replaceAll(",", ", "));
    show(this.labels, host.labels !== "");
    setVar(this.load, "--full", Math.min(1, host.cpu).toFixed(2));
    setAttr(this.cpu, "title", `${Math.round(host.cpu * 100)} % of all processors`);
    const facts = [
      `${Math.round(host.cpu * 100)} % cpu`,
      bytes(host.memoryBytes),
      `up ${span(now - host.startedAt)}`,
      `${rate(host.traffic.calls)} calls/s`,
    ];
    setText(this.facts, facts.join(" · "));
    setAttr(this.facts, "title", `${count(host.actors.length, "actor")}, version ${host.version}`);
    this.#tiles(host, words, isCompact);
  }

  #tiles(host, words, isCompact) {
    const isWhole = words.length === 0 || matches(words, `${host.name} ${host.labels} ${host.state} ${host.scheduling}`);
    const items = [
      ...host.providers.map((it) => ({ party: "provider", it })),
      ...host.actors.map((it) => ({ party: "actor", it })),
    ];
    this.shown = 0;
    this.first = null;
    const isMatch = ({ party, it }) =>
      isWhole || matches(words, `${party}/${it.name} ${it.state} ${host.name} ${(it.keys ?? []).join(" ")}`);
    this.tiles.set(items, ({ party, it }) => `${party}/${it.name}`, isMatch, isCompact);
    show(this.empty, items.length === 0);
    this.isShown = isWhole || this.shown > 0;
    show(this.node, this.isShown);
    const current = this.list.contains(document.activeElement) ? document.activeElement : this.first;
    if (this.reached !== current) {
      if (this.reached) this.reached.tabIndex = -1;
      if (current) current.tabIndex = 0;
      this.reached = current;
    }
  }

  #tile(tile, it, does, isCompact) {
    tile.update(it, isCompact);
    tile.matches(does);
    if (!does) return;
    this.shown += 1;
    this.first ??= tile.button;
  }
}

export const matches = (words, text) => {
  const low = text.toLowerCase();
  return words.every((word) => low.includes(word));
};
