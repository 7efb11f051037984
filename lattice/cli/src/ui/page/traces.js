// The last traces, and ways to look at one.

import { Keyed, el, setAttr, setText } from "./dom.js";
import { count, micros } from "./format.js";

export class Traces {
  constructor(list) {
    this.jaeger = null;
    this.known = [];
    this.empty = el("li", "quiet", "none yet: members keep what is sampled, and errors");
    this.rows = new Keyed(list, (trace) => (trace === NONE ? { node: this.empty, update() {} } : new Row(trace, this)));
  }

  apply(traces) {
    this.known = traces;
    this.rows.set(traces.length > 0 ? traces : [NONE], (trace) => trace.trace_id);
  }

  // Where Jaeger is, or null. True when that is new.
  at(jaeger) {
    if (this.jaeger === jaeger) return false;
    this.jaeger = jaeger;
    this.rows.set([], () => "");
    this.apply(this.known);
    return true;
  }

  // A link to Jaeger where there is one, else a button that copies the id.
  linkTo(id) {
    if (this.jaeger) {
      const link = el("a", "trace", "Jaeger");
      link.href = `${this.jaeger}/trace/${encodeURIComponent(id)}`;
      link.target = "_blank";
      link.rel = "noreferrer noopener";
      link.title = `${id} in Jaeger`;
      return link;
    }
    return copier(id);
  }
}

const NONE = { trace_id: "" };

function copier(id) {
  const button = el("button", "copy", id.slice(0, 8));
  button.type = "button";
  button.title = `Copy ${id}, for: lattice trace ${id}`;
  button.setAttribute("aria-label", `Copy the id of trace ${id}`);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(id);
      button.textContent = "copied";
    } catch {
      // Not everywhere may a page write there. Then it is shown, to be copied by hand.
      button.textContent = id;
      getSelection().selectAllChildren(button);
      return;
    }
    setTimeout(() => (button.textContent = id.slice(0, 8)), 1200);
  });
  return button;
}

class Row {
  constructor(trace, traces) {
    this.root = el("span", "root");
    this.took = el("span", "took");
    this.facts = el("small");
    const line = el("p", "", this.root, this.took);
    const ways = el("p", "ways", this.facts, copier(trace.trace_id));
    if (traces.jaeger) ways.append(traces.linkTo(trace.trace_id));
    this.node = el("li", "", line, ways);
  }

  update(trace) {
    setText(this.root, trace.whole ? trace.root : `… ${trace.root}`);
    setText(this.took, micros(trace.took_ns / 1000));
    setAttr(this.node, "data-bad", trace.errors > 0);
    const errors = trace.errors > 0 ? `, ${count(trace.errors, "error")}` : "";
    setText(this.facts, `${count(trace.spans, "span")}${errors} on ${trace.hosts.join(", ")}`);
  }
}
