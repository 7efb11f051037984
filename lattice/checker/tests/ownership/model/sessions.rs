//! Sessions: renewed, waited out, fenced, opened again.

use super::{Flaw, State, Steal, spend};
use crate::host::{Activation, Commit, CommitAnswer, Session};
use crate::records::{HostNumber, Owner, SessionRecord, Write};

impl State {
    pub(super) fn renew(&mut self, host: HostNumber) -> Option<()> {
        let mut session = self.host(host).session?;
        let wanted = self.is_wanted(host);
        let record = &mut self.store.sessions[usize::from(host)];
        // Where nobody waits for it to end, a renewal changes nothing.
        if !wanted && !record.fenced && record.revision == session.revision {
            return None;
        }
        if record.fenced {
            self.leave_commit(host);
            self.host(host).forget();
            return Some(());
        }
        if record.revision == session.revision {
            spend(&mut self.left.renewals)?;
            record.revision += 1;
            session.leased = true;
            self.give_up_steal(host);
        }
        // Else an earlier renewal of its own was stored unheard: nobody else writes the record but to fence it.
        session.revision = self.store.sessions[usize::from(host)].revision;
        self.host(host).session = Some(session);
        Some(())
    }

    pub(super) fn renew_unheard(&mut self, host: HostNumber) -> Option<()> {
        let session = self.host(host).session?;
        let wanted = self.is_wanted(host);
        let record = &mut self.store.sessions[usize::from(host)];
        if record.revision != session.revision || !wanted {
            return None;
        }
        spend(&mut self.left.renewals)?;
        spend(&mut self.left.losses)?;
        record.revision += 1;
        self.give_up_steal(host);
        Some(())
    }

    pub(super) fn is_wanted(&self, host: HostNumber) -> bool {
        self.steal.is_some_and(|steal| steal.from == host)
    }

    /// A renewal makes it certain that fencing will be refused, so there is nothing to wait for.
    pub(super) fn give_up_steal(&mut self, from: HostNumber) {
        self.steal.take_if(|steal| steal.from == from);
    }

    pub(super) fn open_session(&mut self, host: HostNumber) -> Option<()> {
        if self.host(host).session.is_some() {
            return None;
        }
        let record = &mut self.store.sessions[usize::from(host)];
        let (number, revision) = (record.number + 1, record.revision + 1);
        *record = SessionRecord {
            number,
            fenced: false,
            revision,
        };
        self.host(host).session = Some(Session {
            number,
            revision,
            leased: true,
        });
        self.give_up_steal(host);
        Some(())
    }

    pub(super) fn crash(&mut self, host: HostNumber) -> Option<()> {
        self.host(host).session?;
        spend(&mut self.left.crashes)?;
        self.leave_commit(host);
        self.host(host).forget();
        Some(())
    }

    /// What a host has sent is on its way, whatever becomes of the host.
    pub(super) fn leave_commit(&mut self, host: HostNumber) {
        let write = match self.host(host).activation {
            Activation::Serving {
                copy,
                commit:
                    Some(Commit {
                        call,
                        answer: CommitAnswer::None,
                    }),
            } => Write::State {
                expects: copy.revision,
                epoch: copy.epoch,
                image: copy.image.with(call),
            },
            Activation::Fencing { epoch, expects, image } => Write::State { expects, epoch, image },
            Activation::Claiming { expects } => {
                let Some(Session { number: session, .. }) = self.host(host).session else {
                    return;
                };
                Write::Directory {
                    expects,
                    owner: Owner { host, session },
                    by_move: None,
                }
            }
            _ => return,
        };
        self.store.leave(write);
    }

    pub(super) fn suspect(&mut self, host: HostNumber) -> Option<()> {
        let record = self.store.sessions[usize::from(host)];
        // Nobody wants a session ended that owns nothing.
        let owns = self
            .store
            .directory
            .owner
            .is_some_and(|owner| owner.host == host && owner.session == record.number);
        if self.steal.is_some() || record.fenced || !owns {
            return None;
        }
        spend(&mut self.left.steals)?;
        self.steal = Some(Steal {
            from: host,
            waited: false,
        });
        Some(())
    }

    pub(super) fn wait_out_lease(&mut self) -> Option<()> {
        let steal = self.steal.as_mut().filter(|steal| !steal.waited)?;
        steal.waited = true;
        // Its last acknowledged renewal was stored before the wait began, and sent before that: else the steal had been given up.
        let from = steal.from;
        if let Some(session) = &mut self.host(from).session {
            session.leased = false;
        }
        Some(())
    }

    pub(super) fn fence_session(&mut self, flaw: Option<Flaw>) -> Option<()> {
        let waited = |steal: &mut Steal| steal.waited || flaw == Some(Flaw::NoLeaseWait);
        let steal = self.steal.take_if(waited)?;
        let record = &mut self.store.sessions[usize::from(steal.from)];
        *record = SessionRecord {
            fenced: true,
            revision: record.revision + 1,
            ..*record
        };
        Some(())
    }
}
