//! The target's part of a move.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use lattice_core::stateful::{Cause, StopReason};
use lattice_core::{Fault, FaultKind, KeyedActor};

use super::wire::{self, About, Prepare, Prepared, Stage, Switch};
use crate::activation::{Awake, instance, unavailable};
use crate::record::{Record, State, Stored};
use crate::runtime::Shared;

/// An actor that is awake here and not ours yet.
pub(crate) struct Staged {
    /// Which move it belongs to. One that was given up may still be staged when the next is.
    id: u64,
    awake: Awake,
    since: Instant,
}

/// Large state that was fetched ahead of a move.
#[derive(Debug)]
pub(crate) struct Prefetched {
    stored: Stored,
    state: State,
    since: Instant,
}

impl Shared {
    /// Says in which session an actor would be ours, and fetches its state if that is large.
    pub(crate) async fn prepare(&self, body: &[u8]) -> Result<Bytes, Fault> {
        let Prepare { actor, state } = wire::decode(body)?;
        let kind = self.kind(&actor.name).ok_or_else(|| {
            let fault = format!("actor `{}` does not run on host {}", actor.name, self.me);
            Fault::new(FaultKind::NotFound, fault)
        })?;
        if self.closing.is_cancelled() {
            return Err(Fault::new(FaultKind::Draining, format!("host {} is stopping", self.me)));
        }
        // It may be back before that is forgotten.
        self.moved.lock().remove(&actor);
        if matches!(state, Stored::Object { .. }) {
            // Should it change meanwhile, what counts is fetched later.
            let fetched = self.store.get_state(&actor, &state).await;
            if let Ok(fetched) = fetched {
                let since = Instant::now();
                let prefetched = Prefetched {
                    stored: state,
                    state: fetched,
                    since,
                };
                let mut all = self.prefetched.lock();
                all.retain(|_, one| one.since.elapsed() < self.timing.staging);
                all.insert(actor, prefetched);
            }
        }
        Ok(wire::encode(&Prepared {
            session: self.session.current().await.id,
            component: kind.component(),
        }))
    }

    /// Wakes an actor that is not ours yet.
    pub(crate) async fn stage(self: &Arc<Self>, body: &[u8]) -> Result<Bytes, Fault> {
        let Stage {
            id,
            actor,
            session,
            record,
        } = wire::decode(body)?;
        let record = Record::decode(&record)
            .map_err(|error| Fault::new(FaultKind::BadArguments, format!("the record cannot be read: {error}")))?;
        let standing = self.session.current().await;
        let me = self.as_owner(standing.id);
        if standing.id != session || record.owner.as_ref() != Some(&me) {
            return Err(Fault::new(
                FaultKind::Denied,
                "this host has begun another session meanwhile",
            ));
        }
        let kind = self
            .kind(&actor.name)
            .ok_or_else(|| Fault::new(FaultKind::NotFound, format!("actor `{}` runs here no more", actor.name)))?;
        let prefetched = self.prefetched.lock().remove(&actor);
        let state = match prefetched {
            Some(prefetched) if prefetched.stored == record.state => prefetched.state,
            _ => {
                let fetched = self.store.get_state(&actor, &record.state).await;
                fetched.map_err(|error| unavailable(&crate::chain(&error)))?
            }
        };
        let instance = instance(&kind, &actor, &record, &state, Cause::Migrated)
            .await
            .map_err(|error| Fault::new(FaultKind::Denied, error.to_string()))?;
        let awake = Awake {
            actor: actor.clone(),
            instance,
            standing,
            record,
            state,
            revision: 0,
        };
        let since = Instant::now();
        let before = self.staged.lock().insert(actor.clone(), Staged { id, awake, since });
        self.let_go(before);
        self.drop_when_stale(actor, since);
        Ok(Bytes::new())
    }

    /// A staged actor is ours: it acts.
    pub(crate) fn switch(self: &Arc<Self>, body: &[u8]) -> Result<Bytes, Fault> {
        let Switch {
            id,
            actor,
            session,
            revision,
        } = wire::decode(body)?;
        let staged = self.staged.lock().remove(&actor);
        match staged {
            Some(mut staged) if staged.id == id && staged.awake.standing.id == session => {
                staged.awake.revision = revision;
                self.begin_staged(staged.awake);
            }
            // Without it the first call wakes it from its record.
            other => self.let_go(other),
        }
        Ok(Bytes::new())
    }

    /// Nothing comes of it.
    pub(crate) fn unstage(self: &Arc<Self>, body: &[u8]) -> Result<Bytes, Fault> {
        let About { actor } = wire::decode(body)?;
        self.forget_staged(&actor);
        Ok(Bytes::new())
    }

    /// Lets go of what is staged for an actor.
    pub(crate) fn forget_staged(self: &Arc<Self>, actor: &KeyedActor) {
        let staged = self.staged.lock().remove(actor);
        self.let_go(staged);
    }

    fn let_go(self: &Arc<Self>, staged: Option<Staged>) {
        if let Some(staged) = staged {
            let deadline = Instant::now() + self.timing.staging;
            self.tasks
                .spawn(staged.awake.instance.rest(StopReason::Moving, deadline));
        }
    }

    fn drop_when_stale(self: &Arc<Self>, actor: KeyedActor, since: Instant) {
        let (shared, closing) = (Arc::clone(self), self.closing.clone());
        self.tasks.spawn(async move {
            closing
                .run_until_cancelled(tokio::time::sleep(shared.timing.staging))
                .await;
            let stale = {
                let mut staged = shared.staged.lock();
                match staged.get(&actor) {
                    Some(one) if one.since == since => staged.remove(&actor),
                    _ => None,
                }
            };
            shared.let_go(stale);
        });
    }
}
