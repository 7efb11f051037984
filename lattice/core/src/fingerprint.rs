//! Tells specs apart in heartbeats, which have no room for the specs themselves.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::Digest;

/// The first eight bytes of the digest of a spec.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(u64);

impl Fingerprint {
    pub(crate) fn of(spec: &impl Serialize) -> Self {
        let json = serde_json::to_vec(spec).expect("specs are maps of texts and numbers");
        let digest = Digest::of(&json);
        let (first, _) = digest
            .as_bytes()
            .split_first_chunk()
            .expect("a digest is longer than eight bytes");
        Self(u64::from_be_bytes(*first))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}
