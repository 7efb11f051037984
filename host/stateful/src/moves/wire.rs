//! What source and target say to each other. MessagePack maps with names; fields may be added, and readers skip what they do not know.

use bytes::Bytes;
use lattice_core::stateful::blob;
use lattice_core::{Digest, Fault, FaultKind, KeyedActor};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::record::Stored;

/// Could it move there?
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Prepare {
    pub(crate) actor: KeyedActor,
    /// Where its state is now, so that large state is fetched while the actor runs.
    pub(crate) state: Stored,
}

/// It could.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Prepared {
    pub(crate) session: u64,
    pub(crate) component: Digest,
}

/// Make it ready.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Stage {
    /// Of this move.
    pub(crate) id: u64,
    pub(crate) actor: KeyedActor,
    pub(crate) session: u64,
    /// As it will be written, with the target as its owner.
    #[serde(with = "blob")]
    pub(crate) record: Bytes,
}

/// It is yours.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Switch {
    /// Of this move.
    pub(crate) id: u64,
    pub(crate) actor: KeyedActor,
    pub(crate) session: u64,
    /// Of the record as written.
    pub(crate) revision: u64,
}

/// About one actor, and nothing else.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct About {
    pub(crate) actor: KeyedActor,
}

/// When the next reminder is due.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Next {
    #[serde(default)]
    pub(crate) due_ms: Option<u64>,
}

pub(crate) fn encode<T: Serialize>(message: &T) -> Bytes {
    // Strings, numbers and bytes, into memory.
    rmp_serde::to_vec_named(message).expect("plain data into memory").into()
}

pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Fault> {
    rmp_serde::from_slice(bytes)
        .map_err(|error| Fault::new(FaultKind::BadArguments, format!("the question cannot be read: {error}")))
}
