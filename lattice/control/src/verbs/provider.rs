//! Starting and stopping a provider on one host.

use lattice_core::{ProviderName, ProviderSpec};
use serde::{Deserialize, Serialize};

use super::Command;
use crate::verb::Verb;

/// Asks a host to run a provider. Answered when it serves (an HTTP server is bound), or could not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProviderStart {
    /// What to run.
    pub spec: ProviderSpec,
}

/// The provider serves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProviderStarted {
    /// The provider as it is now.
    pub status: ProviderStatus,
    /// Whether it was running before the command came.
    #[serde(default)]
    pub was_running: bool,
}

/// Asks a host to stop a provider: no new work, wait for what is in flight, then stop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProviderStop {
    /// Which provider.
    pub provider: ProviderName,
    /// How long to wait for work in flight.
    pub drain_ms: u64,
}

/// The provider is gone from this host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProviderStopped {
    /// Which provider.
    pub provider: ProviderName,
}

/// What state a provider is in.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProviderState {
    /// Binding, connecting.
    Starting,
    /// Serving.
    Ready,
    /// Serving, but something it needs is missing; `detail` says what.
    Degraded,
    /// Finishing what is in flight.
    Draining,
    /// Anything a newer version knows and we do not.
    #[serde(other)]
    Unknown,
}

/// A provider on one member, as that member tells it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProviderStatus {
    /// What the member was asked to run.
    pub spec: ProviderSpec,
    /// The state it is in.
    pub state: ProviderState,
    /// Why it is in that state, when there is something to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Where it can be reached from outside, as URLs: `http://127.0.0.1:8080`.
    #[serde(default)]
    pub endpoints: Vec<String>,
    /// How many links it serves.
    #[serde(default)]
    pub links: u32,
}

impl Command for ProviderStart {
    type Reply = ProviderStarted;
    const VERB: Verb = Verb::ProviderStart;
}

impl Command for ProviderStop {
    type Reply = ProviderStopped;
    const VERB: Verb = Verb::ProviderStop;
}
