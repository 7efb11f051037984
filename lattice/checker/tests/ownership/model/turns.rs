//! Additions: executed, stored, acknowledged.

use super::{State, spend};
use crate::host::{Activation, Commit, CommitAnswer, Copy};
use crate::records::{HostNumber, Write};

impl State {
    pub(super) fn execute(&mut self, host: HostNumber, call: u8) -> Option<()> {
        let Activation::Serving {
            copy,
            commit: commit @ None,
        } = &mut self.host(host).activation
        else {
            return None;
        };
        if copy.image.has_answer(call) {
            return None;
        }
        *commit = Some(Commit {
            call,
            answer: CommitAnswer::None,
        });
        Some(())
    }

    pub(super) fn store_commit(&mut self, host: HostNumber) -> Option<()> {
        let Activation::Serving {
            copy,
            commit: Some(Commit {
                call,
                answer: CommitAnswer::None,
            }),
        } = self.host(host).activation
        else {
            return None;
        };
        let write = Write::State {
            expects: copy.revision,
            epoch: copy.epoch,
            image: copy.image.with(call),
        };
        let answer = self
            .store
            .apply(write)
            .map_or(CommitAnswer::Refused, CommitAnswer::Stored);
        self.host(host).activation = Activation::Serving {
            copy,
            commit: Some(Commit { call, answer }),
        };
        Some(())
    }

    pub(super) fn hear_commit(&mut self, host: HostNumber) -> Option<()> {
        let Activation::Serving {
            copy,
            commit: Some(Commit { call, answer }),
        } = self.host(host).activation
        else {
            return None;
        };
        let activation = match answer {
            CommitAnswer::None => return None,
            CommitAnswer::Refused => Activation::None,
            CommitAnswer::Stored(revision) => {
                self.acknowledged |= 1 << call;
                Activation::Serving {
                    copy: Copy {
                        revision,
                        image: copy.image.with(call),
                        ..copy
                    },
                    commit: None,
                }
            }
        };
        self.host(host).activation = activation;
        Some(())
    }

    pub(super) fn give_up_commit(&mut self, host: HostNumber) -> Option<()> {
        let Activation::Serving { commit: Some(_), .. } = self.host(host).activation else {
            return None;
        };
        spend(&mut self.left.losses)?;
        self.leave_commit(host);
        self.host(host).activation = Activation::None;
        Some(())
    }

    pub(super) fn answer_again(&mut self, host: HostNumber, call: u8) -> Option<()> {
        let known = self
            .host(host)
            .serving()
            .is_some_and(|copy| copy.image.has_answer(call));
        if !known || self.is_acknowledged(call) {
            return None;
        }
        self.acknowledged |= 1 << call;
        Some(())
    }
}
