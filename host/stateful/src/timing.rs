//! How long things take and may take.

use std::time::Duration;

/// The times of ownership. They hang together; see each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How often a host renews its session.
    pub renew: Duration,
    /// How long after sending a renewal that was stored a host may answer questions from memory. Nobody else owns its actors before
    /// `takeover` has passed, which has to be longer by more than clocks run differently.
    pub lease: Duration,
    /// How long a session must stand still before another host may end it.
    pub takeover: Duration,
    /// As `lease`, for actors that are not stored before they answer: nothing but time keeps two of them apart, so that it is as long as an
    /// election of JetStream's leader takes.
    pub slow_lease: Duration,
    /// As `takeover`, for the same.
    pub slow_takeover: Duration,
    /// How long an actor that is staged here waits to be told that it is ours.
    pub staging: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            renew: Duration::from_millis(400),
            lease: Duration::from_millis(1_300),
            takeover: Duration::from_millis(1_600),
            slow_lease: Duration::from_secs(12),
            slow_takeover: Duration::from_secs(15),
            staging: Duration::from_secs(15),
        }
    }
}
