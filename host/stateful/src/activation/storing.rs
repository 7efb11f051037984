//! Writing an actor's record: what is ahead becomes what is stored.

use std::sync::Arc;
use std::time::Instant;

use lattice_core::stateful::Saved;
use lattice_core::{Durability, Fault, FaultKind, KeyedActor};

use super::gate::Held;
use super::{Activation, End, Worker, unavailable};
use crate::record::{Record, Stored};
use crate::store::SwapError;

/// A write on its way.
#[derive(Debug)]
pub(crate) struct Storing {
    /// The turns that it contains.
    pub(super) batch: Vec<Held>,
    task: Worker<Outcome>,
}

/// What came of a write: the record as written, and its revision.
pub(super) type Outcome = Result<(Box<Record>, u64), SwapError>;

impl Storing {
    /// The turns in it may or may not count: their calls are made again, and answered from the record if they do.
    pub(super) fn take_back(self, actor: &KeyedActor) {
        for held in self.batch {
            held.take_back(actor);
        }
    }
}

/// Waits for a write; for ever if there is none.
///
/// Cancel safe: the write stays where it is until it is done.
pub(super) async fn done(storing: &mut Option<Storing>) -> Outcome {
    match storing {
        None => std::future::pending().await,
        Some(storing) => (&mut storing.task).await.unwrap_or_else(|_| Err(SwapError::Overtaken)),
    }
}

impl Activation {
    /// Whether there is something that has to be stored now.
    pub(super) fn wants_storing(&self) -> bool {
        match self.kind.policy().durability {
            Durability::Commit => !self.ahead.is_empty() || self.owes && self.letters.is_idle(),
            Durability::Checkpoint(every_ms) => self
                .dirty_since
                .is_some_and(|since| since.elapsed().as_millis() >= u128::from(every_ms)),
            Durability::Volatile => false,
        }
    }

    /// Has the actor write itself down, and begins a write if anything has changed.
    pub(super) async fn begin_storing(&mut self) -> Result<(), End> {
        let state_changed = match self.write_down().await {
            Ok(changed) => changed,
            Err(fault) => {
                // The answers would promise what cannot be kept. What was stored before still counts.
                self.warn("an actor cannot be saved", &fault);
                for held in std::mem::take(&mut self.ahead) {
                    held.fail(&fault);
                }
                return Err(End::Lost("it cannot be saved"));
            }
        };
        let batch = std::mem::take(&mut self.ahead);
        self.dirty_since = None;
        if !state_changed && !self.owes {
            for held in batch {
                self.release_read(held);
            }
            return Ok(());
        }
        let now_ms = Self::now_ms();
        for held in &batch {
            if let Some((call, lane)) = &held.call {
                self.now.answers.keep(*call, lane, &held.answer, now_ms);
            }
        }
        (self.unsaved, self.owes) = (false, false);
        self.now.version += 1;
        self.now.component = Some(self.kind.component());
        self.storing = Some(Storing {
            batch,
            task: self.write(state_changed),
        });
        Ok(())
    }

    /// Has the actor write itself down. Says whether its state has changed, cells included.
    pub(crate) async fn write_down(&mut self) -> Result<bool, Fault> {
        match self.instance.save(Self::housekeeping()).await? {
            Saved::Image(image) => {
                self.state.image = Some(image);
                self.unsaved = true;
            }
            Saved::Unchanged | Saved::NotOffered => {}
            Saved::Refused(refusal) => {
                let fault = format!("`{}` will not be saved: {refusal}", self.actor);
                return Err(Fault::new(FaultKind::Trap, fault));
            }
        }
        let (bytes, max) = (self.state.bytes(), self.kind.policy().state_bytes_max);
        if bytes > max {
            let fault = format!("the state of `{}` has {bytes} bytes and may have {max}", self.actor);
            return Err(Fault::new(FaultKind::TooLarge, fault).blaming(lattice_core::Blame::Guest));
        }
        Ok(self.unsaved)
    }

    fn write(&mut self, state_changed: bool) -> Worker<Outcome> {
        let (shared, actor) = (Arc::clone(&self.shared), self.actor.clone());
        let (mut record, revision) = (Box::new(self.now.clone()), self.revision);
        let state = state_changed.then(|| self.state.clone());
        let index = self.index_before_storing();
        Worker::new(self.shared.tasks.spawn(async move {
            if let Some(due_ms) = index {
                shared.index.note(&actor, due_ms).await.map_err(SwapError::Store)?;
            }
            if let Some(state) = state {
                record.state = shared.store.put_state(&actor, &state).await?;
            }
            let written = shared.store.swap(&actor, &mut record, revision).await?;
            Ok((record, written))
        }))
    }

    /// A write is done, or was not.
    pub(super) fn stored(&mut self, outcome: Outcome) -> Result<(), End> {
        let Some(storing) = self.storing.take() else {
            return Ok(());
        };
        match outcome {
            Ok((record, revision)) => {
                self.revision = revision;
                let former = std::mem::replace(&mut self.now.state, record.state);
                self.collect(former);
                for held in storing.batch {
                    held.release();
                }
                self.letters.settle(&record.outbox);
                self.letters.post(record.outbox.waiting());
                Ok(())
            }
            Err(SwapError::Overtaken) => {
                storing.take_back(&self.actor);
                Err(End::Lost("another host has it"))
            }
            Err(SwapError::Store(error)) => {
                self.warn("an actor cannot be stored", &error);
                let fault = unavailable(&error);
                for held in storing.batch {
                    held.fail(&fault);
                }
                Err(End::Lost("it cannot be stored"))
            }
        }
    }

    /// Forgets a former state. Nobody waits for that.
    pub(super) fn collect(&self, former: Stored) {
        if !matches!(former, Stored::Object { .. }) || former == self.now.state {
            return;
        }
        let (shared, actor, current) = (Arc::clone(&self.shared), self.actor.clone(), self.now.state.clone());
        self.shared.tasks.spawn(async move {
            shared.store.collect(&actor, &former, &current).await;
        });
    }

    /// When the state that is not stored is to be.
    pub(super) fn checkpoint_at(&self) -> Option<Instant> {
        match self.kind.policy().durability {
            Durability::Checkpoint(every_ms) => self
                .dirty_since
                .map(|since| since + std::time::Duration::from_millis(every_ms)),
            Durability::Commit | Durability::Volatile => None,
        }
    }
}
