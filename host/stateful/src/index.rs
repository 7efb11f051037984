//! When the first reminder of each actor is due, so that one at rest is woken in time, and one whose host is lost as well.
//!
//! An actor's own record is what counts. The index only says when to look, and never later than there is something to see: it is written before
//! the record that makes it necessary.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use lattice_bus::{Bucket, BucketConfig, BucketEvent, Bus, CasError, Entry, Operation, StateError};
use lattice_core::{KeyedActor, LatticeId, subject};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::clock::now_ms;
use crate::runtime::Shared;
use crate::store::StoreError;

/// How much later than the host before it each next host looks after a reminder.
const RANK_DELAY_MS: u64 = 3_000;
/// Before a look that failed is made again.
const AGAIN_MS: u64 = 2_000;
/// Looks at a time.
const LOOKS: usize = 32;
/// The longest sleep.
const SLEEP_MAX: Duration = Duration::from_secs(3600);

/// The index in its bucket.
#[derive(Debug)]
pub(crate) struct Index {
    bus: Bus,
    lattice: LatticeId,
    bucket: OnceCell<Bucket>,
}

impl Index {
    pub(crate) fn new(bus: Bus, lattice: LatticeId) -> Self {
        Self {
            bus,
            lattice,
            bucket: OnceCell::new(),
        }
    }

    /// Says that an actor has to be looked at by then.
    pub(crate) async fn note(&self, actor: &KeyedActor, due_ms: u64) -> Result<(), StoreError> {
        let noted = async {
            let bucket = self.bucket().await?;
            bucket.put(&actor.record_key(), due_ms.to_string().into()).await
        };
        noted.await.map(drop).map_err(|source| StoreError::Unavailable {
            actor: actor.clone(),
            source,
        })
    }

    /// Says when to look again, unless the actor has said something else meanwhile.
    async fn revise(&self, actor: &KeyedActor, revision: u64, next_ms: Option<u64>) -> Result<(), CasError> {
        let bucket = self.bucket().await?;
        let key = actor.record_key();
        let revised = match next_ms {
            Some(next) => bucket.update(&key, next.to_string().into(), revision).await,
            None => bucket.delete(&key, Some(revision)).await,
        };
        match revised {
            Ok(_) | Err(CasError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn bucket(&self) -> Result<&Bucket, StateError> {
        self.bucket
            .get_or_try_init(async || {
                let name = subject::buckets(&self.lattice).reminders;
                let config = BucketConfig::new(name).description("when the first reminder of a stateful actor is due");
                self.bus.bucket(config).await
            })
            .await
    }
}

/// What is known of the index, in order of time.
#[derive(Default)]
struct Agenda {
    by_actor: HashMap<KeyedActor, (u64, u64)>,
    by_time: BTreeSet<(u64, KeyedActor)>,
}

impl Agenda {
    fn take_in(&mut self, entry: &Entry) {
        let Ok(actor) = KeyedActor::from_record_key(&entry.key) else {
            return;
        };
        self.remove(&actor);
        let due = str::from_utf8(&entry.value)
            .ok()
            .and_then(|text| text.parse::<u64>().ok());
        if let (Operation::Put, Some(due)) = (entry.operation, due) {
            self.by_actor.insert(actor.clone(), (due, entry.revision));
            self.by_time.insert((due, actor));
        }
    }

    fn remove(&mut self, actor: &KeyedActor) {
        if let Some((due, _)) = self.by_actor.remove(actor) {
            self.by_time.remove(&(due, actor.clone()));
        }
    }

    /// Takes out an actor that is to be looked at by now.
    fn pop_due(&mut self, now: u64) -> Option<(KeyedActor, u64)> {
        let (due, actor) = self.by_time.first()?.clone();
        if due > now {
            return None;
        }
        let (_, revision) = self.by_actor.get(&actor).copied()?;
        self.remove(&actor);
        Some((actor, revision))
    }

    /// Puts an actor back that could not be looked at, or not yet by us.
    fn put_back(&mut self, actor: KeyedActor, revision: u64, due: u64) {
        if !self.by_actor.contains_key(&actor) {
            self.by_actor.insert(actor.clone(), (due, revision));
            self.by_time.insert((due, actor));
        }
    }

    fn next(&self) -> Option<u64> {
        self.by_time.first().map(|(due, _)| *due)
    }
}

/// What came of a look.
struct Looked {
    actor: KeyedActor,
    revision: u64,
    next_ms: Result<Option<u64>, ()>,
}

/// Looks after reminders until `closing`. All hosts know the whole index; the one that an actor would live on looks first, the others later,
/// should nothing have come of it.
pub(crate) async fn look_after(shared: Arc<Shared>, closing: CancellationToken) {
    let bucket = loop {
        match shared.index.bucket().await {
            Ok(bucket) => break bucket,
            Err(error) => debug!(%error, "the index of reminders cannot be opened yet"),
        }
        if closing
            .run_until_cancelled(tokio::time::sleep(Duration::from_secs(1)))
            .await
            .is_none()
        {
            return;
        }
    };
    let mut watch = bucket.watch_all();
    let mut agenda = Agenda::default();
    let mut looks = tokio::task::JoinSet::new();
    loop {
        let wait = agenda.next().map_or(SLEEP_MAX, |due| {
            Duration::from_millis(due.saturating_sub(now_ms())).min(SLEEP_MAX)
        });
        tokio::select! {
            () = closing.cancelled() => return,
            event = watch.recv() => match event {
                Some(BucketEvent::Entry(entry)) => agenda.take_in(&entry),
                Some(_) => {}
                None => return,
            },
            Some(looked) = looks.join_next() => if let Ok(looked) = looked {
                settle(&shared, &mut agenda, looked).await;
            },
            () = tokio::time::sleep(wait), if looks.len() < LOOKS => {
                if let Some((actor, revision)) = agenda.pop_due(now_ms()) {
                    looks.spawn(look(Arc::clone(&shared), actor, revision));
                }
            }
        }
    }
}

async fn look(shared: Arc<Shared>, actor: KeyedActor, revision: u64) -> Looked {
    let rank = shared.rank(&actor);
    if rank > 0 {
        let wait = RANK_DELAY_MS * u64::try_from(rank).unwrap_or(u64::MAX).min(20);
        tokio::time::sleep(Duration::from_millis(wait)).await;
        // If somebody has seen to it the index says something else by now.
        let still = async {
            let bucket = shared.index.bucket().await.ok()?;
            let entry = bucket.get(&actor.record_key()).await.ok()??;
            (entry.revision == revision).then_some(())
        };
        if still.await.is_none() {
            return Looked {
                actor,
                revision: 0,
                next_ms: Ok(None),
            };
        }
    }
    let next_ms = shared.look(&actor).await.map_err(|fault| {
        debug!(%actor, %fault, "its reminders cannot be looked after now");
    });
    Looked {
        actor,
        revision,
        next_ms,
    }
}

async fn settle(shared: &Shared, agenda: &mut Agenda, looked: Looked) {
    let Looked {
        actor,
        revision,
        next_ms,
    } = looked;
    if revision == 0 {
        return;
    }
    let revised = match next_ms {
        Ok(next_ms) => shared.index.revise(&actor, revision, next_ms).await.is_ok(),
        Err(()) => false,
    };
    if !revised {
        agenda.put_back(actor, revision, now_ms() + AGAIN_MS);
    }
}
