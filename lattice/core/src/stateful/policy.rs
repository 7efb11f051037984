//! How a stateful actor's state is kept.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What an actor's state is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Stateful {
    /// When it is stored.
    pub durability: Durability,
    /// How long an actor that nobody calls stays in memory.
    pub idle_after_ms: u64,
    /// The most bytes of state one actor may have, its image and its cells together.
    pub state_bytes_max: u64,
    /// How many actors of this name one host keeps in memory. Those longest idle are put to rest first.
    pub active_max: u32,
}

/// When state is stored, and so what the loss of a host costs. A planned move keeps it in every class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Durability {
    /// Before an answer leaves: nothing that was answered is ever lost.
    #[default]
    Commit,
    /// Every so many milliseconds: what was answered since is lost with the host.
    Checkpoint(u64),
    /// Never: all of it is lost with the host.
    Volatile,
}

impl Stateful {
    /// Five minutes: longer than a person thinks, shorter than memory is patient.
    pub const DEFAULT_IDLE_AFTER_MS: u64 = 300_000;
    /// What still moves within a pause that nobody notices.
    pub const DEFAULT_STATE_BYTES_MAX: u64 = 16 << 20;
    /// At some hundred kilobytes each, what a small server has.
    pub const DEFAULT_ACTIVE_MAX: u32 = 10_000;

    /// [`Stateful::idle_after_ms`] as a duration.
    pub const fn idle_after(&self) -> Duration {
        Duration::from_millis(self.idle_after_ms)
    }
}

impl Default for Stateful {
    fn default() -> Self {
        Self {
            durability: Durability::default(),
            idle_after_ms: Self::DEFAULT_IDLE_AFTER_MS,
            state_bytes_max: Self::DEFAULT_STATE_BYTES_MAX,
            active_max: Self::DEFAULT_ACTIVE_MAX,
        }
    }
}
