//! How far a view of a bucket reaches.

use std::time::SystemTime;

use crate::jetstream::{Place, StreamInfo};

/// The end of a complete view: everything up to here has been told. If the bucket still ends here after an outage, nothing happened and
/// it need not be listed again, which matters to a host whose uplink comes and goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reach {
    /// When the bucket was made, as it says itself; one made anew has another history.
    created: String,
    sequence: u64,
    time: SystemTime,
}

impl Reach {
    /// The end of a view that ends with the message at `last`.
    pub(super) fn to(created: &str, last: &Place) -> Self {
        Self {
            created: created.to_owned(),
            sequence: last.stream_sequence,
            time: last.time,
        }
    }

    /// Moves the end on.
    pub(super) fn extend(&mut self, last: &Place) {
        self.sequence = last.stream_sequence;
        self.time = last.time;
    }

    /// Returns the sequence of the last message.
    pub(super) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Says whether the bucket ends here too. Time is compared as well, since a server that lost its latest writes in a
    /// power cut may have used their sequences again.
    pub(super) fn is_all_of(&self, bucket: &StreamInfo) -> bool {
        bucket.created == self.created
            && bucket.state.last_seq == self.sequence
            && bucket.state.last_time() == Some(self.time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn info(created: &str, last_seq: u64, last_ts: &str) -> StreamInfo {
        let json = serde_json::json!({ "config": {}, "created": created, "state": { "last_seq": last_seq, "last_ts": last_ts } });
        serde_json::from_value(json).expect("well-formed")
    }

    #[test]
    fn only_the_very_same_end_is_the_same() {
        let last = Place {
            stream_sequence: 7,
            consumer_sequence: 1,
            time: SystemTime::UNIX_EPOCH + Duration::from_nanos(1_700_000_000_123_456_789),
            pending: 0,
        };
        let reach = Reach::to("then", &last);
        let time = "2023-11-14T22:13:20.123456789Z";
        assert!(reach.is_all_of(&info("then", 7, time)));
        assert!(!reach.is_all_of(&info("later", 7, time)), "made anew");
        assert!(!reach.is_all_of(&info("then", 8, time)), "written to");
        assert!(
            !reach.is_all_of(&info("then", 7, "2023-11-14T22:13:21Z")),
            "written to after a loss"
        );
        assert!(!reach.is_all_of(&info("then", 7, "nonsense")));
    }
}
