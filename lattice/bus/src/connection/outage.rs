//! What to say about an interruption: one warning when it begins, one line when it ends.

use std::time::{Duration, Instant};

/// Follows interruptions and decides what is worth a log line. Pure: takes the time, returns what to say.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    since: Option<Instant>,
    refusal_said: bool,
}

/// Something worth a log line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Say {
    /// The connection is gone.
    Lost,
    /// It is back after this long.
    Back(Duration),
    /// A server answers but does not let us in, which waiting may not cure.
    Refused(String),
}

impl Outage {
    /// The connection broke.
    pub(crate) fn begins(&mut self, now: Instant) -> Option<Say> {
        if self.since.is_some() {
            return None;
        }
        self.since = Some(now);
        self.refusal_said = false;
        Some(Say::Lost)
    }

    /// An attempt to reconnect failed.
    pub(crate) fn attempt_failed(&mut self, reason: &str) -> Option<Say> {
        let refused = ["authorization", "authentication", "nonce", "expired"];
        if self.since.is_none() || self.refusal_said || !refused.iter().any(|word| reason.contains(word)) {
            return None;
        }
        self.refusal_said = true;
        Some(Say::Refused(reason.to_owned()))
    }

    /// The connection is there.
    pub(crate) fn ends(&mut self, now: Instant) -> Option<Say> {
        self.since
            .take()
            .map(|since| Say::Back(now.saturating_duration_since(since)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_episode_has_one_warning_and_one_end() {
        let start = Instant::now();
        let mut outage = Outage::default();
        assert_eq!(outage.ends(start), None, "the first connection ends no interruption");
        assert_eq!(outage.begins(start), Some(Say::Lost));
        assert_eq!(outage.begins(start), None);
        assert_eq!(outage.attempt_failed("IO error"), None);
        assert_eq!(
            outage.ends(start + Duration::from_secs(3)),
            Some(Say::Back(Duration::from_secs(3)))
        );
        assert_eq!(outage.begins(start), Some(Say::Lost), "the next episode warns again");
    }

    #[test]
    fn a_refusal_is_said_once_per_episode() {
        let mut outage = Outage::default();
        let refusal = "authorization violation: nats: authorization violation";
        assert_eq!(outage.attempt_failed(refusal), None, "not while connected");
        outage.begins(Instant::now());
        assert_eq!(outage.attempt_failed(refusal), Some(Say::Refused(refusal.to_owned())));
        assert_eq!(outage.attempt_failed(refusal), None);
    }
}
