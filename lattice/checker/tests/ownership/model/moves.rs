//! From one host to another, planned.

use super::{Flaw, State, spend};
use crate::host::{Activation, Copy, Phase, Staged};
use crate::records::{HostNumber, MoveId, Owner, Write};

impl State {
    pub(super) fn seal(&mut self, host: HostNumber, to: HostNumber, flaw: Option<Flaw>) -> Option<()> {
        let Activation::Serving { copy, commit: None } = self.host(host).activation else {
            return None;
        };
        spend(&mut self.left.moves)?;
        let id = self.left.moves;
        self.host(host).activation = Activation::Sealed {
            copy,
            to,
            id,
            phase: Phase::Copying,
        };
        let image = if flaw == Some(Flaw::AnswersStayBehind) {
            copy.image.without_answers()
        } else {
            copy.image
        };
        self.copies.insert((id, host, to, copy.revision, image));
        Some(())
    }

    pub(super) fn stage(&mut self, id: MoveId) -> Option<()> {
        let copy = *self.copies.iter().find(|copy| copy.0 == id)?;
        let (_, from, to, revision, image) = copy;
        let session = self.host(to).session?.number;
        if self.host(to).activation != Activation::None {
            return None;
        }
        self.copies.remove(&copy);
        self.host(to).staged = Some(Staged {
            id,
            revision,
            image,
            owned: None,
        });
        if let Activation::Sealed {
            id: sealed,
            phase: phase @ Phase::Copying,
            ..
        } = &mut self.host(from).activation
            && *sealed == id
        {
            *phase = Phase::Copied { session };
        }
        Some(())
    }

    pub(super) fn unseal(&mut self, host: HostNumber) -> Option<()> {
        let Activation::Sealed {
            copy,
            phase: Phase::Copying | Phase::Copied { .. },
            ..
        } = self.host(host).activation
        else {
            return None;
        };
        self.host(host).activation = Activation::Serving { copy, commit: None };
        Some(())
    }

    pub(super) fn commit_move(&mut self, host: HostNumber) -> Option<()> {
        let write = self.move_write(host)?;
        // Stored, it is the target's; refused, another's.
        self.store.apply(write);
        self.host(host).activation = Activation::None;
        Some(())
    }

    pub(super) fn commit_move_unheard(&mut self, host: HostNumber) -> Option<()> {
        let write = self.move_write(host)?;
        spend(&mut self.left.losses)?;
        self.store.leave(write);
        if let Activation::Sealed { phase, .. } = &mut self.host(host).activation {
            *phase = Phase::Doubtful;
        }
        Some(())
    }

    pub(super) fn move_write(&mut self, host: HostNumber) -> Option<Write> {
        let Activation::Sealed {
            copy,
            to,
            id,
            phase: Phase::Copied { session },
        } = self.host(host).activation
        else {
            return None;
        };
        let owner = Owner { host: to, session };
        Some(Write::Directory {
            expects: copy.epoch,
            owner,
            by_move: Some(id),
        })
    }

    pub(super) fn settle(&mut self, host: HostNumber, flaw: Option<Flaw>) -> Option<()> {
        let Activation::Sealed {
            copy,
            phase: Phase::Doubtful,
            ..
        } = self.host(host).activation
        else {
            return None;
        };
        let session = self.host(host).session?.number;
        let epoch = if flaw == Some(Flaw::UnsealsWhenUnchanged) {
            Some(copy.epoch).filter(|epoch| *epoch == self.store.directory.revision)
        } else {
            // That the record is unchanged does not mean that the write will not come. This one makes sure.
            let owner = Owner { host, session };
            self.store.apply(Write::Directory {
                expects: copy.epoch,
                owner,
                by_move: None,
            })
        };
        self.host(host).activation = match epoch {
            Some(epoch) => Activation::Serving {
                copy: Copy { epoch, ..copy },
                commit: None,
            },
            None => Activation::None,
        };
        Some(())
    }

    /// What has not settled when memory or patience ends.
    pub(super) fn drop_doubtful(&mut self, host: HostNumber) -> Option<()> {
        let Activation::Sealed {
            phase: Phase::Doubtful, ..
        } = self.host(host).activation
        else {
            return None;
        };
        self.host(host).activation = Activation::None;
        Some(())
    }

    pub(super) fn learn_of_move(&mut self, host: HostNumber, flaw: Option<Flaw>) -> Option<()> {
        let session = self.host(host).session?.number;
        let directory = self.store.directory;
        let mut staged = self.host(host).staged.filter(|staged| staged.owned.is_none())?;
        let mine = directory.owner == Some(Owner { host, session }) && directory.by_move.is_some();
        let meant = directory.by_move == Some(staged.id) || flaw == Some(Flaw::TakesAnyCopy);
        if !(mine && meant) && flaw != Some(Flaw::PromotesItself) {
            return None;
        }
        staged.owned = Some(directory.revision);
        self.host(host).staged = Some(staged);
        Some(())
    }

    pub(super) fn activate_staged(&mut self, host: HostNumber) -> Option<()> {
        if self.host(host).activation != Activation::None {
            return None;
        }
        let Staged {
            revision,
            image,
            owned: Some(epoch),
            ..
        } = self.host(host).staged?
        else {
            return None;
        };
        let copy = Copy { epoch, revision, image };
        self.host(host).staged = None;
        self.host(host).activation = Activation::Serving { copy, commit: None };
        Some(())
    }
}
