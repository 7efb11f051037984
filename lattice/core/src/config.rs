//! The configuration that a link or an actor carries, kept apart from its token and bound to it by digest.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::Digest;

/// The largest config that is stored or read.
pub const CONFIG_BYTES_MAX: usize = 256 * 1024;

/// Settings: names and texts. One set has one encoding, so that equal settings have equal digests.
///
/// ```
/// use lattice_core::ConfigMap;
/// let config = ConfigMap::from_iter([("bucket", "carts")]);
/// let (digest, body) = (config.digest(), config.encode());
/// assert_eq!(ConfigMap::decode(&body, &digest), Ok(config));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConfigMap(pub BTreeMap<String, String>);

/// A config body that is not the one its digest promises.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// It is longer than [`CONFIG_BYTES_MAX`].
    #[error("the config is longer than {CONFIG_BYTES_MAX} bytes")]
    TooLarge,
    /// Its content is another.
    #[error("the config has the digest {got}, the link was signed for {expected}")]
    WrongDigest {
        /// What the token names.
        expected: Digest,
        /// What the body has.
        got: Digest,
    },
    /// It has the right digest but is not a config.
    #[error("the config is not a JSON object of texts: {0}")]
    Malformed(String),
}

impl ConfigMap {
    /// The one encoding of these settings: a JSON object, its keys in order.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(&self.0).expect("a map of strings")
    }

    /// The digest of [`ConfigMap::encode`], and the key of the body in the config bucket ([`Digest::hex`]).
    pub fn digest(&self) -> Digest {
        Digest::of(&self.encode())
    }

    /// Reads a body, if it is the one that `expected` names.
    pub fn decode(body: &[u8], expected: &Digest) -> Result<Self, ConfigError> {
        if body.len() > CONFIG_BYTES_MAX {
            return Err(ConfigError::TooLarge);
        }
        let got = Digest::of(body);
        if got != *expected {
            return Err(ConfigError::WrongDigest {
                expected: *expected,
                got,
            });
        }
        serde_json::from_slice(body).map_err(|error| ConfigError::Malformed(error.to_string()))
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for ConfigMap {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
        )
    }
}

impl From<BTreeMap<String, String>> for ConfigMap {
    fn from(map: BTreeMap<String, String>) -> Self {
        Self(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_body_is_refused() {
        let config = ConfigMap::from_iter([("a", "1")]);
        let other = ConfigMap::from_iter([("a", "2")]);
        let error = ConfigMap::decode(&other.encode(), &config.digest()).expect_err("another");
        assert_eq!(
            error,
            ConfigError::WrongDigest {
                expected: config.digest(),
                got: other.digest()
            }
        );
        assert!(matches!(
            ConfigMap::decode(b"[]", &Digest::of(b"[]")),
            Err(ConfigError::Malformed(_))
        ));
        assert_eq!(
            ConfigMap::decode(&vec![0; CONFIG_BYTES_MAX + 1], &config.digest()),
            Err(ConfigError::TooLarge)
        );
    }
}
