//! How many calls came over each link, and how long they took: for people who look at a lattice while it runs, without any back end.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use lattice_core::{LinkId, Party};
use parking_lot::RwLock;

/// Links that are counted. Calls over more are not.
const LINKS_MAX: usize = 4096;
/// Places for durations; the last but one ends at 2^24 microseconds, some 17 seconds.
const PLACES: usize = 26;

/// Counts the calls that a process serves, link by link, from its start. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Traffic(Arc<RwLock<HashMap<LinkId, Arc<Counts>>>>);

struct Counts {
    target: Party,
    failed: AtomicU64,
    took: [AtomicU64; PLACES],
}

/// What came over one link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkTraffic {
    /// Over which.
    pub link: LinkId,
    /// For whom.
    pub target: Party,
    /// How many calls.
    pub calls: u64,
    /// How many of them failed.
    pub failed: u64,
    /// At place `n`, how many took less than `2^n` microseconds and not less than half of that; at the last place, all that took longer.
    pub took: Vec<u64>,
}

impl Traffic {
    /// What was counted so far, in no order.
    pub(crate) fn counted(&self) -> Vec<LinkTraffic> {
        let links = self.0.read();
        links.iter().map(|(link, counts)| counts.read(link)).collect()
    }

    /// Notes a call.
    pub(crate) fn note(&self, link: &LinkId, target: &Party, took: Duration, failed: bool) {
        if let Some(counts) = self.0.read().get(link) {
            return counts.note(took, failed);
        }
        let mut links = self.0.write();
        if links.len() < LINKS_MAX || links.contains_key(link) {
            let counts = links
                .entry(link.clone())
                .or_insert_with(|| Arc::new(Counts::new(target)));
            counts.note(took, failed);
        }
    }
}

impl Counts {
    fn new(target: &Party) -> Self {
        Self {
            target: target.clone(),
            failed: AtomicU64::new(0),
            took: [const { AtomicU64::new(0) }; PLACES],
        }
    }

    fn note(&self, took: Duration, failed: bool) {
        if failed {
            self.failed.fetch_add(1, Relaxed);
        }
        self.took[place(took)].fetch_add(1, Relaxed);
    }

    fn read(&self, link: &LinkId) -> LinkTraffic {
        let took: Vec<u64> = self.took.iter().map(|count| count.load(Relaxed)).collect();
        LinkTraffic {
            link: link.clone(),
            target: self.target.clone(),
            calls: took.iter().sum(),
            failed: self.failed.load(Relaxed),
            took,
        }
    }
}

fn place(took: Duration) -> usize {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let bits = u64::BITS - micros.leading_zeros();
    usize::try_from(bits).map_or(PLACES - 1, |bits| bits.min(PLACES - 1))
}

impl fmt::Debug for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Traffic over {} links", self.0.read().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(number: usize) -> LinkId {
        format!("lnk:test/actor/a{number}/wasi:keyvalue/store/default")
            .parse()
            .expect("an id")
    }

    #[test]
    fn a_call_lies_at_the_place_that_ends_above_it() {
        let micros = [0, 1, 2, 3, 4, 1_023, 1_024, 20_000_000, 3_600_000_000];
        let places = micros.map(|micros| place(Duration::from_micros(micros)));
        assert_eq!(places, [0, 1, 2, 2, 3, 10, 11, 25, 25]);
    }

    #[test]
    fn links_are_counted_apart_and_not_without_end() {
        let (traffic, target): (_, Party) = (Traffic::default(), "provider/kv".parse().expect("a party"));
        for number in 0..LINKS_MAX + 3 {
            traffic.note(&link(number), &target, Duration::from_micros(5), false);
        }
        traffic.note(&link(7), &target, Duration::from_secs(3600), true);
        let counted = traffic.counted();
        assert_eq!(counted.len(), LINKS_MAX);
        let seventh = counted.iter().find(|one| one.link == link(7)).expect("counted");
        assert_eq!((seventh.calls, seventh.failed, seventh.took[3]), (2, 1, 1));
        assert_eq!((&seventh.target, seventh.took[PLACES - 1]), (&target, 1));
    }
}
