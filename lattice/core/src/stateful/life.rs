//! What an actor and its host say to each other, in the words of `lattice:actor`.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{KeyedActor, blob};

/// Cells of state by their keys.
pub type Cells = BTreeMap<String, Bytes>;

/// State as the actor itself wrote it down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// How to read the data.
    pub media_type: String,
    /// Which version of the actor's own form the data is in.
    pub schema: u32,
    /// The actor's own bytes.
    #[serde(with = "blob")]
    pub data: Bytes,
}

/// Why an actor comes to life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// For the first time.
    Created,
    /// After it was put to rest.
    Reactivated,
    /// Because it was moved from a host that is well.
    Migrated,
    /// Because the host it lived on was lost, or its instance failed.
    Recovered,
    /// Because its component was replaced.
    Upgraded,
}

/// Why an actor is put to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopReason {
    /// Nobody has called it for a while, or others need its memory.
    Idle,
    /// It goes on elsewhere.
    Moving,
    /// It goes on in a newer component.
    Upgrading,
    /// Its host stops.
    DrainingHost,
    /// It was deleted.
    Deleted,
}

/// An actor's own no.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// The message is not one the actor takes, now or ever.
    #[error("rejected: {0}")]
    Rejected(String),
    /// The image is not one that this component reads.
    #[error("incompatible: {0}")]
    Incompatible(String),
    /// It may work another time.
    #[error("not now: {0}")]
    Transient(String),
}

/// What a turn left behind, to be stored together with its answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Cells it wrote, none for one that it removed.
    pub cells: Vec<(String, Option<Bytes>)>,
    /// Messages that leave once the turn is stored.
    pub sends: Vec<PeerSend>,
    /// Reminders it set and cancelled, in order.
    pub reminders: Vec<ReminderChange>,
}

/// A message to another actor.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerSend {
    /// Whom it is for.
    pub to: KeyedActor,
    /// What it asks for, in the actors' own words.
    pub operation: String,
    /// The actors' own bytes.
    #[serde(with = "blob")]
    pub body: Bytes,
}

/// A reminder set or cancelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReminderChange {
    /// Set, or set anew.
    Set {
        /// What the actor calls it.
        name: String,
        /// When it is due for the first time, in milliseconds from now.
        first_ms: u64,
        /// Then every so many milliseconds.
        every_ms: Option<u64>,
        /// The actor's own bytes.
        payload: Bytes,
    },
    /// Cancelled.
    Cancel {
        /// What the actor calls it.
        name: String,
    },
}

/// What came of asking an actor to write itself down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saved {
    /// Nothing has changed since the last time.
    Unchanged,
    /// This is it.
    Image(Image),
    /// It will not.
    Refused(Refusal),
    /// It has no such function: all its state is in cells.
    NotOffered,
}

impl fmt::Debug for PeerSend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {} ({} bytes)", self.operation, self.to, self.body.len())
    }
}
