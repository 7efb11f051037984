//! Whether the links of a manifest are those that its components need.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use lattice_core::{ActorName, LinkClaims, Party, VersionedInterface};

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
}

impl Manifest {
    /// Compares the links with the worlds of the components, as far as those are known: an import without a link and a target that does
    /// not export what it is linked for are errors, a link that nobody uses is a warning.
    pub fn check_worlds(&self, worlds: &BTreeMap<ActorName, World>) -> Vec<Mistake> {
        let known = |party: &Party| worlds.get(party.as_actor()?);
        let mut mistakes = Vec::new();
        for actor in &self.application.actors {
            let name = &actor.spec.name;
            for import in worlds.get(name).into_iter().flat_map(|world| &world.imports) {
                mistakes.extend(self.check_import(name, import));
            }
        }
        for (index, link) in self.application.links.iter().enumerate() {
            let claims = &link.claims;
            let unused = known(&claims.source).filter(|world| !covers_any(claims, &world.imports));
            mistakes.extend(unused.map(|world| self.unused(index, claims, world)));
            let unmet = known(&claims.target).filter(|world| !covers_any(claims, &world.exports));
            mistakes.extend(unmet.map(|world| self.unmet(index, claims, world)));
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
