//! How an actor changes while it serves.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How an actor changes to another spec: host after host, the new one ready before the old one drains.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UpdateStrategy {
    /// How many replicas may be changing at a time. A host changes all of its replicas at once, and one host always may.
    pub max_unavailable: u32,
    /// How long a host may take to have it ready.
    pub ready_within_ms: u64,
    /// How long what the old one is doing may take to end.
    pub drain_ms: u64,
    /// What makes a replica ready beyond having been compiled and linked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
    /// What happens when it does not become ready.
    pub on_failure: Failure,
}

/// A request that a new instance must answer well before it takes the place of the old one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Probe {
    /// A GET of this path, answered with a status below 400.
    Http(String),
}

/// What happens when an update does not become ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// The application goes back to the revision before, all of it.
    #[default]
    RollBack,
    /// The update stops where it is, and waits for a person.
    Halt,
}

impl UpdateStrategy {
    /// [`UpdateStrategy::ready_within_ms`] as a duration.
    pub const fn ready_within(&self) -> Duration {
        Duration::from_millis(self.ready_within_ms)
    }
}

impl Default for UpdateStrategy {
    fn default() -> Self {
        Self {
            max_unavailable: 1,
            ready_within_ms: 60_000,
            drain_ms: 10_000,
            probe: None,
            on_failure: Failure::default(),
        }
    }
}
