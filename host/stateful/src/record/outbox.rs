//! Messages that an actor has sent, until they were taken.

use lattice_core::KeyedActor;
use lattice_core::stateful::{Lane, PeerSend, derived_id};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What an actor still owes others, in the order it was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outbox {
    /// How many messages it has ever sent.
    sent: u64,
    waiting: Vec<Letter>,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Letter {
    /// Its number among all that the actor has ever sent.
    pub(crate) number: u64,
    /// The ownership in which it was sent. An actor that was not stored before it was lost counts again from where it was.
    pub(crate) epoch: u64,
    pub(crate) send: PeerSend,
}

impl Outbox {
    pub(crate) fn push(&mut self, send: PeerSend, epoch: u64) {
        self.sent += 1;
        self.waiting.push(Letter {
            number: self.sent,
            epoch,
            send,
        });
    }

    pub(crate) fn waiting(&self) -> &[Letter] {
        &self.waiting
    }

    /// Below it, everything was taken, and is known to be in this record.
    pub(crate) fn floor(&self) -> u64 {
        self.waiting.first().map_or(self.sent + 1, |letter| letter.number)
    }

    /// Strikes out what was taken. Says whether anything was.
    pub(crate) fn strike(&mut self, numbers: &[u64]) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|letter| !numbers.contains(&letter.number));
        self.waiting.len() < before
    }
}

impl Letter {
    /// Its place among all letters of its sender, whichever host sends it: below `floor` none will come again.
    pub(crate) fn lane(&self, from: &KeyedActor, floor: u64) -> Lane {
        let (id, _) = derived_id(&format!("letters {from} {}", self.epoch)).as_u64_pair();
        Lane {
            id,
            seq: self.number,
            floor: floor.min(self.number),
        }
    }

    /// What its receiver knows it by: the same whichever host sends it, and however often.
    pub(crate) fn call_id(&self, from: &KeyedActor) -> Uuid {
        derived_id(&format!("letter {from} {} {}", self.epoch, self.number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_keep_their_numbers_and_ids() {
        let mut outbox = Outbox::default();
        for operation in ["a", "b"] {
            let send = PeerSend {
                to: "bank/bob".parse().expect("an actor"),
                operation: operation.to_owned(),
                body: bytes::Bytes::new(),
            };
            outbox.push(send, 3);
        }
        let from: KeyedActor = "bank/alice".parse().expect("an actor");
        let ids: Vec<_> = outbox.waiting().iter().map(|letter| letter.call_id(&from)).collect();
        assert_ne!(ids[0], ids[1]);
        assert!(outbox.strike(&[1, 9]));
        assert!(!outbox.strike(&[1]));
        assert_eq!(outbox.waiting()[0].call_id(&from), ids[1]);
        assert_eq!(outbox.floor(), 2);
        let lane = outbox.waiting()[0].lane(&from, outbox.floor());
        assert_eq!((lane.seq, lane.floor), (2, 2));
        assert!(outbox.strike(&[2]));
        assert_eq!(outbox.floor(), 3);
    }
}
