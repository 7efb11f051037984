//! What a host has in memory.

use crate::records::{HostNumber, Image, MoveId, Revision};

/// One host. It may pause anywhere: that it does nothing is one of the ways in which the search goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Host {
    pub(crate) session: Option<Session>,
    pub(crate) activation: Activation,
    pub(crate) staged: Option<Staged>,
}

/// The session a host believes to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Session {
    pub(crate) number: u8,
    /// Of the record, for the next renewal.
    pub(crate) revision: Revision,
    /// Whether its lease lasts, counted from when it sent the last renewal that was acknowledged to it.
    pub(crate) leased: bool,
}

/// How far a host is with the actor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Activation {
    #[default]
    None,
    /// It may claim the actor, and the claim is under way.
    Claiming { expects: Revision },
    /// It owns the actor and does not know its state.
    Claimed { epoch: Revision },
    /// It writes the state back with its own epoch.
    Fencing {
        epoch: Revision,
        expects: Revision,
        image: Image,
    },
    /// It answers.
    Serving { copy: Copy, commit: Option<Commit> },
    /// It answers no more, and everything it had to store is stored.
    Sealed {
        copy: Copy,
        to: HostNumber,
        id: MoveId,
        phase: Phase,
    },
}

/// A host's own copy of the actor, as it was last committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Copy {
    pub(crate) epoch: Revision,
    pub(crate) revision: Revision,
    pub(crate) image: Image,
}

/// A turn that was executed in memory and is to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Commit {
    pub(crate) call: u8,
    pub(crate) answer: CommitAnswer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum CommitAnswer {
    /// The write is on its way.
    None,
    /// The answer is on its way.
    Stored(Revision),
    Refused,
}

/// How far a move is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    Copying,
    /// The target has said that it has the copy, and in which session.
    Copied {
        session: u8,
    },
    /// The directory was written, and the answer did not come.
    Doubtful,
}

/// A copy that a move brought, of which nothing is released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Staged {
    pub(crate) id: MoveId,
    pub(crate) revision: Revision,
    pub(crate) image: Image,
    /// The epoch, once the directory says that it is the owner by this move.
    pub(crate) owned: Option<Revision>,
}

impl Host {
    /// Forgets everything, in a crash or when its session is over.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Its copy, if it answers.
    pub(crate) fn serving(&self) -> Option<&Copy> {
        match &self.activation {
            Activation::Serving { copy, .. } => Some(copy),
            _ => None,
        }
    }
}
