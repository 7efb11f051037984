//! The rate limits of links: calls per second from one member.

use std::collections::HashMap;
use std::time::Instant;

use lattice_core::{LinkId, MemberId};
use parking_lot::Mutex;

/// Counters kept. When full: those that are full again anyway go, then all; a limit is briefly too kind rather than memory unbounded.
const COUNTERS_MAX: usize = 16_384;

/// A token bucket per link and member. Holds one second's worth, so that a burst of that size passes.
#[derive(Debug, Default)]
pub(crate) struct RateLimits {
    counters: Mutex<HashMap<(LinkId, MemberId), Counter>>,
}

#[derive(Debug)]
struct Counter {
    left: f64,
    per_second: f64,
    at: Instant,
}

impl RateLimits {
    /// Takes one call off the allowance; false when there is none left.
    pub(crate) fn take(&self, link: &LinkId, origin: &MemberId, per_second: u32, now: Instant) -> bool {
        let mut counters = self.counters.lock();
        if counters.len() >= COUNTERS_MAX {
            counters.retain(|_, counter| counter.refilled(now) < counter.per_second);
            if counters.len() >= COUNTERS_MAX {
                counters.clear();
            }
        }
        let per_second = f64::from(per_second);
        let counter = counters.entry((link.clone(), origin.clone())).or_insert(Counter {
            left: per_second,
            per_second,
            at: now,
        });
        counter.per_second = per_second;
        counter.left = counter.refilled(now);
        counter.at = now;
        let allowed = counter.left >= 1.0;
        if allowed {
            counter.left -= 1.0;
        }
        allowed
    }
}

impl Counter {
    fn refilled(&self, now: Instant) -> f64 {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        (self.left + since * self.per_second).min(self.per_second)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use nkeys::KeyPair;

    use super::*;

    #[test]
    fn allows_so_many_a_second_from_each_member() {
        let limits = RateLimits::default();
        let link: LinkId = "lnk:dev/actor/ping/demo:ping/pong/default".parse().expect("a link id");
        let member = || -> MemberId { KeyPair::new_server().public_key().parse().expect("a host key") };
        let (one, two, start) = (member(), member(), Instant::now());
        let taken = |member: &MemberId, now| (0..20).filter(|_| limits.take(&link, member, 5, now)).count();
        assert_eq!(taken(&one, start), 5);
        assert_eq!(taken(&two, start), 5);
        assert_eq!(taken(&one, start + Duration::from_millis(400)), 2);
        assert_eq!(taken(&one, start + Duration::from_secs(60)), 5);
    }
}
