// What is on another host now flies there: the new tile waits until a copy of it has come from where the old one was.

const FLIGHT_MS = 620;
// More at once would be a swarm that nobody can follow.
const FLIGHTS_MAX = 24;

const calm = matchMedia("(prefers-reduced-motion: reduce)");

// Who moved between two overviews: { party, key, from, to } each. Without a key it is all of an actor, or a provider.
export function moves(before, after) {
  if (!before) return [];
  const [old, now] = [places(before), places(after)];
  const found = [];
  for (const [party, here] of now) {
    const there = old.get(party);
    if (!there) continue;
    for (const [to, it] of here) {
      const was = there.get(to);
      if (was) found.push(...came(party, it, was, to, there));
      else found.push({ party, key: null, from: [...there.keys()].find((host) => !here.has(host)) ?? [...there.keys()][0], to });
    }
  }
  return found;
}

// The keys that were elsewhere. Most often none, which costs nothing to see.
function came(party, { keys = [] }, { keys: had = [] }, to, there) {
  if (keys.length === had.length && keys.every((key, nth) => key === had[nth])) return [];
  const known = new Set(had);
  const found = [];
  for (const key of keys) {
    const from = known.has(key) ? undefined : [...there.keys()].find((host) => there.get(host).keys?.includes(key));
    if (from !== undefined) found.push({ party, key, from, to });
  }
  return found;
}

const indexed = new WeakMap();

// Of every party what it is on which host.
function places(overview) {
  if (!indexed.has(overview)) indexed.set(overview, index(overview));
  return indexed.get(overview);
}

function index(overview) {
  const all = new Map();
  for (const host of overview.hosts) {
    for (const [kind, list] of [["actor", host.actors], ["provider", host.providers]]) {
      for (const it of list) {
        const party = `${kind}/${it.name}`;
        if (!all.has(party)) all.set(party, new Map());
        all.get(party).set(host.id, it);
      }
    }
  }
  return all;
}

export class Flights {
  constructor(scene, sky) {
    this.scene = scene;
    this.sky = sky;
  }

  // Where those stand that are about to move. To be called before the scene changes.
  begin(moved) {
    return moved.slice(0, FLIGHTS_MAX).map((move) => ({ move, from: this.#node(move, move.from)?.getBoundingClientRect() }));
  }

  // To be called after.
  go(begun) {
    const ready = begun.map(({ move, from }) => {
      const node = this.#node(move, move.to);
      return { node, from, to: node?.getBoundingClientRect() };
    });
    for (const { node, from, to } of ready) {
      if (!node || node.hidden) continue;
      if (from && to.width > 0 && from.width > 0 && !calm.matches && (isSeen(from) || isSeen(to))) this.#fly(node, from, to);
      else arrive(node);
    }
  }

  #node({ party, key }, host) {
    const tile = this.scene.card(host)?.tile(party);
    // A key that is not shown goes by its actor.
    return tile?.keys?.get(key)?.node ?? tile?.button;
  }

  #fly(node, from, to) {
    const ghost = node.cloneNode(true);
    ghost.classList.add("flying");
    delete ghost.dataset.party;
    Object.assign(ghost.style, { left: `${to.left}px`, top: `${to.top}px`, width: `${to.width}px`, height: `${to.height}px` });
    this.sky.toggleAttribute("data-compact", this.scene.root.hasAttribute("data-compact"));
    this.sky.append(ghost);
    node.classList.add("awaited");
    const [x, y] = [from.left - to.left, from.top - to.top];
    const scale = Math.max(0.6, Math.min(1.4, from.width / to.width));
    const flight = ghost.animate(
      [
        { transform: `translate(${x}px, ${y}px) scale(${scale})` },
        { transform: `translate(${x / 2}px, ${y / 2 - 14}px) scale(1.12)`, offset: 0.5 },
        { transform: "none" },
      ],
      { duration: FLIGHT_MS, easing: "cubic-bezier(.4, 0, .2, 1)" },
    );
    const end = () => {
      ghost.remove();
      node.classList.remove("awaited");
      arrive(node);
    };
    flight.finished.then(end, end);
  }
}

function arrive(node) {
  node.classList.remove("arrived");
  // Read between the two, or the animation would not begin again.
  void node.offsetWidth;
  node.classList.add("arrived");
  node.addEventListener("animationend", () => node.classList.remove("arrived"), { once: true });
}

const isSeen = (rect) => rect.bottom > 0 && rect.top < innerHeight && rect.right > 0 && rect.left < innerWidth;
