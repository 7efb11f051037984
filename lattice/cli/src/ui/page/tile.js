// One actor or provider on one host.

import { Keyed, el, setAttr, setText, setVar, show } from "./dom.js";
import { count, micros, rate } from "./format.js";

const KEYS_SHOWN = 50;
// More are cut off until the tile is selected.
const MANY_KEYS = 15;

class Tile {
  constructor(kind, host, name) {
    this.dot = el("i", "dot");
    this.name = el("span", "name", name);
    this.tag = el("span", "tag");
    this.calls = el("span", "calls");
    this.failed = el("span", "failed");
    this.slow = el("span", "slow");
    this.head = el("span", "head", this.dot, this.name, this.tag);
    this.rates = el("span", "rates", this.calls, this.failed, this.slow);
    this.button = el("button", `tile ${kind}`, this.head, this.rates);
    this.button.type = "button";
    this.button.tabIndex = -1;
    this.button.dataset.party = `${kind}/${name}`;
    this.button.dataset.host = host;
    this.button.setAttribute("aria-roledescription", kind);
    this.node = el("li", "", this.button);
  }

  traffic({ calls, failed, p99Us }) {
    setText(this.calls, rate(calls));
    setAttr(this.button, "data-busy", calls > 0);
    setText(this.failed, failed > 0 ? `${rate(failed)}/s failed` : "");
    setAttr(this.button, "data-failing", failed > 0);
    setText(this.slow, p99Us === undefined ? "" : `p99 ${micros(p99Us)}`);
  }

  state(state) {
    setAttr(this.button, "data-state", state);
  }

  // Written only for whoever points at it: a thousand of them a second would be work for nobody.
  describe() {
    this.button.title = this.words().filter(Boolean).join("\n");
  }

  // A tile that does not match is out of the way.
  matches(does) {
    this.isShown = does;
    show(this.node, does);
  }
}

export class ActorTile extends Tile {
  constructor(host, name) {
    super("actor", host, name);
    this.bar = el("span", "bar");
    this.chips = el("span", "chips");
    this.chips.hidden = true;
    this.more = el("span", "more");
    this.keys = new Keyed(this.chips, (key) => new Chip(key));
    this.button.append(this.bar, this.chips);
  }

  update(actor, isCompact) {
    this.it = actor;
    this.state(actor.state);
    this.traffic(actor.traffic);
    setText(this.tag, actor.awake > MANY_KEYS ? `${actor.awake} awake  ×${actor.replicas}` : `×${actor.replicas}`);
    setVar(this.bar, "--full", actor.capacity > 0 ? Math.min(1, actor.inFlight / actor.capacity).toFixed(2) : "0");
    this.#keys(actor, isCompact);
  }

  words() {
    const { name, state, replicas, awake, inFlight, capacity, traffic } = this.it;
    return [
      `actor ${name}, ${state}, ${count(replicas, "replica")}`,
      awake === undefined ? "" : `${count(awake, "key")} awake`,
      `${rate(traffic.calls)} calls/s, ${rate(traffic.failed)} failed/s, p99 ${micros(traffic.p99Us)}`,
      `${inFlight} of ${capacity} in flight`,
    ];
  }

  #keys({ awake, keys = [] }, isCompact) {
    const isRoomy = awake !== undefined && !isCompact;
    show(this.chips, isRoomy);
    if (!isRoomy) return this.keys.set([]);
    setAttr(this.chips, "data-many", keys.length > MANY_KEYS);
    const shown = keys.length > KEYS_SHOWN ? keys.slice(0, KEYS_SHOWN) : keys;
    this.more.remove();
    this.keys.set(shown, (key) => key);
    const rest = awake - shown.length;
    setText(this.more, rest > 0 ? (shown.length > 0 ? `+${rest}` : `${rest} awake`) : shown.length > 0 ? "" : "none awake");
    this.chips.append(this.more);
  }
}

class Chip {
  constructor(key) {
    this.node = el("span", "chip", key);
    this.node.title = key;
  }

  update() {}
}

export class ProviderTile extends Tile {
  constructor(host, name) {
    super("provider", host, name);
    this.where = el("span", "where");
    this.button.append(this.where);
  }

  update(provider) {
    this.it = provider;
    this.state(provider.state);
    this.traffic(provider.traffic);
    setText(this.tag, provider.state === "ready" ? "" : provider.state);
    const detail = provider.state === "ready" ? provider.endpoints.join(" ") : provider.detail ?? "";
    setText(this.where, detail);
    show(this.where, detail !== "");
  }

  words() {
    const { name, state, detail, endpoints } = this.it;
    return [`provider ${name}, ${state}`, detail, ...endpoints];
  }
}
