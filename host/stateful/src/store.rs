//! Reading and writing the records of actors.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lattice_bus::{Bucket, BucketConfig, Bus, CasError, ObjectError, ObjectStore, StateError};
use lattice_core::{Digest, KeyedActor, LatticeId, SiteName, subject};
use tokio::sync::OnceCell;
use tracing::{debug, warn};

use crate::random;
use crate::record::{MalformedRecord, Record, State, Stored};

/// Streams that the records are dealt out over: each has its own leader and its own disk queue.
const SHARDS: usize = 8;
/// The longest state that lies in the record itself. With what else is in the record it has to fit a message, 1 MiB by default.
const INLINE_MAX: usize = 256 << 10;
/// The longest object that is read back.
const OBJECT_MAX: u64 = 4 << 30;
/// Before a write of unknown outcome is looked after again.
const RETRY: Duration = Duration::from_millis(50);

/// The records of all actors of a lattice. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    bus: Bus,
    lattice: LatticeId,
    /// Where large states are.
    states: String,
    shards: [OnceCell<Bucket>; SHARDS],
    objects: OnceCell<ObjectStore>,
}

/// A record that cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// JetStream does not do it now.
    #[error("the state of `{actor}` cannot be reached")]
    Unavailable {
        /// Whose.
        actor: KeyedActor,
        /// Why.
        #[source]
        source: StateError,
    },
    /// What is stored is not what this host can read.
    #[error("the record of `{actor}` is damaged or newer than this host: {why}")]
    Damaged {
        /// Whose.
        actor: KeyedActor,
        /// How.
        why: String,
    },
    /// State too large for a record cannot be read or written.
    #[error("the state of `{actor}` cannot be reached")]
    Object {
        /// Whose.
        actor: KeyedActor,
        /// Why.
        #[source]
        source: ObjectError,
    },
}

/// A write that was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SwapError {
    /// Somebody else wrote it since: it is not ours any more.
    #[error("somebody else has written it since")]
    Overtaken,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// The records in the domain of `bus`, which is that of `site` if there is one.
    pub(crate) fn new(bus: Bus, lattice: LatticeId, site: Option<&SiteName>) -> Self {
        Self(Arc::new(Inner {
            states: subject::states(&lattice, site),
            bus,
            lattice,
            shards: std::array::from_fn(|_| OnceCell::new()),
            objects: OnceCell::new(),
        }))
    }

    /// The last word on an actor, from the leader of its bucket, and its revision; 0 for none.
    pub(crate) async fn read(&self, actor: &KeyedActor) -> Result<(Option<Record>, u64), StoreError> {
        let read = async {
            let shard = self.shard(actor).await?;
            shard.last(&actor.record_key()).await
        };
        let Some(entry) = read.await.map_err(|source| unavailable(actor, source))? else {
            return Ok((None, 0));
        };
        if !entry.is_live() {
            return Ok((None, entry.revision));
        }
        let record = Record::decode(&entry.value).map_err(|error| damaged(actor, &error))?;
        Ok((Some(record), entry.revision))
    }

    /// Writes a record over the revision `expected`, and returns its revision. Does not return before it is certain whether the write was done.
    pub(crate) async fn swap(&self, actor: &KeyedActor, record: &mut Record, expected: u64) -> Result<u64, SwapError> {
        record.nonce = random::number();
        let (key, value) = (actor.record_key(), record.encode());
        // Once a try has left without an answer it may yet be done: only a write or a conflict ends the doubt.
        let mut doubtful = false;
        loop {
            let shard = match self.shard(actor).await {
                Ok(shard) => shard,
                Err(error) if doubtful => {
                    debug!(%actor, %error, "a write is tried again");
                    tokio::time::sleep(RETRY).await;
                    continue;
                }
                Err(source) => return Err(unavailable(actor, source).into()),
            };
            match self.write(shard, &key, value.clone(), expected).await {
                Ok(revision) => return Ok(revision),
                Err(CasError::Conflict { .. }) => {
                    // An earlier try may be what it meets.
                    let found = self.read(actor).await;
                    let Ok((found, revision)) = found else {
                        tokio::time::sleep(RETRY).await;
                        continue;
                    };
                    let ours = found.is_some_and(|found| found.nonce == record.nonce);
                    return if ours { Ok(revision) } else { Err(SwapError::Overtaken) };
                }
                Err(CasError::State(error)) if doubtful || error.outcome_unknown() || error.is_unavailable() => {
                    // Tried again it does no harm: of two writes over one revision one is refused.
                    doubtful |= error.outcome_unknown();
                    debug!(%actor, %error, "a write is tried again");
                    tokio::time::sleep(RETRY).await;
                }
                Err(CasError::State(source)) => return Err(unavailable(actor, source).into()),
            }
        }
    }

    #[cfg(not(feature = "sabotage"))]
    async fn write(&self, shard: &Bucket, key: &str, value: Bytes, expected: u64) -> Result<u64, CasError> {
        shard.update(key, value, expected).await
    }

    /// Without the fence: whoever writes last wins.
    #[cfg(feature = "sabotage")]
    async fn write(&self, shard: &Bucket, key: &str, value: Bytes, expected: u64) -> Result<u64, CasError> {
        if crate::sabotage::is_without_fence() {
            return Ok(shard.put(key, value).await?);
        }
        shard.update(key, value, expected).await
    }

    /// Puts state where it belongs: into the record if it is small, into the object store otherwise.
    pub(crate) async fn put_state(&self, actor: &KeyedActor, state: &State) -> Result<Stored, StoreError> {
        let bytes = state.encode();
        if bytes.len() <= INLINE_MAX {
            return Ok(Stored::Inline(bytes));
        }
        let digest = Digest::of(&bytes);
        let length = bytes.len() as u64;
        let put = async {
            let objects = self.objects().await?;
            objects.put(&object_name(actor, &digest), bytes).await
        };
        put.await.map_err(|source| object(actor, source))?;
        Ok(Stored::Object { digest, bytes: length })
    }

    /// Fetches the state that a record speaks of.
    pub(crate) async fn get_state(&self, actor: &KeyedActor, stored: &Stored) -> Result<State, StoreError> {
        let bytes = match stored {
            Stored::Nothing => return Ok(State::default()),
            Stored::Inline(bytes) => bytes.clone(),
            Stored::Object { digest, .. } => {
                let get = async {
                    let objects = self.objects().await?;
                    objects.get(&object_name(actor, digest), OBJECT_MAX).await
                };
                let bytes = get.await.map_err(|source| object(actor, source))?;
                if Digest::of(&bytes) != *digest {
                    return Err(StoreError::Damaged {
                        actor: actor.clone(),
                        why: format!("object {digest} has other bytes"),
                    });
                }
                bytes
            }
        };
        State::decode(&bytes).map_err(|error| damaged(actor, &error))
    }

    /// Forgets state that no record speaks of any more. Best effort.
    pub(crate) async fn collect(&self, actor: &KeyedActor, former: &Stored, current: &Stored) {
        let Stored::Object { digest, .. } = former else { return };
        if former == current {
            return;
        }
        let collected = async {
            let objects = self.objects().await?;
            objects.delete(&object_name(actor, digest)).await
        };
        if let Err(error) = collected.await {
            warn!(%actor, %digest, %error, "a former state was not collected");
        }
    }

    async fn shard(&self, actor: &KeyedActor) -> Result<&Bucket, StateError> {
        let at = usize::try_from(actor.hash64() % SHARDS as u64).expect("less than the number of shards");
        self.0.shards[at]
            .get_or_try_init(async || {
                let name = subject::buckets(&self.0.lattice).actors(at);
                let config = BucketConfig::new(name).description("stateful actors: who owns each, and its state");
                self.0.bus.bucket(config).await
            })
            .await
    }

    async fn objects(&self) -> Result<&ObjectStore, ObjectError> {
        let open = async || self.0.bus.objects(&self.0.states).await;
        Ok(self.0.objects.get_or_try_init(open).await?)
    }
}

/// One name per actor and content, so that two writers never meet on one.
fn object_name(actor: &KeyedActor, digest: &Digest) -> String {
    format!("{}.{}", actor.record_key(), digest.hex())
}

fn unavailable(actor: &KeyedActor, source: StateError) -> StoreError {
    StoreError::Unavailable {
        actor: actor.clone(),
        source,
    }
}

fn object(actor: &KeyedActor, source: ObjectError) -> StoreError {
    StoreError::Object {
        actor: actor.clone(),
        source,
    }
}

fn damaged(actor: &KeyedActor, error: &MalformedRecord) -> StoreError {
    StoreError::Damaged {
        actor: actor.clone(),
        why: error.to_string(),
    }
}
