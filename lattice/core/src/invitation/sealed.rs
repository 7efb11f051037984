//! Messages that only those who have the secret can write.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{MESSAGE_BYTES_MAX, SECRET_BYTES};
use crate::wire;

const VERSION: u8 = 1;

/// What an invitation's text holds that nobody else knows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<[u8; SECRET_BYTES]>);

impl From<[u8; SECRET_BYTES]> for Secret {
    fn from(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// What a key made from the secret is for. One text each, so that no message can stand in for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Meeting,
    Application,
    Answer,
    Thanks,
}

impl Use {
    fn context(self) -> &'static str {
        match self {
            Self::Meeting => "lattice 2026 invitation v1 meeting",
            Self::Application => "lattice 2026 invitation v1 application",
            Self::Answer => "lattice 2026 invitation v1 answer",
            Self::Thanks => "lattice 2026 invitation v1 thanks",
        }
    }
}

/// A message that could not be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// It does not fit.
    #[error("the message has {0} bytes, {MESSAGE_BYTES_MAX} are allowed")]
    TooLarge(usize),
    /// It cannot be written as MessagePack, or not signed.
    #[error("the message cannot be written: {0}")]
    Encode(String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    v: u8,
    #[serde(borrow, with = "wire::bytes")]
    body: &'a [u8],
    #[serde(borrow, with = "wire::bytes")]
    mac: &'a [u8],
}

/// A MAC, which the other side's next message is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag([u8; 32]);

impl Secret {
    pub(super) fn bytes(&self) -> &[u8] {
        &*self.0
    }

    /// A key of its own for each use.
    pub(super) fn derive(&self, purpose: Use) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(blake3::derive_key(purpose.context(), self.bytes()))
    }

    /// Writes a message, bound to the one it answers.
    pub(super) fn seal(
        &self,
        purpose: Use,
        answers: Option<Tag>,
        message: &impl Serialize,
    ) -> Result<(Vec<u8>, Tag), SealError> {
        let encode = |error: rmp_serde::encode::Error| SealError::Encode(error.to_string());
        let body = rmp_serde::to_vec_named(message).map_err(encode)?;
        let mac = self.mac(purpose, answers, &body);
        let sealed = rmp_serde::to_vec_named(&Envelope {
            v: VERSION,
            body: &body,
            mac: mac.as_bytes(),
        });
        let sealed = sealed.map_err(encode)?;
        if sealed.len() > MESSAGE_BYTES_MAX {
            return Err(SealError::TooLarge(sealed.len()));
        }
        Ok((sealed, Tag(*mac.as_bytes())))
    }

    /// Reads a message; none for whatever was not written with the secret, for this use, as an answer to that.
    pub(super) fn open<T: DeserializeOwned>(
        &self,
        purpose: Use,
        answers: Option<Tag>,
        sealed: &[u8],
    ) -> Option<(T, Tag)> {
        if sealed.len() > MESSAGE_BYTES_MAX {
            return None;
        }
        let envelope: Envelope<'_> = rmp_serde::from_slice(sealed).ok()?;
        let mac = self.mac(purpose, answers, envelope.body);
        // Compares in constant time.
        let claimed = blake3::Hash::from_bytes(envelope.mac.try_into().ok()?);
        if envelope.v != VERSION || mac != claimed {
            return None;
        }
        let message = rmp_serde::from_slice(envelope.body).ok()?;
        Some((message, Tag(*mac.as_bytes())))
    }

    fn mac(&self, purpose: Use, answers: Option<Tag>, body: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.derive(purpose));
        // Of fixed length, so that it cannot run into the body.
        hasher.update(&answers.map_or([0; 32], |Tag(tag)| tag));
        hasher.update(body);
        hasher.finalize()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secret(byte: u8) -> Secret {
        [byte; SECRET_BYTES].into()
    }

    #[test]
    fn opens_only_what_was_sealed_so() {
        let (sealed, tag) = secret(1).seal(Use::Application, None, &"hi").expect("fits");
        let open = |secret: Secret, purpose, answers| secret.open::<String>(purpose, answers, &sealed);
        assert_eq!(open(secret(1), Use::Application, None), Some(("hi".to_owned(), tag)));
        assert_eq!(open(secret(2), Use::Application, None), None, "another secret");
        assert_eq!(open(secret(1), Use::Answer, None), None, "another use");
        assert_eq!(open(secret(1), Use::Application, Some(tag)), None, "answers another");
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            let read = secret(1).open::<String>(Use::Application, None, &changed);
            assert!(read.is_none(), "byte {index} may be changed");
        }
    }

    #[test]
    fn what_is_too_large_is_not_written() {
        let large = "x".repeat(MESSAGE_BYTES_MAX);
        assert!(matches!(
            secret(1).seal(Use::Answer, None, &large),
            Err(SealError::TooLarge(_))
        ));
    }

    proptest! {
        #[test]
        fn never_panics_on_any_bytes(bytes: Vec<u8>) {
            prop_assert!(secret(1).open::<String>(Use::Application, None, &bytes).is_none());
        }
    }
}
