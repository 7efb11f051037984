// The table of links, and what members think of each.

import { Keyed, el, setAttr, setText, show } from "./dom.js";
import { micros, rate, until } from "./format.js";
import { matches } from "./scene.js";

const SOON_SECONDS = 86_400;

// What there is to say of a link, the worst first.
export function verdict(link, hosts, silent, now) {
  const holds = new Set(link.verifiedBy);
  const asked = hosts.filter((host) => host.kind === "host" && !silent.includes(host.name));
  const verified = asked.filter((host) => holds.has(host.name)).length;
  const of = `${verified} of ${asked.length}`;
  const refused = link.refusedBy ?? [];
  if (refused.length > 0) {
    const why = refused.map(([name, reason]) => `${name}: ${reason}`);
    return { kind: "bad", text: "refused", of, why: why.slice(0, 3).join("; ") + (why.length > 3 ? ` and ${why.length - 3} more` : "") };
  }
  if (link.problem) return { kind: "bad", text: "not served", of, why: link.problem };
  if (link.expiresAt <= now) return { kind: "bad", text: "expired", of, why: "" };
  if (link.expiresAt - now < SOON_SECONDS) return { kind: "warn", text: "ends soon", of, why: "" };
  if (verified === 0 && holds.size === 0) return { kind: "warn", text: "unverified", of, why: "" };
  if (verified < asked.length) {
    const without = asked.filter((host) => !holds.has(host.name)).map((host) => host.name);
    return { kind: "warn", text: "in part", of, why: `not yet by ${without.slice(0, 5).join(", ")}${without.length > 5 ? " …" : ""}` };
  }
  return { kind: "good", text: "verified", of, why: "" };
}

export class Links {
  constructor(body, counted) {
    this.counted = counted;
    this.rows = new Keyed(body, (link) => new Row(link));
  }

  apply(links, words, selected, now) {
    let shown = links;
    if (selected) shown = shown.filter((link) => link.source === selected || link.target === selected);
    if (words.length > 0) shown = shown.filter((link) => matches(words, `${link.source} ${link.target} ${link.interface} ${link.label} ${link.verdict.text}`));
    this.rows.set(shown, (link) => link.id, now);
    const bad = links.filter((link) => link.verdict.kind === "bad").length;
    const all = shown.length === links.length ? `${links.length}` : `${shown.length} of ${links.length}`;
    setText(this.counted, bad > 0 ? `${all}, ${bad} with a problem` : all);
  }
}

class Row {
  constructor(link) {
    this.badge = el("span", "verdict");
    this.of = el("small");
    this.why = el("small", "why");
    this.calls = el("td", "number");
    this.failed = el("td", "number");
    this.slow = el("td", "number");
    this.ends = el("td", "number");
    const label = link.label && link.label !== "default" ? el("small", "label", link.label) : "";
    this.node = el(
      "tr", "",
      el("td", "state", this.badge, " ", this.of, this.why),
      el("td", "", party(link.source)), el("td", "", party(link.target)),
      el("td", "interface", link.interface, " ", label),
      this.calls, this.failed, this.slow, this.ends,
    );
    this.node.tabIndex = 0;
    this.node.dataset.link = link.id;
  }

  update(link, now) {
    const { kind, text, of, why } = link.verdict;
    setAttr(this.badge, "data-kind", kind);
    setText(this.badge, text);
    setText(this.of, of);
    setText(this.why, why);
    show(this.why, why !== "");
    setAttr(this.node, "title", `${link.id}\ngeneration ${link.generation}, by ${link.issuer}\nverified by ${link.verifiedBy.join(", ") || "nobody"}`);
    const { calls, failed, p99Us } = link.traffic;
    setText(this.calls, rate(calls));
    setText(this.failed, failed > 0 ? rate(failed) : "");
    setText(this.slow, p99Us === undefined ? "" : micros(p99Us));
    setText(this.ends, until(link.expiresAt, now));
  }
}

function party(name) {
  const at = name.indexOf("/");
  return el("span", `party ${name.slice(0, at)}`, name.slice(at + 1));
}
