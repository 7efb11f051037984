// The few things that are done to the document. Text goes in as text only: names come from others.

export const SVG = "http://www.w3.org/2000/svg";

export function el(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

export const byId = (id) => document.getElementById(id);

// What a node was last set to, so that nothing is touched that stays the same.
const last = new WeakMap();

function isNew(node, what, value) {
  let known = last.get(node);
  if (!known) last.set(node, (known = {}));
  if (known[what] === value) return false;
  known[what] = value;
  return true;
}

export function setText(node, text) {
  if (isNew(node, "text", text)) node.textContent = text;
}

// Null takes the attribute away.
export function setAttr(node, name, value) {
  if (!isNew(node, name, value)) return;
  if (value === null || value === false) node.removeAttribute(name);
  else node.setAttribute(name, value === true ? "" : value);
}

export function setVar(node, name, value) {
  if (isNew(node, name, value)) node.style.setProperty(name, value);
}

export function show(node, visible) {
  if (isNew(node, "visible", visible)) node.hidden = !visible;
}

// The children of one parent, each of which stays the same node for the same key.
export class Keyed {
  constructor(parent, make) {
    this.parent = parent;
    this.make = make;
    this.parts = new Map();
  }

  get(key) {
    return this.parts.get(key);
  }

  // `key` names an item; what `make` returns has a `node` and takes an item by `update`.
  set(items, key, ...context) {
    if (items.length === 0 && this.parts.size === 0) return;
    const seen = new Set();
    let place = this.parent.firstChild;
    for (const item of items) {
      const id = key(item);
      if (seen.has(id)) continue;
      seen.add(id);
      let part = this.parts.get(id);
      if (!part) this.parts.set(id, (part = this.make(item)));
      part.update(item, ...context);
      if (part.node === place) place = place.nextSibling;
      else this.parent.insertBefore(part.node, place);
    }
    for (const [id, part] of this.parts) {
      if (seen.has(id)) continue;
      part.node.remove();
      this.parts.delete(id);
    }
  }
}
