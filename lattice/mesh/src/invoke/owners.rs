//! Where stateful actors were last: a guess that is right nearly always, and corrected by whoever is asked in vain.

use std::collections::HashMap;

use lattice_core::{KeyedActor, MemberId};
use parking_lot::Mutex;

/// Actors kept in each of two generations. When the young one is full it becomes the old one, whose actors are forgotten unless they were
/// asked for meanwhile.
const GENERATION_MAX: usize = 32 * 1024;

/// The last known owner of each actor called of late.
#[derive(Debug, Default)]
pub(crate) struct Owners(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<KeyedActor, MemberId>,
    old: HashMap<KeyedActor, MemberId>,
}

impl Owners {
    pub(super) fn get(&self, actor: &KeyedActor) -> Option<MemberId> {
        let mut generations = self.0.lock();
        if let Some(owner) = generations.young.get(actor) {
            return Some(owner.clone());
        }
        let (actor, owner) = generations.old.remove_entry(actor)?;
        generations.insert(actor, owner.clone());
        Some(owner)
    }

    pub(super) fn remember(&self, actor: &KeyedActor, owner: MemberId) {
        let mut generations = self.0.lock();
        match generations.young.get_mut(actor) {
            Some(known) => *known = owner,
            None => generations.insert(actor.clone(), owner),
        }
    }

    /// Forgets that `actor` is on `owner`; what is known since stays.
    pub(super) fn forget(&self, actor: &KeyedActor, owner: &MemberId) {
        let Generations { young, old } = &mut *self.0.lock();
        for generation in [young, old] {
            if generation.get(actor) == Some(owner) {
                generation.remove(actor);
            }
        }
    }
}

impl Generations {
    fn insert(&mut self, actor: KeyedActor, owner: MemberId) {
        if self.young.len() >= GENERATION_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(actor, owner);
    }
}

#[cfg(test)]
mod tests {
    use nkeys::KeyPair;

    use super::*;

    fn member() -> MemberId {
        KeyPair::new_server().public_key().parse().expect("a host key")
    }

    fn actor(number: usize) -> KeyedActor {
        format!("cart/{number}").parse().expect("an actor")
    }

    #[test]
    fn remembers_the_last_word_and_forgets_only_what_was_wrong() {
        let (owners, one, two) = (Owners::default(), member(), member());
        owners.remember(&actor(0), one.clone());
        owners.remember(&actor(0), two.clone());
        owners.forget(&actor(0), &one);
        assert_eq!(owners.get(&actor(0)), Some(two.clone()));
        owners.forget(&actor(0), &two);
        assert_eq!(owners.get(&actor(0)), None);
    }

    #[test]
    fn stays_small_and_keeps_what_is_in_use() {
        let (owners, one) = (Owners::default(), member());
        for number in 0..3 * GENERATION_MAX {
            owners.remember(&actor(number), one.clone());
            if number % 1000 == 0 {
                assert!(owners.get(&actor(0)).is_some());
            }
        }
        let generations = owners.0.lock();
        assert!(generations.young.len() <= GENERATION_MAX && generations.old.len() <= GENERATION_MAX);
        assert!(!generations.old.contains_key(&actor(1)) && !generations.young.contains_key(&actor(1)));
    }
}
