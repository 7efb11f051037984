//! What is stored of one actor: who owns it, its state, and what it still owes others. One record, so that all of it changes together.

mod answers;
mod outbox;
mod reminders;

use bytes::Bytes;
use lattice_core::stateful::{Cells, Image, blob};
use lattice_core::{Digest, MemberId};
use serde::{Deserialize, Serialize};

pub use answers::Answer;
pub(crate) use answers::{Answers, Known};
pub(crate) use outbox::{Letter, Outbox};
pub use reminders::Due;
pub(crate) use reminders::Reminders;

/// How long letters may be under way before somebody looks whether their sender is still there.
const LETTERS_MS: u64 = 10_000;
/// The version of the stored form. Fields may be added without a new one; readers skip what they do not know.
const VERSION: u8 = 1;

/// One actor, as it lies in its bucket.
///
/// Every write names the revision it follows. Whoever does not own the actor any more names one that is not the last, and is refused. Each
/// ownership has an *epoch*: one more than the revision it was taken over. As the revisions of a bucket grow, so do the epochs of an actor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    v: u8,
    /// Tells this write from any other: whoever did not hear whether a write was done finds out by reading.
    pub(crate) nonce: u64,
    /// Who serves it; nobody when it was put down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<Owner>,
    /// Which ownership this is.
    pub(crate) epoch: u64,
    /// How many times its state was stored.
    pub(crate) version: u64,
    /// The component that wrote the state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) component: Option<Digest>,
    /// Where the state is.
    #[serde(default)]
    pub(crate) state: Stored,
    #[serde(default)]
    pub(crate) answers: Answers,
    #[serde(default)]
    pub(crate) outbox: Outbox,
    #[serde(default)]
    pub(crate) reminders: Reminders,
}

/// One host during one of its sessions.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Owner {
    pub(crate) member: MemberId,
    /// See [`crate::session`].
    pub(crate) session: u64,
}

/// Where state is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Stored {
    /// There is none yet.
    #[default]
    Nothing,
    /// In the record: an encoded [`State`].
    Inline(#[serde(with = "blob")] Bytes),
    /// In the object store, under its digest.
    Object {
        /// Of the encoded [`State`].
        digest: Digest,
        /// Its length.
        bytes: u64,
    },
}

/// An actor's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// What it wrote down itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) image: Option<Image>,
    /// What it keeps with the host.
    #[serde(default, with = "cells")]
    pub(crate) cells: Cells,
}

/// Stored bytes that are not what they should be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MalformedRecord {
    #[error("it cannot be read")]
    Form(#[from] rmp_serde::decode::Error),
    #[error("its version {0} is not supported: this host is older than the one that wrote it")]
    Version(u8),
}

impl Record {
    /// The record of an actor that has never lived.
    pub(crate) fn new() -> Self {
        Self {
            v: VERSION,
            nonce: 0,
            owner: None,
            epoch: 0,
            version: 0,
            component: None,
            state: Stored::Nothing,
            answers: Answers::default(),
            outbox: Outbox::default(),
            reminders: Reminders::default(),
        }
    }

    pub(crate) fn encode(&self) -> Bytes {
        // Strings, numbers and bytes, into memory.
        rmp_serde::to_vec_named(self).expect("plain data into memory").into()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, MalformedRecord> {
        let record: Self = rmp_serde::from_slice(bytes)?;
        match record.v {
            VERSION => Ok(record),
            other => Err(MalformedRecord::Version(other)),
        }
    }

    /// When somebody has to look after it although nobody calls it, in milliseconds since 1970: for its next reminder, or for letters that
    /// would otherwise wait for the next call, should its host be lost.
    pub(crate) fn look_ms(&self, now_ms: u64) -> Option<u64> {
        let letters = (!self.outbox.waiting().is_empty()).then(|| now_ms.saturating_add(LETTERS_MS));
        self.reminders.next_ms().into_iter().chain(letters).min()
    }

    /// Whether `written` is what became of it when it was written.
    pub(crate) fn is_as_written(&self, written: &Self) -> bool {
        let nonce = written.nonce;
        Self { nonce, ..self.clone() } == *written
    }

    /// Makes it another's, on top of `revision`.
    pub(crate) fn hand_to(&mut self, owner: Owner, revision: u64) {
        (self.owner, self.epoch) = (Some(owner), revision + 1);
    }
}

impl Stored {
    /// The length of the encoded state.
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Inline(bytes) => bytes.len() as u64,
            Self::Object { bytes, .. } => *bytes,
        }
    }
}

impl State {
    pub(crate) fn encode(&self) -> Bytes {
        rmp_serde::to_vec_named(self).expect("plain data into memory").into()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, MalformedRecord> {
        Ok(rmp_serde::from_slice(bytes)?)
    }

    /// How much of its allowance it uses.
    pub(crate) fn bytes(&self) -> u64 {
        let image = self.image.as_ref().map_or(0, |image| image.data.len());
        let cells: usize = self.cells.iter().map(|(key, value)| key.len() + value.len()).sum();
        (image + cells) as u64
    }
}

/// Cells as a list of pairs of text and bytes.
mod cells {
    use bytes::Bytes;
    use lattice_core::stateful::{Cells, blob};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Cell(String, #[serde(with = "blob")] Bytes);

    pub(super) fn serialize<S: Serializer>(cells: &Cells, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(cells.iter().map(|(key, value)| Cell(key.clone(), value.clone())))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cells, D::Error> {
        let cells = Vec::<Cell>::deserialize(deserializer)?;
        Ok(cells.into_iter().map(|Cell(key, value)| (key, value)).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn records_round_trip() {
        let mut record = Record::new();
        let member = nkeys::KeyPair::new_server().public_key().parse().expect("a key");
        record.hand_to(Owner { member, session: 7 }, 41);
        assert_eq!(record.epoch, 42);
        let mut state = State {
            image: Some(Image {
                media_type: "application/json".to_owned(),
                schema: 3,
                data: Bytes::from_static(b"{}"),
            }),
            cells: Cells::new(),
        };
        state.cells.insert("a".to_owned(), Bytes::from_static(b"\xff\0"));
        assert_eq!(state.bytes(), 5);
        record.state = Stored::Inline(state.encode());
        let read = Record::decode(&record.encode()).expect("own bytes");
        assert_eq!(read, record);
        let Stored::Inline(bytes) = read.state else {
            panic!("inline")
        };
        assert_eq!(State::decode(&bytes).expect("own bytes"), state);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Record::decode(&bytes);
            let _ = State::decode(&bytes);
        }
    }
}
