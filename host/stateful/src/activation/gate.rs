//! The output gate: answers that must not leave yet.

use std::sync::Arc;

use lattice_core::stateful::Lane;
use lattice_core::{Fault, KeyedActor};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::not_counted;
use crate::ports::Answer;
use crate::runtime::Shared;
use crate::session::Lease;

/// An answer that is held back, and who waits for it.
#[derive(Debug)]
pub(crate) struct Held {
    /// The call; none for a turn that nobody waits for, as that of a reminder.
    pub(super) call: Option<(Uuid, Lane)>,
    pub(super) answer: Answer,
    pub(super) waiting: Vec<oneshot::Sender<Result<Answer, Fault>>>,
}

impl Held {
    /// Lets the answer go.
    pub(super) fn release(self) {
        for waiting in self.waiting {
            // Whoever gave up does not matter.
            let _ = waiting.send(Ok(self.answer.clone()));
        }
    }

    /// Lets the answer go once the session vouches for it. Does not wait.
    pub(super) fn release_when_vouched(self, actor: &KeyedActor, shared: &Arc<Shared>, session: u64, lease: Lease) {
        if self.waiting.is_empty() {
            return;
        }
        if let Some(vouched) = shared.session.vouches(session, lease) {
            return if vouched { self.release() } else { self.take_back(actor) };
        }
        let (at, actor) = (Arc::clone(shared), actor.clone());
        shared.tasks.spawn(async move {
            if at.session.vouch(session, lease).await {
                self.release();
            } else {
                self.take_back(&actor);
            }
        });
    }

    /// The turn does not count.
    pub(crate) fn take_back(self, actor: &KeyedActor) {
        self.fail(&not_counted(actor, None));
    }

    pub(super) fn fail(self, fault: &Fault) {
        for waiting in self.waiting {
            let _ = waiting.send(Err(fault.clone()));
        }
    }
}
