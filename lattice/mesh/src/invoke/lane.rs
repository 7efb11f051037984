//! The numbers of this member's calls to stateful actors, and which of their answers are still wanted.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use lattice_core::KeyedActor;
use lattice_core::stateful::Lane;
use parking_lot::Mutex;

use crate::dice;

/// One run of this member numbers its calls. Bounded by the calls that are outstanding.
#[derive(Debug)]
pub(crate) struct Lanes {
    id: u64,
    numbers: Mutex<Numbers>,
}

/// Both under one lock: a number that is out but not on the list would be below the floor of the next call.
#[derive(Debug, Default)]
struct Numbers {
    last: u64,
    outstanding: HashMap<KeyedActor, BTreeSet<u64>>,
}

/// The caller still wants the answer of a call to be had again; dropping it lets the actor forget its answer.
#[derive(Debug)]
pub struct Outstanding {
    lanes: Arc<Lanes>,
    actor: KeyedActor,
    seq: u64,
}

impl Lanes {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            id: dice::roll(),
            numbers: Mutex::default(),
        })
    }

    /// Numbers a new call to `actor`.
    pub(crate) fn enter(self: &Arc<Self>, actor: KeyedActor) -> Outstanding {
        let mut numbers = self.numbers.lock();
        numbers.last += 1;
        let seq = numbers.last;
        numbers.outstanding.entry(actor.clone()).or_default().insert(seq);
        drop(numbers);
        Outstanding {
            lanes: self.clone(),
            actor,
            seq,
        }
    }
}

impl Outstanding {
    /// Where the call stands now. The floor rises as answers come.
    pub fn lane(&self) -> Lane {
        let numbers = self.lanes.numbers.lock();
        let floor = numbers.outstanding.get(&self.actor).and_then(|seqs| seqs.first());
        Lane {
            id: self.lanes.id,
            seq: self.seq,
            floor: floor.copied().unwrap_or(self.seq),
        }
    }

    /// Which actor it is.
    pub(super) fn actor(&self) -> &KeyedActor {
        &self.actor
    }
}

impl Drop for Outstanding {
    fn drop(&mut self) {
        let mut numbers = self.lanes.numbers.lock();
        if let Some(seqs) = numbers.outstanding.get_mut(&self.actor) {
            seqs.remove(&self.seq);
            if seqs.is_empty() {
                numbers.outstanding.remove(&self.actor);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_is_the_lowest_call_of_the_same_actor_that_is_outstanding() {
        let lanes = Lanes::new();
        let enter = |actor: &str| lanes.enter(actor.parse().expect("an actor"));
        let (first, other, second, third) = (enter("cart/a"), enter("cart/b"), enter("cart/a"), enter("cart/a"));
        let check = |call: &Outstanding, seq, floor| {
            let lane = call.lane();
            assert_eq!((lane.id, lane.seq, lane.floor), (lanes.id, seq, floor));
        };
        check(&first, 1, 1);
        check(&other, 2, 2);
        check(&third, 4, 1);
        drop(second);
        check(&third, 4, 1);
        drop(first);
        check(&third, 4, 4);
        drop((third, other));
        assert!(lanes.numbers.lock().outstanding.is_empty());
        check(&enter("cart/a"), 5, 5);
    }
}
