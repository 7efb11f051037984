//! The limits that links carry, for calls that do not leave this host. Calls from elsewhere are metered where they arrive.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use lattice_core::{ActiveLink, Fault, FaultKind, LinkId};
use parking_lot::Mutex;

/// Rates of links in use. A link without a rate costs nothing here.
#[derive(Default)]
pub(crate) struct Meters {
    buckets: Mutex<HashMap<LinkId, Arc<Mutex<Bucket>>>>,
}

/// A token bucket that holds one second's worth.
#[derive(Debug)]
struct Bucket {
    per_second: u32,
    level: f64,
    at: Instant,
}

impl Meters {
    /// Counts one call against the link's rate, and returns the deadline that its limits leave.
    pub(crate) fn admit(&self, link: &ActiveLink, deadline: Instant) -> Result<Instant, Fault> {
        if link.limits.rate_per_second.is_none() && link.limits.deadline_ms.is_none() {
            return Ok(deadline);
        }
        let now = Instant::now();
        if let Some(per_second) = link.limits.rate_per_second
            && !self.bucket(&link.id, per_second, now).lock().take(per_second, now)
        {
            let fault = format!("link `{}` allows {per_second} calls per second", link.id);
            return Err(Fault::new(FaultKind::Overloaded, fault).blaming(lattice_core::Blame::Caller));
        }
        Ok(match link.limits.deadline_ms {
            Some(limit) => deadline.min(now + std::time::Duration::from_millis(limit)),
            None => deadline,
        })
    }

    fn bucket(&self, link: &LinkId, per_second: u32, now: Instant) -> Arc<Mutex<Bucket>> {
        let mut buckets = self.buckets.lock();
        let full = || {
            Arc::new(Mutex::new(Bucket {
                per_second,
                level: f64::from(per_second),
                at: now,
            }))
        };
        Arc::clone(buckets.entry(link.clone()).or_insert_with(full))
    }
}

impl Bucket {
    fn take(&mut self, per_second: u32, now: Instant) -> bool {
        if self.per_second != per_second {
            // A newer generation of the link: its rate counts from here on.
            *self = Self {
                per_second,
                level: self.level.min(f64::from(per_second)),
                at: self.at,
            };
        }
        let refill = now.saturating_duration_since(self.at).as_secs_f64() * f64::from(per_second);
        self.level = (self.level + refill).min(f64::from(per_second));
        self.at = now;
        if self.level < 1.0 {
            return false;
        }
        self.level -= 1.0;
        true
    }
}

/// Refuses a request that is longer than the link allows.
pub(crate) fn check_payload(link: &ActiveLink, bytes: usize) -> Result<(), Fault> {
    match link.limits.payload_bytes_max {
        Some(limit) if bytes as u64 > limit => Err(Fault::new(
            FaultKind::TooLarge,
            format!("link `{}` allows requests of {limit} bytes, this has {bytes}", link.id),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_bucket_gives_a_second_of_calls_at_once_and_refills() {
        let start = Instant::now();
        let mut bucket = Bucket {
            per_second: 3,
            level: 3.0,
            at: start,
        };
        let taken: Vec<_> = (0..4).map(|_| bucket.take(3, start)).collect();
        assert_eq!(taken, [true, true, true, false]);
        assert!(bucket.take(3, start + Duration::from_millis(400)));
        assert!(!bucket.take(3, start + Duration::from_millis(401)));
        let later = start + Duration::from_secs(3600);
        let taken = (0..10).filter(|_| bucket.take(3, later)).count();
        assert_eq!(taken, 3, "an idle bucket never holds more than a second's worth");
    }
}
