//! Replay protection of one direction of a session: which frame numbers were seen.
//!
//! Frames are numbered when they are sealed and sent a moment later, by many tasks at once. On a busy machine one task may be held up while
//! others send thousands of frames, so that a bitmap over the last thousand numbers would refuse honest ones. What is remembered instead is
//! the next number expected and the numbers skipped before it: exact however late a frame comes, and small, since few are skipped.
//!
//! Checking and marking are two steps, because the frame is authenticated in between: a forged frame must not change anything.

use std::collections::BTreeSet;

/// Remembers which frame numbers were seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReplayWindow {
    /// One more than the highest number seen.
    next: u64,
    /// Numbers below `next` that were not seen. When full, the oldest are given up: they count as too old.
    skipped: BTreeSet<u64>,
}

/// What the window says about a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Never seen.
    Fresh,
    /// Seen before, or given up as too old to tell.
    Repeated,
}

impl ReplayWindow {
    /// How many skipped numbers are remembered.
    pub(crate) const SKIPPED_MAX: usize = 4096;

    /// A window that has seen nothing.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Says whether `seq` may be accepted. Changes nothing.
    pub(crate) fn check(&self, seq: u64) -> Freshness {
        // `u64::MAX` would leave no number for `next`; no honest session lives that long.
        let fresh = if seq >= self.next {
            seq != u64::MAX
        } else {
            self.skipped.contains(&seq)
        };
        if fresh { Freshness::Fresh } else { Freshness::Repeated }
    }

    /// Marks `seq` as seen. Returns what [`check`](Self::check) would have said; only [`Freshness::Fresh`] changes the window.
    pub(crate) fn accept(&mut self, seq: u64) -> Freshness {
        let freshness = self.check(seq);
        if freshness == Freshness::Fresh {
            if seq < self.next {
                self.skipped.remove(&seq);
            } else {
                self.skip_to(seq);
                self.next = seq + 1;
            }
        }
        freshness
    }

    /// Remembers the numbers between `next` and `seq` as skipped.
    fn skip_to(&mut self, seq: u64) {
        let first = self.next.max(seq.saturating_sub(Self::SKIPPED_MAX as u64));
        self.skipped.extend(first..seq);
        while self.skipped.len() > Self::SKIPPED_MAX {
            self.skipped.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The slow, obvious model: every number ever seen.
    #[derive(Default)]
    struct Model(BTreeSet<u64>);

    impl Model {
        fn accept(&mut self, seq: u64) -> Freshness {
            if self.0.insert(seq) {
                Freshness::Fresh
            } else {
                Freshness::Repeated
            }
        }
    }

    fn jumps() -> impl Strategy<Value = Vec<(bool, u64)>> {
        let jump = prop_oneof![8 => 0..5_u64, 4 => 0..100_u64, 1 => 0..1000_u64];
        prop::collection::vec((any::<bool>(), jump), 0..200)
    }

    proptest! {
        #[test]
        fn agrees_with_a_set_of_everything_seen(moves in jumps()) {
            let (mut window, mut model) = (ReplayWindow::new(), Model::default());
            // Near enough to the start that no number is ever given up.
            let mut at = 0_u64;
            for (forward, distance) in moves {
                at = if forward { (at + distance).min(4000) } else { at.saturating_sub(distance) };
                prop_assert_eq!(window.check(at), window.clone().accept(at));
                prop_assert_eq!(window.accept(at), model.accept(at));
            }
        }

        #[test]
        fn never_accepts_a_number_twice_and_stays_small(
            numbers in prop::collection::vec(prop_oneof![any::<u64>(), 0..20_000_u64], 0..200),
        ) {
            let (mut window, mut accepted) = (ReplayWindow::new(), BTreeSet::new());
            for seq in numbers {
                if window.accept(seq) == Freshness::Fresh {
                    prop_assert!(accepted.insert(seq));
                }
                prop_assert!(window.skipped.len() <= ReplayWindow::SKIPPED_MAX);
            }
        }
    }

    #[test]
    fn one_frame_may_be_as_late_as_it_likes() {
        let mut window = ReplayWindow::new();
        for seq in (0..100_000).filter(|seq| *seq != 7) {
            assert_eq!(window.accept(seq), Freshness::Fresh);
        }
        assert_eq!(window.accept(7), Freshness::Fresh);
        assert_eq!(window.accept(7), Freshness::Repeated);
        assert!(window.skipped.is_empty());
    }

    #[test]
    fn thousands_may_arrive_in_reverse_and_what_was_given_up_stays_out() {
        let mut window = ReplayWindow::new();
        let most = ReplayWindow::SKIPPED_MAX as u64;
        for seq in (0..=most).rev() {
            assert_eq!(window.accept(seq), Freshness::Fresh, "{seq}");
        }
        assert_eq!(window.accept(10 * most), Freshness::Fresh);
        assert_eq!(window.accept(most + 1), Freshness::Repeated);
        assert_eq!(window.accept(9 * most), Freshness::Fresh);
        assert_eq!(window.check(u64::MAX), Freshness::Repeated);
    }
}
