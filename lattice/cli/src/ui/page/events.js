// What happened, the latest first.

import { byId, el } from "./dom.js";
import { timeOfDay } from "./format.js";
import { matches } from "./scene.js";

const SHOWN_MAX = 300;
const BAD = ["failed", "lost", "refused", "ignored"];

const isBad = (name) => BAD.some((word) => name.includes(word));

const KINDS = {
  "": () => true,
  moves: (told) => told.name === "keyed-moved" || told.change !== undefined,
  problems: (told) => isBad(told.name),
};

export class Events {
  constructor(list, linkTo) {
    this.list = list;
    this.linkTo = linkTo;
    this.rows = new Map();
    this.kind = byId("events-kind");
    this.filter = byId("events-filter");
    this.kind.addEventListener("input", () => this.sift());
    this.filter.addEventListener("input", () => this.sift());
  }

  // False when it is known already.
  add(told) {
    if (this.rows.has(told.id)) return false;
    const node = this.#row(told);
    this.rows.set(told.id, { told, node });
    this.list.prepend(node);
    this.#hide(told, node);
    for (const [id, { node: oldest }] of this.rows) {
      if (this.rows.size <= SHOWN_MAX) break;
      oldest.remove();
      this.rows.delete(id);
    }
    return true;
  }

  missed(count) {
    this.list.prepend(el("li", "missed", `${count} events were missed here: \`lattice events\` has them`));
    while (this.list.childElementCount > 2 * SHOWN_MAX) this.list.lastChild.remove();
  }

  sift() {
    for (const { told, node } of this.rows.values()) this.#hide(told, node);
  }

  // Links to traces are known late.
  again() {
    for (const row of this.rows.values()) {
      const node = this.#row(row.told);
      row.node.replaceWith(node);
      row.node = node;
      this.#hide(row.told, node);
    }
  }

  #hide(told, node) {
    const kind = this.kind.value;
    const isKind = KINDS[kind] ? KINDS[kind](told) : told.name.startsWith(kind) || told.object.startsWith(`${kind}/`);
    const words = this.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    node.hidden = !isKind || !matches(words, `${told.name} ${told.object} ${told.from} ${told.message}`);
  }

  #row(told) {
    const kind = isBad(told.name) ? "bad" : told.name === "keyed-moved" ? "move" : told.name.startsWith("link") ? "link" : "plain";
    const line = el("p", "", el("time", "", timeOfDay(told.at)), el("span", `type ${kind}`, told.name));
    if (told.trace) line.append(this.linkTo(told.trace));
    const node = el("li", "", line, el("p", "object", told.object, " ", el("small", "", `on ${told.from}`)));
    if (told.message) node.append(el("p", "message", told.message));
    if (told.by) node.title = `ordered by ${told.by}`;
    return node;
  }
}
