//! Stateful actors by their keys: where each is, and moving them.

use lattice_core::{ActorKey, ActorName, KeyedActor, MemberId};
use serde::{Deserialize, Serialize};

use super::Command;
use crate::verb::Verb;

/// Asks any host whose a stateful actor is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyedFind {
    /// Which.
    pub actor: KeyedActor,
}

/// Whose it is, from its record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KeyedFound {
    /// Whether it has ever lived.
    pub known: bool,
    /// The host that has it.
    #[serde(default)]
    pub owner: Option<MemberId>,
    /// The epoch of its ownership.
    #[serde(default)]
    pub epoch: u64,
    /// How many times its state was stored.
    #[serde(default)]
    pub version: u64,
    /// When its next reminder is due, in milliseconds since 1970.
    #[serde(default)]
    pub reminder_ms: Option<u64>,
    /// Messages it has sent that were not taken yet.
    #[serde(default)]
    pub letters: u64,
}

/// Asks a host which stateful actors of a name are awake on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyedList {
    /// Of this name.
    pub name: ActorName,
    /// At most so many.
    pub limit: u64,
}

/// Those that are awake.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KeyedListed {
    /// Some of them, sorted.
    pub keys: Vec<ActorKey>,
    /// How many there are.
    pub total: u64,
}

/// Moves stateful actors from the host that is asked to another, while they run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyedMove {
    /// Of this name.
    pub name: ActorName,
    /// The one with this key; all that are awake if none is given.
    #[serde(default)]
    pub key: Option<ActorKey>,
    /// Where to.
    pub to: MemberId,
    /// The longest pause of each.
    pub pause_max_ms: u64,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KeyedMoved {
    /// How long each that moved began no turn, in microseconds.
    pub pauses_us: Vec<u64>,
    /// The bytes of state that moved.
    pub bytes: u64,
    /// Those that stay, and why.
    #[serde(default)]
    pub stayed: Vec<KeyedStayed>,
    /// How long all of it took.
    pub took_us: u64,
}

/// An actor that has not moved. It goes on where it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyedStayed {
    /// Which.
    pub key: ActorKey,
    /// Why.
    pub reason: String,
}

impl Command for KeyedFind {
    type Reply = KeyedFound;
    const VERB: Verb = Verb::KeyedFind;
}

impl Command for KeyedList {
    type Reply = KeyedListed;
    const VERB: Verb = Verb::KeyedList;
}

impl Command for KeyedMove {
    type Reply = KeyedMoved;
    const VERB: Verb = Verb::KeyedMove;
}
