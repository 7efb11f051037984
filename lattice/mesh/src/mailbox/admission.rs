//! How many calls, and how many bytes of them, this member takes at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts what is admitted. One too many is refused at once, never queued: the queue for an actor is its host's, with a limit of its own.
#[derive(Debug)]
pub(crate) struct Admission {
    calls_max: usize,
    bytes_max: usize,
    calls: AtomicUsize,
    bytes: AtomicUsize,
}

/// A call's place; given back when dropped.
#[derive(Debug)]
pub(crate) struct Admitted {
    admission: Arc<Admission>,
    bytes: usize,
}

impl Admission {
    pub(crate) fn new(calls_max: usize, bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            calls_max,
            bytes_max,
            calls: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
        })
    }

    /// Takes a place for a call that came in `bytes` bytes. A single call larger than all that is allowed is taken when it is alone.
    pub(crate) fn admit(self: &Arc<Self>, bytes: usize) -> Option<Admitted> {
        let before = self.calls.fetch_add(1, Ordering::AcqRel);
        let bytes_before = self.bytes.fetch_add(bytes, Ordering::AcqRel);
        let place = Admitted {
            admission: self.clone(),
            bytes,
        };
        let fits = bytes_before == 0 || bytes_before.saturating_add(bytes) <= self.bytes_max;
        (before < self.calls_max && fits).then_some(place)
    }

    /// How many calls are admitted now.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Acquire)
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.admission.bytes.fetch_sub(self.bytes, Ordering::AcqRel);
        self.admission.calls.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_too_many_is_refused_and_a_place_given_back_is_free() {
        let admission = Admission::new(2, 100);
        let one = admission.admit(10).expect("room");
        let _two = admission.admit(10).expect("room");
        assert!(admission.admit(10).is_none());
        assert_eq!(admission.calls(), 2);
        drop(one);
        assert!(admission.admit(10).is_some());
    }

    #[test]
    fn bytes_are_bounded_but_never_lock_out_a_lone_call() {
        let admission = Admission::new(9, 100);
        let large = admission.admit(1000).expect("alone");
        assert!(admission.admit(1).is_none());
        drop(large);
        let _small = admission.admit(60).expect("room");
        assert!(admission.admit(50).is_none());
        assert!(admission.admit(40).is_some());
    }
}
