//! What a bucket should be like.

use std::time::Duration;

use crate::StateError;
use crate::jetstream::{Replicas, StreamConfig, nanos};

/// Every write carries an id that JetStream remembers for this long. Twice as long as a write is repeated, and no longer: it is memory.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(30);

/// Shortest life of a key or marker that JetStream can give.
pub(crate) const TTL_MIN: Duration = Duration::from_secs(1);

/// What a bucket should be like. Used when it has to be created; a bucket that exists stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketConfig {
    /// Its name: letters, digits, `-` and `_`.
    pub name: String,
    /// What it is for, shown by `nats kv info`.
    pub description: String,
    /// How many values of a key are kept, 1 to 64.
    pub history: u8,
    /// How long a value lives; `None` for ever.
    pub max_age: Option<Duration>,
    /// How many copies the cluster keeps.
    pub replicas: Replicas,
    /// Where it is kept.
    pub storage: Storage,
    /// Largest value in bytes; `None` for what fits a message.
    pub value_bytes_max: Option<u32>,
    /// Largest size of the whole bucket in bytes; a full bucket refuses new values.
    pub bytes_max: Option<u64>,
    /// Lets single keys expire (leases), and keeps the marker of such an end for this long so that watchers see it.
    /// Needs nats-server 2.11.
    pub expiry_markers: Option<Duration>,
}

/// Where a bucket is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Storage {
    /// On disk.
    #[default]
    File,
    /// In memory: gone when the servers are.
    Memory,
}

impl BucketConfig {
    /// Describes a bucket on disk that keeps one value per key for ever.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            description: String::new(),
            history: 1,
            max_age: None,
            replicas: Replicas::Auto,
            storage: Storage::File,
            value_bytes_max: None,
            bytes_max: None,
            expiry_markers: None,
        }
    }

    /// Says what the bucket is for.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = text.into();
        self
    }

    /// Sets how many values of a key are kept.
    #[must_use]
    pub fn history(mut self, values: u8) -> Self {
        self.history = values;
        self
    }

    /// Lets single keys expire, the markers of which are kept for `kept`.
    #[must_use]
    pub fn expiry_markers(mut self, kept: Duration) -> Self {
        self.expiry_markers = Some(kept.max(TTL_MIN));
        self
    }

    pub(crate) fn stream_name(&self) -> String {
        format!("KV_{}", self.name)
    }

    pub(crate) fn to_stream(&self) -> Result<StreamConfig, StateError> {
        if !is_bucket_name(&self.name) {
            return Err(StateError::BadName(self.name.clone()));
        }
        let window = self.max_age.map_or(DUPLICATE_WINDOW, |age| age.min(DUPLICATE_WINDOW));
        Ok(StreamConfig {
            name: self.stream_name(),
            description: self.description.clone(),
            subjects: vec![format!("$KV.{}.>", self.name)],
            retention: "limits",
            storage: self.storage.as_api(),
            discard: "new",
            num_replicas: 1,
            max_consumers: -1,
            max_msgs: -1,
            max_bytes: self.bytes_max.and_then(|max| i64::try_from(max).ok()).unwrap_or(-1),
            max_msg_size: self.value_bytes_max.map_or(-1, i64::from),
            max_msgs_per_subject: i64::from(self.history.clamp(1, 64)),
            max_age: self.max_age.map_or(0, nanos),
            duplicate_window: nanos(window),
            allow_rollup_hdrs: true,
            deny_delete: true,
            allow_direct: true,
            allow_msg_ttl: self.expiry_markers.is_some(),
            subject_delete_marker_ttl: self.expiry_markers.map_or(0, nanos),
        })
    }
}

impl Storage {
    pub(crate) fn as_api(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Memory => "memory",
        }
    }
}

pub(crate) fn is_bucket_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// Says whether a text can be a key: the alphabet of NATS key-value buckets, no empty token.
pub(crate) fn is_key(key: &str) -> bool {
    key.split('.')
        .all(|token| !token.is_empty() && token.bytes().all(is_key_byte))
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'/' | b'_' | b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_keys_keep_to_their_alphabets() {
        for good in ["a", "lat_dev_links", "A-1"] {
            assert!(is_bucket_name(good), "{good}");
        }
        for bad in ["", "a.b", "a b", "ä", "a>"] {
            assert!(!is_bucket_name(bad), "{bad}");
        }
        for good in ["a", "a.b", "A/b=_-.9"] {
            assert!(is_key(good), "{good}");
        }
        for bad in ["", ".", ".a", "a.", "a..b", "a*", "a>", "a b", "ä", "a\n"] {
            assert!(!is_key(bad), "{bad}");
        }
    }

    #[test]
    fn a_short_lived_bucket_has_a_duplicate_window_no_longer_than_its_life() {
        let mut config = BucketConfig::new("b");
        config.max_age = Some(Duration::from_secs(5));
        assert_eq!(config.to_stream().expect("a good name").duplicate_window, 5_000_000_000);
    }
}
