//! The key-value operations of one link.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use lattice_bus::{Bucket, CasError, Entry, StateError};
use provider_sdk::buckets::Buckets;
use provider_sdk::capability::{CallContext, CasHandle, KeyPage, KeyValue, KvError, SwapError};
use tokio::time::Instant;

use crate::place::{Opened, Place};
use crate::{key, listing};

/// How many keys of a batch are read or written at a time.
const BATCH_CONCURRENCY: usize = 32;

/// A link's view of JetStream: the buckets it opens and nothing else.
pub(crate) struct Store {
    pub(crate) buckets: Buckets,
    /// By their names in NATS.
    pub(crate) places: HashMap<String, Arc<Place>>,
}

impl Store {
    fn place(&self, bucket: &str) -> Result<&Place, KvError> {
        let name = self.buckets.resolve(bucket)?;
        self.places.get(name).map(|place| &**place).ok_or(KvError::NoSuchStore)
    }

    /// Runs `operation` on a bucket until the call's deadline.
    async fn on<'a, T, F>(
        &'a self,
        ctx: &CallContext,
        bucket: &str,
        operation: impl FnOnce(&'a Place, &'a Opened) -> F,
    ) -> Result<T, KvError>
    where
        F: Future<Output = Result<T, KvError>>,
    {
        let place = self.place(bucket)?;
        let work = async { operation(place, place.get().await?).await };
        match tokio::time::timeout_at(Instant::from_std(ctx.deadline), work).await {
            Ok(outcome) => outcome,
            Err(_) => Err(KvError::Other("the store did not answer in time".to_owned())),
        }
    }
}

#[async_trait]
impl KeyValue for Store {
    async fn open(&self, ctx: &CallContext, bucket: &str) -> Result<(), KvError> {
        self.on(ctx, bucket, |_, _| async { Ok(()) }).await
    }

    async fn get(&self, ctx: &CallContext, bucket: &str, key: &str) -> Result<Option<Bytes>, KvError> {
        let key = encode(key)?;
        self.on(ctx, bucket, |_, opened| get(&opened.bucket, key)).await
    }

    async fn set(&self, ctx: &CallContext, bucket: &str, key: &str, value: Bytes) -> Result<(), KvError> {
        let key = encode(key)?;
        self.on(ctx, bucket, |place, opened| set(place, &opened.bucket, key, value))
            .await
    }

    async fn delete(&self, ctx: &CallContext, bucket: &str, key: &str) -> Result<(), KvError> {
        let key = encode(key)?;
        self.on(ctx, bucket, |_, opened| delete(&opened.bucket, key)).await
    }

    async fn exists(&self, ctx: &CallContext, bucket: &str, key: &str) -> Result<bool, KvError> {
        self.get(ctx, bucket, key).await.map(|value| value.is_some())
    }

    async fn list_keys(&self, ctx: &CallContext, bucket: &str, cursor: Option<u64>) -> Result<KeyPage, KvError> {
        self.on(ctx, bucket, |_, opened| async {
            let keys = opened.bucket.keys().await.map_err(|error| translate(&error))?;
            // Other programs may have put keys there that no actor could name.
            Ok(listing::page(
                keys.iter().filter_map(|key| key::decode(key)).collect(),
                cursor,
            ))
        })
        .await
    }

    async fn increment(&self, ctx: &CallContext, bucket: &str, key: &str, delta: i64) -> Result<i64, KvError> {
        let key = encode(key)?;
        let deadline = Instant::from_std(ctx.deadline);
        self.on(ctx, bucket, |_, opened| async move {
            opened.counters.add(&key, delta, deadline).await
        })
        .await
    }

    async fn compare(&self, ctx: &CallContext, bucket: &str, key: &str) -> Result<CasHandle, KvError> {
        let key = encode(key)?;
        self.on(
            ctx,
            bucket,
            |_, opened| async move { compare(&opened.bucket, &key).await },
        )
        .await
    }

    async fn swap(
        &self,
        ctx: &CallContext,
        bucket: &str,
        key: &str,
        expected: &CasHandle,
        value: Bytes,
    ) -> Result<(), SwapError> {
        let key = encode(key)?;
        let version = expected.version;
        let swapped = self
            .on(ctx, bucket, |place, opened| async move {
                check_size(place, &key, &value)?;
                match opened.bucket.update(&key, value, version).await {
                    Ok(_) => Ok(None),
                    Err(CasError::Conflict { .. }) => compare(&opened.bucket, &key).await.map(Some),
                    Err(CasError::State(error)) => Err(translate(&error)),
                }
            })
            .await?;
        swapped.map_or(Ok(()), |now| Err(SwapError::Changed(now)))
    }

    async fn get_many(&self, ctx: &CallContext, bucket: &str, keys: &[String]) -> Result<Vec<Option<Bytes>>, KvError> {
        let keys = encode_all(keys)?;
        self.on(ctx, bucket, |_, opened| {
            let reads = keys.into_iter().map(|key| get(&opened.bucket, key));
            stream::iter(reads).buffered(BATCH_CONCURRENCY).try_collect()
        })
        .await
    }

    async fn set_many(&self, ctx: &CallContext, bucket: &str, entries: Vec<(String, Bytes)>) -> Result<(), KvError> {
        // Of a key that comes twice the last value holds; written at the same time, either might.
        let latest: HashMap<String, Bytes> = entries
            .into_iter()
            .map(|(key, value)| Ok((encode(&key)?, value)))
            .collect::<Result<_, KvError>>()?;
        self.on(ctx, bucket, |place, opened| {
            let writes = latest
                .into_iter()
                .map(|(key, value)| set(place, &opened.bucket, key, value));
            stream::iter(writes).buffer_unordered(BATCH_CONCURRENCY).try_collect()
        })
        .await
    }

    async fn delete_many(&self, ctx: &CallContext, bucket: &str, keys: &[String]) -> Result<(), KvError> {
        let keys = encode_all(keys)?;
        self.on(ctx, bucket, |_, opened| {
            let deletions = keys.into_iter().map(|key| delete(&opened.bucket, key));
            stream::iter(deletions)
                .buffer_unordered(BATCH_CONCURRENCY)
                .try_collect()
        })
        .await
    }
}

async fn get(bucket: &Bucket, key: String) -> Result<Option<Bytes>, KvError> {
    let entry = bucket.get(&key).await.map_err(|error| translate(&error))?;
    Ok(entry.map(|entry| entry.value))
}

async fn set(place: &Place, bucket: &Bucket, key: String, value: Bytes) -> Result<(), KvError> {
    check_size(place, &key, &value)?;
    bucket
        .put(&key, value)
        .await
        .map(drop)
        .map_err(|error| translate(&error))
}

/// Looks first: deleting what is not there would leave a marker behind for ever.
async fn delete(bucket: &Bucket, key: String) -> Result<(), KvError> {
    if get(bucket, key.clone()).await?.is_none() {
        return Ok(());
    }
    match bucket.delete(&key, None).await {
        Ok(_) => Ok(()),
        Err(CasError::State(error)) => Err(translate(&error)),
        Err(conflict @ CasError::Conflict { .. }) => Err(KvError::Other(conflict.to_string())),
    }
}

/// A key that was deleted has a revision too, which the next write must follow.
async fn compare(bucket: &Bucket, key: &str) -> Result<CasHandle, KvError> {
    let last = bucket.last(key).await.map_err(|error| translate(&error))?;
    let version = last.as_ref().map_or(0, |entry| entry.revision);
    Ok(CasHandle {
        value: last.filter(Entry::is_live).map(|entry| entry.value),
        version,
    })
}

fn encode(key: &str) -> Result<String, KvError> {
    let encoded = key::encode(key);
    if encoded.len() > key::LEN_MAX {
        return Err(KvError::Other(format!(
            "a key of {} bytes is {} in NATS, which takes {}",
            key.len(),
            encoded.len(),
            key::LEN_MAX
        )));
    }
    Ok(encoded)
}

fn encode_all(keys: &[String]) -> Result<Vec<String>, KvError> {
    keys.iter().map(|key| encode(key)).collect()
}

fn check_size(place: &Place, key: &str, value: &Bytes) -> Result<(), KvError> {
    let max = place.value_bytes_max(key);
    if value.len() > max {
        return Err(KvError::Other(format!(
            "a value of {} bytes is larger than the {max} bytes that fit in a NATS message",
            value.len()
        )));
    }
    Ok(())
}

/// Says to an actor what it can use; the details are for the log.
pub(crate) fn translate(error: &StateError) -> KvError {
    if error.outcome_unknown() {
        return KvError::Other("the store did not answer; whether the call was carried out is unknown".to_owned());
    }
    if error.is_unavailable() {
        return KvError::Other("the store cannot be reached".to_owned());
    }
    KvError::Other(error.to_string())
}
