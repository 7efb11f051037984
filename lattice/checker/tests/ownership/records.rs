//! The records, and the only way to change them: a write that expects a revision.

use std::collections::BTreeSet;

/// Hosts are numbered from zero.
pub(crate) type HostNumber = u8;
/// Counts the writes of one record, from one.
pub(crate) type Revision = u8;

/// `session.<host>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SessionRecord {
    pub(crate) number: u8,
    pub(crate) fenced: bool,
    pub(crate) revision: Revision,
}

/// Who an actor belongs to: a host, as long as it has this session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Owner {
    pub(crate) host: HostNumber,
    pub(crate) session: u8,
}

/// `dir.<actor>`. Its revision is the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct DirectoryRecord {
    pub(crate) owner: Option<Owner>,
    /// The move that made it the owner.
    pub(crate) by_move: Option<MoveId>,
    pub(crate) revision: Revision,
}

/// Names one attempt to move.
pub(crate) type MoveId = u8;

/// What an actor is worth: how often each addition was applied, and which ones it knows the answers of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Image {
    /// Two bits for each.
    times: u8,
    /// The reply cache: one bit for each.
    answers: u8,
}

impl Image {
    pub(crate) fn with(self, call: u8) -> Self {
        assert!(self.times(call) < 3, "the search should have ended before");
        Self {
            times: self.times + (1 << (2 * call)),
            answers: self.answers | 1 << call,
        }
    }

    pub(crate) fn times(self, call: u8) -> u8 {
        self.times >> (2 * call) & 3
    }

    pub(crate) fn has_answer(self, call: u8) -> bool {
        self.answers >> call & 1 == 1
    }

    pub(crate) fn without_answers(self) -> Self {
        Self { answers: 0, ..self }
    }
}

/// `state.<actor>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct StateRecord {
    pub(crate) epoch: Revision,
    pub(crate) image: Image,
    pub(crate) revision: Revision,
}

/// A write on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Write {
    Directory {
        expects: Revision,
        owner: Owner,
        by_move: Option<MoveId>,
    },
    State {
        expects: Revision,
        epoch: Revision,
        image: Image,
    },
}

/// All records, and the writes that nobody waits for any more and that may still arrive.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Store {
    pub(crate) sessions: Vec<SessionRecord>,
    pub(crate) directory: DirectoryRecord,
    pub(crate) state: StateRecord,
    pub(crate) late: BTreeSet<Write>,
    /// Whether an older epoch ever wrote over a newer one.
    pub(crate) epoch_went_back: bool,
}

impl Store {
    /// Compares and swaps. Tells the new revision, or nothing when another was there before.
    pub(crate) fn apply(&mut self, write: Write) -> Option<Revision> {
        if self.is_outdated(&write) {
            return None;
        }
        let revision = match write {
            Write::Directory {
                expects,
                owner,
                by_move,
            } => {
                self.directory = DirectoryRecord {
                    owner: Some(owner),
                    by_move,
                    revision: expects + 1,
                };
                self.directory.revision
            }
            Write::State { expects, epoch, image } => {
                self.epoch_went_back |= epoch < self.state.epoch;
                self.state = StateRecord {
                    epoch,
                    image,
                    revision: expects + 1,
                };
                self.state.revision
            }
        };
        // What can only be refused need not be remembered.
        let late = std::mem::take(&mut self.late);
        self.late = late.into_iter().filter(|write| !self.is_outdated(write)).collect();
        Some(revision)
    }

    /// Leaves a write to arrive whenever it will, or never.
    pub(crate) fn leave(&mut self, write: Write) {
        if !self.is_outdated(&write) {
            self.late.insert(write);
        }
    }

    /// Whether the owner's session is the one it had when it became the owner.
    pub(crate) fn is_in_session(&self, owner: Owner) -> bool {
        let record = self.sessions[usize::from(owner.host)];
        record.number == owner.session && !record.fenced
    }

    fn is_outdated(&self, write: &Write) -> bool {
        match write {
            Write::Directory { expects, .. } => *expects != self.directory.revision,
            Write::State { expects, .. } => *expects != self.state.revision,
        }
    }
}
