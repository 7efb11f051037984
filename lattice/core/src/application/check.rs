//! What no application may be, wherever it comes from: checked by those who write one and by those who read one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{Application, Scale};
use crate::id::LatticeId;

/// Most replicas of one actor. More are a typing mistake.
const REPLICAS_MAX: u32 = 100_000;

/// Something in an application that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {what}")]
pub struct Flaw {
    /// Which part: `actor web`, `link web -> kv`.
    pub at: String,
    /// What is wrong with it.
    pub what: String,
}

/// Everything that is wrong with an application by itself.
pub fn check(app: &Application, lattice: &LatticeId) -> Vec<Flaw> {
    let mut flaws = Flaws::default();
    let mut seen = BTreeSet::new();
    for actor in &app.actors {
        let at = format!("actor {}", actor.spec.name);
        if !seen.insert(&actor.spec.name) {
            flaws.add(&at, "declared twice");
        }
        if actor.spec.app.as_ref() != Some(&app.name) {
            flaws.add(&at, "belongs to another application");
        }
        let (Scale::Replicas(count) | Scale::PerHost(count)) = actor.placement.scale;
        if count > REPLICAS_MAX {
            flaws.add(&at, format!("{count} replicas are more than {REPLICAS_MAX}"));
        }
        if actor.placement.per_host_max == Some(0) {
            flaws.add(&at, "at most 0 replicas on a host leaves it no host");
        }
        if actor.placement.apart_from.contains(&actor.spec.name) {
            flaws.add(&at, "cannot be kept apart from itself: say how many may be on one host");
        }
    }
    let mut seen = BTreeSet::new();
    for provider in &app.providers {
        let at = format!("provider {}", provider.spec.name);
        if !seen.insert(&provider.spec.name) {
            flaws.add(&at, "declared twice");
        }
        if !provider.spec.managed {
            flaws.add(&at, "is not marked as managed");
        }
    }
    let mut seen = BTreeMap::new();
    for link in &app.links {
        let claims = &link.claims;
        let at = format!("link {} -> {}", claims.source, claims.target);
        if let Some(other) = seen.insert(link.id(lattice), &claims.target) {
            let (interface, label) = (&claims.interface, &claims.label);
            flaws.add(
                &at,
                format!("{interface} under the label `{label}` is already linked to {other}"),
            );
        }
    }
    flaws.0
}

#[derive(Default)]
struct Flaws(Vec<Flaw>);

impl Flaws {
    fn add(&mut self, at: &str, what: impl fmt::Display) {
        self.0.push(Flaw {
            at: at.to_owned(),
            what: what.to_string(),
        });
    }
}
