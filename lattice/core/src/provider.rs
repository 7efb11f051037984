//! What it takes to run a provider.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::fingerprint::Fingerprint;
use crate::id::{ProviderKind, ProviderName};

/// A provider as a host is asked to run it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderSpec {
    /// What links call it.
    pub name: ProviderName,
    /// Which implementation.
    pub kind: ProviderKind,
    /// Settings of the provider itself. A link adds its own for each user of it.
    #[serde(default)]
    pub config: BTreeMap<String, String>,
    /// Whether applications decide where it runs. Several may share it; false for a provider that was started by hand.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub managed: bool,
}

impl ProviderSpec {
    /// A provider of that kind with no settings.
    pub fn new(name: ProviderName, kind: ProviderKind) -> Self {
        Self {
            name,
            kind,
            config: BTreeMap::new(),
            managed: false,
        }
    }

    /// Tells one spec from another in few bytes.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self)
    }

    /// The same for everybody's eyes: which settings there are, and not their values, of which one may be a password.
    #[must_use]
    pub fn without_values(&self) -> Self {
        let config = self.config.keys().map(|key| (key.clone(), "…".to_owned())).collect();
        Self { config, ..self.clone() }
    }
}

/// The kinds that every host carries in its own process.
pub const BUILT_IN_KINDS: [&str; 5] = [
    "http-client",
    "http-server",
    "keyvalue-nats",
    "keyvalue-redis",
    "messaging-nats",
];
