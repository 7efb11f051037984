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
    /// Whether its source has said that it is ours now.
    switched: bool,
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
        let staged = Staged {
            id,
            awake,
            since,
            switched: false,
        };
        let before = self.staged.lock().insert(actor.clone(), staged);
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
        let ours = {
            let mut staged = self.staged.lock();
            let staged = staged.get_mut(&actor);
            let ours = staged.filter(|staged| staged.id == id && staged.awake.standing.id == session);
            ours.map(|staged| (staged.awake.revision, staged.switched) = (revision, true))
                .is_some()
        };
        if ours {
            self.begin_switched(&actor);
        } else {
            // Without it the first call wakes it from its record.
            self.forget_staged(&actor);
        }
        Ok(Bytes::new())
    }

    /// Whether an actor is staged here that is ours.
    pub(crate) fn has_switched(&self, actor: &KeyedActor) -> bool {
        self.staged.lock().get(actor).is_some_and(|staged| staged.switched)
    }

    /// Hands out an actor that is staged here and is ours.
    pub(crate) fn take_switched(&self, actor: &KeyedActor) -> Option<Awake> {
        let mut staged = self.staged.lock();
        let ours = staged.get(actor).is_some_and(|staged| staged.switched);
        ours.then(|| staged.remove(actor)).flatten().map(|staged| staged.awake)
    }

    /// Hands out what is staged for an actor that is ours by this record, if it was staged with it: a caller may come before the source's word.
    /// Anything else that is staged is older, and is let go.
    pub(crate) fn adopt_staged(self: &Arc<Self>, actor: &KeyedActor, record: &Record, revision: u64) -> Option<Awake> {
        let staged = self.staged.lock().remove(actor)?;
        if staged.awake.record.is_as_written(record) {
            let record = record.clone();
            return Some(Awake {
                record,
                revision,
                ..staged.awake
            });
        }
        self.let_go(Some(staged));
        None
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
