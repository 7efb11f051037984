// Events come before the next look at the lattice does. What they change is shown at once, until a look shows it too or time is up.

const HOLDS_MS = 3000;

export class Amendments {
  constructor() {
    this.pending = new Map();
  }

  note(change, now) {
    const about = change.what === "key-moved" ? change.actor : `${change.actor}@${change.on}`;
    this.pending.set(about, { change, until: now + HOLDS_MS });
  }

  // The overview with the changes in it. What is not changed is shared.
  apply(overview, now) {
    if (this.pending.size === 0) return overview;
    const hosts = new Map(overview.hosts.map((host) => [host.id, host]));
    for (const [about, { change, until }] of this.pending) {
      const isShown = until <= now || !MAKE[change.what]?.(hosts, change);
      if (isShown) this.pending.delete(about);
    }
    return { ...overview, hosts: overview.hosts.map((host) => hosts.get(host.id)) };
  }
}

// Each makes a change and says whether there was one to make.
const MAKE = {
  "key-moved"(hosts, { actor, from, to }) {
    const [name, key] = split(actor);
    const takes = withActor(hosts, to, name, (it) => (it.keys.includes(key) ? null : withKeys(it, [...it.keys, key].sort(), 1)));
    const gives = withActor(hosts, from, name, (it) =>
      it.keys.includes(key) ? withKeys(it, it.keys.filter((other) => other !== key), -1) : null,
    );
    return takes || gives;
  },
  "actor-started"(hosts, { actor, on }) {
    const host = hosts.get(on);
    if (!host || host.actors.some((it) => it.name === actor)) return false;
    const fresh = { name: actor, digest: "", state: "starting", replicas: 1, inFlight: 0, capacity: 0, keys: [], traffic: { calls: 0, failed: 0 } };
    const actors = [...host.actors, fresh].sort((a, b) => (a.name < b.name ? -1 : 1));
    hosts.set(on, { ...host, actors });
    return true;
  },
  "actor-stopped"(hosts, { actor, on }) {
    const host = hosts.get(on);
    if (!host?.actors.some((it) => it.name === actor)) return false;
    hosts.set(on, { ...host, actors: host.actors.filter((it) => it.name !== actor) });
    return true;
  },
};

function split(actor) {
  const at = actor.indexOf("/");
  return [actor.slice(0, at), actor.slice(at + 1)];
}

function withActor(hosts, id, name, change) {
  const host = hosts.get(id);
  const actor = host?.actors.find((it) => it.name === name);
  const changed = actor && change({ ...actor, keys: actor.keys ?? [] });
  if (!changed) return false;
  hosts.set(id, { ...host, actors: host.actors.map((it) => (it === actor ? changed : it)) });
  return true;
}

const withKeys = (actor, keys, more) => ({ ...actor, keys, awake: Math.max(keys.length, (actor.awake ?? 0) + more) });
