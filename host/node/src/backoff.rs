//! How long to wait before trying a failed thing again.

use std::time::Duration;

/// Doubles from `first` up to `most`, spread by ±25 % so that many hosts do not retry in step.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    first: Duration,
    most: Duration,
    failures: u32,
}

impl Backoff {
    /// A backoff that starts at `first` and never waits longer than `most` (plus its jitter).
    pub(crate) const fn new(first: Duration, most: Duration) -> Self {
        Self {
            first,
            most,
            failures: 0,
        }
    }

    /// The wait after one more failure; `noise` is any random number.
    pub(crate) fn next(&mut self, noise: u64) -> Duration {
        let doublings = self.failures.min(20);
        self.failures = self.failures.saturating_add(1);
        let base = self.first.saturating_mul(1 << doublings).min(self.most);
        // 75 % … 125 % of the base.
        let percent = 75 + u32::try_from(noise % 51).unwrap_or(25);
        base.saturating_mul(percent) / 100
    }

    /// Forgets the failures: the thing worked.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

/// A random number that is good enough to spread retries.
pub(crate) fn noise() -> u64 {
    uuid::Uuid::new_v4().as_u64_pair().0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_limit_and_start_again_after_a_success() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        // 25 is the noise that adds nothing: 75 + 25 = 100 %.
        let waits: Vec<_> = (0..6).map(|_| backoff.next(25).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1000, 1000]);
        backoff.reset();
        assert_eq!(backoff.next(25), Duration::from_millis(100));
    }

    #[test]
    fn jitter_stays_within_a_quarter_and_many_failures_do_not_overflow() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
        for failure in 0..1000_u64 {
            let wait = backoff.next(failure.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            assert!(
                wait >= Duration::from_millis(750) && wait <= Duration::from_millis(37_500),
                "{wait:?}"
            );
        }
    }
}
