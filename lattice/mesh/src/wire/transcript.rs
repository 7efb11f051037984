//! Bytes to sign: a domain tag, then fields with their lengths, so that no two different messages sign alike.

use sha2::{Digest, Sha256};

/// Collects the fields of one message.
#[derive(Debug, Clone)]
pub(crate) struct Transcript(Vec<u8>);

impl Transcript {
    /// Starts with the tag that keeps this use of a key apart from every other.
    pub(crate) fn new(domain: &str) -> Self {
        Self(Vec::with_capacity(512)).field(domain.as_bytes())
    }

    /// Appends a field.
    #[must_use]
    pub(crate) fn field(mut self, bytes: &[u8]) -> Self {
        self.0.extend((bytes.len() as u64).to_be_bytes());
        self.0.extend(bytes);
        self
    }

    /// Appends a number.
    #[must_use]
    pub(crate) fn number(self, number: u64) -> Self {
        self.field(&number.to_be_bytes())
    }

    /// What to sign.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its digest, for chaining one message to the next.
    pub(crate) fn digest(&self) -> [u8; 32] {
        Sha256::digest(&self.0).into()
    }
}
