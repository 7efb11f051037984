//! Ids for invocations that begin on this host.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use lattice_core::InvocationId;

/// Makes ids without asking the kernel for random bytes each time: an id names a call, it guards nothing.
pub(crate) struct InvocationIds {
    /// Random once per process, so that two hosts do not make the same ids.
    base: (u64, u64),
    count: AtomicU64,
}

impl InvocationIds {
    pub(crate) fn new() -> Self {
        Self {
            base: uuid::Uuid::new_v4().as_u64_pair(),
            count: AtomicU64::new(0),
        }
    }

    /// A new id: sorts by time, and is made once.
    pub(crate) fn next(&self) -> InvocationId {
        let millis = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_millis());
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        // An odd step walks through all 64-bit numbers before it repeats one.
        let low = self.base.0.wrapping_add(count.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let [h0, h1, ..] = self.base.1.to_be_bytes();
        let [l0, l1, l2, l3, l4, l5, l6, l7] = low.to_be_bytes();
        InvocationId::from_parts(
            u64::try_from(millis).unwrap_or(u64::MAX),
            [h0, h1, l0, l1, l2, l3, l4, l5, l6, l7],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_ids_are_the_same() {
        let (one, other) = (InvocationIds::new(), InvocationIds::new());
        let ids: HashSet<_> = (0..10_000).flat_map(|_| [one.next(), other.next()]).collect();
        assert_eq!(ids.len(), 20_000);
    }
}
