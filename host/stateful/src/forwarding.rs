//! Where actors went that were here a moment ago.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use lattice_core::{KeyedActor, MemberId};

/// How long it is remembered: while those who waited here when it moved come again. Not longer, since it may move on from there, or be given
/// up there; then the record knows and this does not.
const KEPT: Duration = Duration::from_secs(2);
/// How many are remembered. When full, all are forgotten, and the records asked instead.
const MAX: usize = 65_536;

/// Saves reading the record for every caller who comes to the old place.
#[derive(Debug, Default)]
pub(crate) struct Forwarding(HashMap<KeyedActor, (MemberId, Instant)>);

impl Forwarding {
    pub(crate) fn note(&mut self, actor: &KeyedActor, to: &MemberId) {
        if self.0.len() >= MAX {
            self.0.clear();
        }
        self.0.insert(actor.clone(), (to.clone(), Instant::now()));
    }

    pub(crate) fn get(&mut self, actor: &KeyedActor) -> Option<MemberId> {
        let (to, since) = self.0.get(actor)?;
        if since.elapsed() < KEPT {
            return Some(to.clone());
        }
        self.0.remove(actor);
        None
    }

    pub(crate) fn remove(&mut self, actor: &KeyedActor) {
        self.0.remove(actor);
    }
}
