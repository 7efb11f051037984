//! Points in time as whole seconds since 1970. Nothing here reads a clock: callers say what time it is.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::text;

/// How far two honest clocks may differ: tokens are accepted this long before and after their written life.
pub const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// Whole seconds since the Unix epoch, the unit of every time in a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixSeconds(u64);

impl UnixSeconds {
    /// The end of time: later than every real date.
    pub const MAX: UnixSeconds = UnixSeconds(u64::MAX);

    /// Makes a time from seconds since the epoch.
    pub const fn new(seconds: u64) -> Self {
        Self(seconds)
    }

    /// The number of seconds since the epoch.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// This time, `by` later (whole seconds), never past [`UnixSeconds::MAX`].
    #[must_use]
    pub const fn after(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by.as_secs()))
    }

    /// This time, `by` earlier (whole seconds), never before 1970.
    #[must_use]
    pub const fn before(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(by.as_secs()))
    }

    /// How long ago `earlier` was, or zero when it is not earlier.
    pub const fn since(self, earlier: UnixSeconds) -> Duration {
        Duration::from_secs(self.0.saturating_sub(earlier.0))
    }

    /// The same instant for the standard library; `None` when it lies beyond what that can hold.
    pub fn to_system_time(self) -> Option<SystemTime> {
        UNIX_EPOCH.checked_add(Duration::from_secs(self.0))
    }
}

impl From<SystemTime> for UnixSeconds {
    /// A clock set before 1970 reads as 1970.
    fn from(time: SystemTime) -> Self {
        Self(time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
    }
}

impl fmt::Display for UnixSeconds {
    /// Writes RFC 3339 in UTC, such as `2026-11-22T09:47:00Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::date::write_utc(f, self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_rfc_3339() {
        let check = |seconds: u64, expect: &str| assert_eq!(UnixSeconds::new(seconds).to_string(), expect);
        check(0, "1970-01-01T00:00:00Z");
        check(951_782_400, "2000-02-29T00:00:00Z");
        check(1_763_804_820, "2025-11-22T09:47:00Z");
        check(253_402_300_799, "9999-12-31T23:59:59Z");
        check(u64::MAX, "the end of time");
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(UnixSeconds::MAX.after(CLOCK_SKEW), UnixSeconds::MAX);
        assert_eq!(UnixSeconds::new(3).before(CLOCK_SKEW), UnixSeconds::new(0));
        assert_eq!(UnixSeconds::new(3).since(UnixSeconds::new(9)), Duration::ZERO);
        assert!(UnixSeconds::MAX.to_system_time().is_none());
    }
}
