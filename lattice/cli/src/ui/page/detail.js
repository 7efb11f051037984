// More about what is selected, on all hosts.

import { Keyed, el, setText, show } from "./dom.js";
import { count, micros, rate } from "./format.js";

export class Detail {
  constructor(section, close) {
    this.section = section;
    this.kind = el("small");
    this.name = el("span");
    const button = el("button", "close", "×");
    button.type = "button";
    button.setAttribute("aria-label", "Select nothing");
    button.addEventListener("click", close);
    this.rows = el("dl");
    section.append(el("h2", "", this.kind, " ", this.name, button), this.rows);
    this.facts = new Keyed(this.rows, ({ term }) => new Fact(term));
  }

  apply(overview, links, party) {
    show(this.section, party !== null);
    if (party === null) return;
    const at = party.indexOf("/");
    const [kind, name] = [party.slice(0, at), party.slice(at + 1)];
    setText(this.kind, kind);
    setText(this.name, name);
    const facts = [];
    for (const host of overview.hosts) {
      const it = (kind === "actor" ? host.actors : host.providers).find((one) => one.name === name);
      if (!it) continue;
      facts.push({ term: `on ${host.name}`, text: kind === "actor" ? actor(it) : provider(it) });
      if (it.keys?.length > 0) facts.push({ term: "keys there", id: `keys ${host.id}`, text: it.keys.join(", ") });
    }
    if (facts.length === 0) facts.push({ term: "where", text: "nowhere now" });
    const digests = overview.hosts.flatMap((host) => host.actors).filter((it) => kind === "actor" && it.name === name && it.digest);
    const different = [...new Set(digests.map((it) => it.digest.slice(0, 19)))];
    if (different.length > 0) facts.push({ term: "component", text: different.join(", ") });
    const others = (end, other) => links.filter((link) => link[end] === party).map((link) => link[other]);
    for (const [term, list] of [["may call", others("source", "target")], ["called by", others("target", "source")]]) {
      if (list.length > 0) facts.push({ term, text: [...new Set(list)].join(", ") });
    }
    this.facts.set(facts, ({ id, term }) => id ?? term);
  }
}

const served = ({ calls, failed, p50Us, p99Us }) =>
  `${rate(calls)}/s${failed > 0 ? `, ${rate(failed)}/s failed` : ""}${p50Us === undefined ? "" : `, half within ${micros(p50Us)}, 99 % within ${micros(p99Us)}`}`;

const actor = (it) =>
  `${it.state}, ${count(it.replicas, "replica")}, ${it.inFlight} of ${it.capacity} in flight${it.awake === undefined ? "" : `, ${it.awake} awake`}, ${served(it.traffic)}`;

const provider = (it) => [it.state, it.detail, ...it.endpoints, served(it.traffic)].filter(Boolean).join(", ");

class Fact {
  constructor(term) {
    this.text = el("dd");
    this.node = el("div", "", el("dt", "", term), this.text);
  }

  update({ text }) {
    setText(this.text, text);
  }
}
