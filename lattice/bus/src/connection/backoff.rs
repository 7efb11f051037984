//! How long to wait before trying again.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use super::RECONNECT_WAIT_MAX;

const FIRST_WAIT: Duration = Duration::from_millis(40);

/// Returns the wait before attempt `attempt` (from 1): doubling up to a limit, of which `random` takes away up to half,
/// so that a thousand hosts do not come back in the same millisecond. Never zero: a server that accepts
/// and hangs up at once must not be called in a tight loop.
pub(crate) fn delay(attempt: usize, random: u64) -> Duration {
    let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
    let full = FIRST_WAIT.saturating_mul(1 << doublings).min(RECONNECT_WAIT_MAX);
    let taken_away = full / 2 * u32::try_from(random % 1000).unwrap_or(0) / 1000;
    full - taken_away
}

/// Returns a number good enough to spread waits with.
pub(crate) fn random() -> u64 {
    // Every RandomState is keyed afresh; hashing nothing gives a number that depends on the key alone.
    RandomState::new().hash_one(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_limit_and_are_never_zero() {
        assert_eq!(delay(1, 0), FIRST_WAIT);
        assert_eq!(delay(3, 0), FIRST_WAIT * 4);
        assert_eq!(delay(usize::MAX, 0), RECONNECT_WAIT_MAX);
        for attempt in 0..40 {
            for random in [0, 1, 500, 999, u64::MAX] {
                let wait = delay(attempt, random);
                assert!(
                    wait >= FIRST_WAIT / 2 && wait <= RECONNECT_WAIT_MAX,
                    "{attempt} {random}: {wait:?}"
                );
            }
        }
    }
}
