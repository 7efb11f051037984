// Links drawn from tile to tile: all of them while there are few, else those of what is pointed at.

import { SVG } from "./dom.js";

const ALL_TILES_MAX = 40;
const ALL_LINKS_MAX = 40;
const DRAWN_MAX = 160;
// Of an actor that is on many hosts, as many arcs to one tile.
const ENDS_MAX = 12;

export class Arcs {
  constructor(svg, scene) {
    this.svg = svg;
    this.scene = scene;
    this.paths = [];
    this.links = [];
  }

  // `focus` is a party, the id of a link, or null.
  draw(links, focus) {
    this.links = links;
    this.focus = focus;
    this.redraw();
  }

  redraw() {
    const { links, focus } = this;
    if (this.scene.tiles > ALL_TILES_MAX && focus === null) return this.#show([], false);
    const isFew = this.scene.tiles <= ALL_TILES_MAX && links.length <= ALL_LINKS_MAX;
    const isMeant = (link) => focus !== null && (link.id === focus || link.source === focus || link.target === focus);
    const origin = this.svg.parentNode.getBoundingClientRect();
    const drawn = [];
    for (const link of links) {
      const meant = isMeant(link);
      if (!meant && !isFew) continue;
      for (const [from, to] of pairs(this.scene.tilesOf(link.source), this.scene.tilesOf(link.target))) {
        if (drawn.length === DRAWN_MAX) break;
        drawn.push({ link, meant, way: way(from.getBoundingClientRect(), to.getBoundingClientRect(), origin) });
      }
    }
    this.#show(drawn, focus !== null);
  }

  #show(drawn, hasFocus) {
    while (this.paths.length < drawn.length) {
      const path = document.createElementNS(SVG, "path");
      this.svg.append(path);
      this.paths.push(path);
    }
    while (this.paths.length > drawn.length) this.paths.pop().remove();
    drawn.forEach(({ link, meant, way }, nth) => {
      const path = this.paths[nth];
      put(path, "d", way);
      const busy = link.traffic.calls > 0 ? " busy" : "";
      put(path, "class", `${link.verdict.kind}${busy}${meant ? " meant" : hasFocus ? " faint" : ""}`);
      put(path, "stroke-width", (1.2 + Math.min(3, Math.log10(1 + link.traffic.calls))).toFixed(1));
    });
  }
}

function put(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

// Whoever can be reached on the same host is; else everybody who serves is.
function pairs(sources, targets) {
  const found = [];
  for (const source of sources.slice(0, ENDS_MAX)) {
    const near = targets.filter((target) => target.dataset.host === source.dataset.host);
    for (const target of near.length > 0 ? near : targets.slice(0, ENDS_MAX)) {
      if (target !== source) found.push([source, target]);
    }
  }
  return found;
}

// From edge to edge, around what is in between.
function way(from, to, origin) {
  const middle = (rect) => rect.top + rect.height / 2 - origin.top;
  const [left, right] = [(rect) => rect.left - origin.left, (rect) => rect.right - origin.left];
  const [y1, y2] = [middle(from), middle(to)];
  let x1, x2, bend1, bend2;
  if (left(to) >= right(from)) {
    [x1, x2] = [right(from), left(to)];
    bend1 = bend2 = Math.max(24, (x2 - x1) / 2);
  } else if (right(to) <= left(from)) {
    [x1, x2] = [left(from), right(to)];
    bend1 = bend2 = -Math.max(24, (x1 - x2) / 2);
  } else {
    [x1, x2] = [right(from), right(to)];
    // No further than between two cards.
    bend1 = Math.min(30, 12 + Math.abs(y2 - y1) / 12);
    bend2 = -bend1;
  }
  const n = (number) => number.toFixed(1);
  return `M${n(x1)} ${n(y1)}C${n(x1 + bend1)} ${n(y1)} ${n(x2 - bend2)} ${n(y2)} ${n(x2)} ${n(y2)}`;
}
