//! Whether the links of a manifest are those that its components need.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use lattice_core::application::DesiredLink;
use lattice_core::{ActorName, ActorSpec, LinkClaims, Party, VersionedInterface};

use crate::manifest::{Manifest, Part};
use crate::mistake::{Mistake, Mistakes, Severity};
use crate::nearest::nearest;

/// What a component asks of the lattice and offers to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct World {
    /// What it imports and a link must grant; not what hosts give to everybody, such as clocks.
    pub imports: Vec<VersionedInterface>,
    /// What it exports.
    pub exports: Vec<VersionedInterface>,
    /// Whether it writes to stateful actors, by `call` or `send` of `lattice:actor/peers`. Every host serves those; links for
    /// `lattice:actor/peer-handler` grant to whom.
    pub writes_to_peers: bool,
}

impl World {
    /// Whether it is the world of an actor with state.
    pub fn is_stateful(&self) -> bool {
        self.exports.iter().any(|export| export.id.as_str() == LIFECYCLE)
    }

    /// Whether a link grants anything that it imports.
    fn uses(&self, claims: &LinkClaims) -> bool {
        covers_any(claims, &self.imports) || (self.writes_to_peers && grants_peers(claims))
    }
}

/// What every component with state exports.
const LIFECYCLE: &str = "lattice:actor/lifecycle";
/// What those export that others may write to.
const PEER_HANDLER: &str = "lattice:actor/peer-handler";

impl Manifest {
    /// Compares links and states with the worlds of the components, as far as those are known: an import without a link, a target that
    /// does not export what it is linked for and a state of what has none are errors, a link that nobody uses and one that nobody made are
    /// warnings.
    pub fn check_worlds(&self, worlds: &BTreeMap<ActorName, World>) -> Vec<Mistake> {
        let known = |party: &Party| worlds.get(party.as_actor()?);
        let mut mistakes = Vec::new();
        for actor in &self.application.actors {
            let name = &actor.spec.name;
            for import in worlds.get(name).into_iter().flat_map(|world| &world.imports) {
                mistakes.extend(self.check_import(name, import));
            }
            if let Some(world) = worlds.get(name) {
                mistakes.extend(self.check_peers(name, world));
                mistakes.extend(self.check_state(&actor.spec, world));
            }
        }
        for (index, link) in self.application.links.iter().enumerate() {
            let claims = &link.claims;
            let unused = known(&claims.source).filter(|world| !world.uses(claims));
            mistakes.extend(unused.map(|world| self.unused(index, claims, world)));
            let unmet = known(&claims.target).filter(|world| !covers_any(claims, &world.exports));
            mistakes.extend(unmet.map(|world| self.unmet(index, claims, world)));
            let has_state = known(&claims.target).is_some_and(World::is_stateful);
            mistakes.extend(has_state.then(|| self.check_key(index, link)).flatten());
        }
        Mistakes::new(mistakes).into_iter().collect()
    }

    /// What is wrong with an import: that no link grants it.
    fn check_import(&self, name: &ActorName, import: &VersionedInterface) -> Option<Mistake> {
        let own = || {
            let links = self.application.links.iter().map(|link| &link.claims);
            links.filter(|claims| claims.source.as_actor() == Some(name))
        };
        if own().any(|claims| covers(claims, import)) {
            return None;
        }
        let near = nearest(import.id.as_str(), own().map(|claims| claims.interface.as_str()));
        let help = match near {
            Some(near) => format!("its link for `{near}` is nearly that: write `{}`", import.id),
            None => {
                let package = format!("{}:{}", import.id.namespace(), import.id.package());
                let mut help = "write under `links`".to_owned();
                let _ = write!(help, "\n- source: {name}\n  interface: {package}\n  target: …");
                help
            }
        };
        let message = format!("actor `{name}` imports {import}, and no link grants it");
        Some(self.mistake(&Part::Image(name.clone()), message, Some(help)))
    }

    /// That it writes to actors, and nothing says to which. Not an error: it runs, and other applications may have the links.
    fn check_peers(&self, name: &ActorName, world: &World) -> Option<Mistake> {
        let mut links = self.application.links.iter().map(|link| &link.claims);
        let is_granted = links.any(|claims| claims.source.as_actor() == Some(name) && grants_peers(claims));
        if is_granted || !world.writes_to_peers {
            return None;
        }
        let message = format!("actor `{name}` writes to actors with state, and no link here says to which");
        let help = format!("write under `links`\n- source: {name}\n  interface: {PEER_HANDLER}\n  target: …");
        Some(self.remark(Severity::Warning, &Part::Image(name.clone()), message, Some(help)))
    }

    /// That a provider of ours is not told for which of the actors with state a request or a message is.
    fn check_key(&self, index: usize, link: &DesiredLink) -> Option<Mistake> {
        let claims = &link.claims;
        claims.source.as_provider()?;
        let help = match claims.interface.package() {
            "wasi:http" => "make a segment of the path `{key}`, or write `key: header:NAME` beside it",
            "wasmcloud:messaging" => "make a token of the subscription `{key}`: devices.{key}.telemetry",
            _ => return None,
        };
        let says = |(key, value): (&String, &String)| key == "key" || value.contains("{key}");
        if link.config.iter().any(says) {
            return None;
        }
        let message = format!("{} has state, and nothing says which one is meant", claims.target);
        Some(self.mistake(&Part::Link(index), message, Some(help.to_owned())))
    }

    /// That it is said how state is kept of which there is none.
    fn check_state(&self, spec: &ActorSpec, world: &World) -> Option<Mistake> {
        if world.is_stateful() || spec.kind.stateful().is_none() {
            return None;
        }
        let name = &spec.name;
        let message = format!("actor `{name}` has no state: its component does not export {LIFECYCLE}");
        let help = format!("leave `state` out, or export {LIFECYCLE}: the world `lattice:actor/actor` does");
        Some(self.mistake(&Part::State(name.clone()), message, Some(help)))
    }

    fn unused(&self, index: usize, claims: &LinkClaims, world: &World) -> Mistake {
        let message = format!(
            "{} imports nothing that this link grants: it is never used",
            claims.source
        );
        let help = said("it imports", &world.imports);
        self.remark(Severity::Warning, &Part::Link(index), message, Some(help))
    }

    fn unmet(&self, index: usize, claims: &LinkClaims, world: &World) -> Mistake {
        let message = format!("{} does not export {}", claims.target, claims.interface);
        let help = said("it exports", &world.exports);
        self.mistake(&Part::Link(index), message, Some(help))
    }
}

fn covers(claims: &LinkClaims, interface: &VersionedInterface) -> bool {
    claims.interface.covers(&interface.id)
}

/// Whether it lets its source write to stateful actors.
fn grants_peers(claims: &LinkClaims) -> bool {
    let handler = PEER_HANDLER.parse().expect("a constant that is an interface");
    claims.interface.covers(&handler)
}

fn covers_any(claims: &LinkClaims, interfaces: &[VersionedInterface]) -> bool {
    interfaces.iter().any(|interface| covers(claims, interface))
}

fn said(how: &str, interfaces: &[VersionedInterface]) -> String {
    match interfaces {
        [] => format!("{how} nothing"),
        some => {
            let names: Vec<String> = some.iter().map(ToString::to_string).collect();
            format!("{how} {}", names.join(", "))
        }
    }
}
