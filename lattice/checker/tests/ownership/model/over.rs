//! What need not be told apart.

use super::{Flaw, State};
use crate::host::{Activation, Commit, CommitAnswer};
use crate::records::{MoveId, Write};

impl State {
    /// Takes steps whose outcome is certain, and drops what can have no effect any more. Nothing that could happen is lost by that: a host
    /// that knows early may wait as well. It makes the search several times smaller.
    pub(super) fn forget_what_is_over(&mut self, flaw: Option<Flaw>) {
        let (directory, written) = (self.store.directory.revision, self.store.state.revision);
        for host in &mut self.hosts {
            match &mut host.activation {
                Activation::Claiming { expects } if *expects != directory => host.activation = Activation::None,
                Activation::Fencing { epoch, expects, .. } if *expects != written => {
                    host.activation = Activation::Claimed { epoch: *epoch };
                }
                Activation::Serving {
                    copy,
                    commit:
                        Some(Commit {
                            answer: answer @ CommitAnswer::None,
                            ..
                        }),
                } if copy.revision != written => {
                    *answer = CommitAnswer::Refused;
                }
                _ => {}
            }
        }
        // These find a use for what is over.
        if matches!(flaw, Some(Flaw::PromotesItself | Flaw::TakesAnyCopy)) {
            return;
        }
        let mut copies = std::mem::take(&mut self.copies);
        copies.retain(|copy| self.may_yet_be_moved(copy.0));
        self.copies = copies;
        for index in 0..self.hosts.len() {
            if self.hosts[index]
                .staged
                .is_some_and(|staged| !self.may_yet_be_moved(staged.id))
            {
                self.hosts[index].staged = None;
            }
        }
    }

    /// Whether the directory says that the move was made, or may come to say so.
    pub(super) fn may_yet_be_moved(&self, id: MoveId) -> bool {
        let epoch = self.store.directory.revision;
        self.store.directory.by_move == Some(id)
            || self
                .store
                .late
                .iter()
                .any(|write| matches!(write, Write::Directory { by_move, .. } if *by_move == Some(id)))
            || self.hosts.iter().any(|host| match host.activation {
                Activation::Sealed { copy, id: sealed, .. } => sealed == id && copy.epoch == epoch,
                _ => false,
            })
    }
}
