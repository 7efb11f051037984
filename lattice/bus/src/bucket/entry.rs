//! One value of a key.

use std::time::SystemTime;

use bytes::Bytes;

use crate::Headers;
use crate::jetstream::{Delivered, StoredMessage};

pub(super) const OPERATION: &str = "KV-Operation";
pub(super) const DELETE: &str = "DEL";
pub(super) const PURGE: &str = "PURGE";
const MARKER_REASON: &str = "Nats-Marker-Reason";

/// The latest word on a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// The value; empty for a removal.
    pub value: Bytes,
    /// Where in the bucket's history this stands. It grows with every change to the bucket and serves as a fencing token.
    pub revision: u64,
    /// What was done.
    pub operation: Operation,
    /// When it was stored, by the server's clock.
    pub created: SystemTime,
}

/// What was done to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// It was given a value.
    Put,
    /// It was deleted.
    Delete,
    /// It was removed with its history, or it expired.
    Purge,
}

impl Entry {
    /// Says whether the key has a value.
    pub fn is_live(&self) -> bool {
        self.operation == Operation::Put
    }

    pub(super) fn stored(message: StoredMessage, prefix: &str) -> Option<Self> {
        Some(Self {
            key: message.subject.strip_prefix(prefix)?.to_owned(),
            operation: operation(&message.headers),
            value: message.payload,
            revision: message.sequence,
            created: message.time,
        })
    }

    pub(super) fn delivered(delivered: Delivered, prefix: &str) -> Option<Self> {
        let Delivered { message, place } = delivered;
        Some(Self {
            key: message.subject.strip_prefix(prefix)?.to_owned(),
            operation: operation(&message.headers),
            value: message.payload,
            revision: place.stream_sequence,
            created: place.time,
        })
    }
}

fn operation(headers: &Headers) -> Operation {
    match (headers.get(OPERATION), headers.get(MARKER_REASON)) {
        (Some(DELETE), _) | (_, Some("Remove")) => Operation::Delete,
        (Some(PURGE), _) | (_, Some(_)) => Operation::Purge,
        _ => Operation::Put,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_tell_what_was_done() {
        let of = |name: &str, value: &str| operation(&Headers::new().with(name, value).expect("a plain header"));
        assert_eq!(operation(&Headers::new()), Operation::Put);
        assert_eq!(of(OPERATION, "DEL"), Operation::Delete);
        assert_eq!(of(OPERATION, "PURGE"), Operation::Purge);
        assert_eq!(of(MARKER_REASON, "MaxAge"), Operation::Purge);
        assert_eq!(of(MARKER_REASON, "Remove"), Operation::Delete);
        assert_eq!(of("other", "x"), Operation::Put);
    }
}
