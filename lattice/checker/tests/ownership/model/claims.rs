//! How a host comes to own an actor that nobody in session owns.

use super::{Flaw, State, spend};
use crate::host::{Activation, Copy};
use crate::records::{HostNumber, Owner, Revision, StateRecord, Write};

impl State {
    pub(super) fn look_for_claim(&mut self, host: HostNumber, flaw: Option<Flaw>) -> Option<()> {
        let session = self.host(host).session?;
        let directory = self.store.directory;
        let mine = |owner: Owner| {
            owner
                == Owner {
                    host,
                    session: session.number,
                }
        };
        if self.host(host).activation != Activation::None
            || directory
                .owner
                .is_some_and(|owner| self.store.is_in_session(owner) && !mine(owner))
        {
            return None;
        }
        let activation = if flaw == Some(Flaw::ReactivatesInOldEpoch) && directory.owner.is_some_and(mine) {
            Activation::Claimed {
                epoch: directory.revision,
            }
        } else {
            Activation::Claiming {
                expects: directory.revision,
            }
        };
        // A copy of before must not come to life after what this claim leads to.
        self.host(host).staged = None;
        self.host(host).activation = activation;
        Some(())
    }

    pub(super) fn claim(&mut self, host: HostNumber) -> Option<()> {
        let epoch = self.store_claim(host)?;
        self.host(host).activation = epoch.map_or(Activation::None, |epoch| Activation::Claimed { epoch });
        Some(())
    }

    pub(super) fn claim_unheard(&mut self, host: HostNumber) -> Option<()> {
        spend(&mut self.left.losses)?;
        self.leave_commit(host);
        let Activation::Claiming { .. } = self.host(host).activation else {
            return None;
        };
        self.host(host).activation = Activation::None;
        Some(())
    }

    pub(super) fn store_claim(&mut self, host: HostNumber) -> Option<Option<Revision>> {
        let Activation::Claiming { expects } = self.host(host).activation else {
            return None;
        };
        let session = self.host(host).session?.number;
        Some(self.store.apply(Write::Directory {
            expects,
            owner: Owner { host, session },
            by_move: None,
        }))
    }

    pub(super) fn read_state(&mut self, host: HostNumber, flaw: Option<Flaw>) -> Option<()> {
        let Activation::Claimed { epoch } = self.host(host).activation else {
            return None;
        };
        let StateRecord {
            epoch: written,
            image,
            revision,
        } = self.store.state;
        self.host(host).activation = if written > epoch && flaw != Some(Flaw::FencesOverNewerEpoch) {
            Activation::None
        } else if flaw == Some(Flaw::NoFenceWrite) {
            Activation::Serving {
                copy: Copy { epoch, revision, image },
                commit: None,
            }
        } else {
            Activation::Fencing {
                epoch,
                expects: revision,
                image,
            }
        };
        Some(())
    }

    pub(super) fn fence_state(&mut self, host: HostNumber) -> Option<()> {
        let Activation::Fencing { epoch, expects, image } = self.host(host).activation else {
            return None;
        };
        self.host(host).activation = match self.store.apply(Write::State { expects, epoch, image }) {
            Some(revision) => Activation::Serving {
                copy: Copy { epoch, revision, image },
                commit: None,
            },
            None => Activation::Claimed { epoch },
        };
        Some(())
    }

    pub(super) fn fence_state_unheard(&mut self, host: HostNumber) -> Option<()> {
        let Activation::Fencing { epoch, .. } = self.host(host).activation else {
            return None;
        };
        spend(&mut self.left.losses)?;
        self.leave_commit(host);
        self.host(host).activation = Activation::Claimed { epoch };
        Some(())
    }
}
