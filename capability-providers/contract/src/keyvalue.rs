//! Key-value stores with atomic operations.

pub mod wire;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::CallContext;

/// Reads and writes values by key, in the buckets that the link opens to the caller.
///
/// A bucket is named by the actor (`default`, `sessions`); the link's configuration says what it is in the store.
/// Operations on one key are linearizable as far as the store behind them is.
#[async_trait]
pub trait KeyValue: Send + Sync + 'static {
    /// Checks that `bucket` exists and the link opens it.
    async fn open(&self, ctx: &CallContext, bucket: &str) -> Result<(), KvError>;

    /// Returns the value of `key`, or `None` when it has none.
    async fn get(&self, ctx: &CallContext, bucket: &str, key: &str) -> Result<Option<Bytes>, KvError>;

    /// Sets the value of `key`, whatever it was.
    async fn set(&self, ctx: &CallContext, bucket: &str, key: &str, value: Bytes) -> Result<(), KvError>;

    /// Removes `key`. Removing one that is absent is no error.
    async fn delete(&self, ctx: &CallContext, bucket: &str, key: &str) -> Result<(), KvError>;

    /// Says whether `key` has a value.
    async fn exists(&self, ctx: &CallContext, bucket: &str, key: &str) -> Result<bool, KvError>;

    /// Returns a page of keys. Pass the page's cursor back to get the next one; no cursor means the end.
    ///
    /// Every key that exists from the first page to the last is returned at least once; a key that changes meanwhile may
    /// come twice.
    async fn list_keys(&self, ctx: &CallContext, bucket: &str, cursor: Option<u64>) -> Result<KeyPage, KvError>;

    /// Adds `delta` to the number at `key` (absent counts as 0) and returns the sum. Concurrent increments all count.
    ///
    /// Numbers are stored as decimal text, so that `get` and other programs read them.
    async fn increment(&self, ctx: &CallContext, bucket: &str, key: &str, delta: i64) -> Result<i64, KvError>;

    /// Reads `key` for a later [`swap`](Self::swap).
    async fn compare(&self, ctx: &CallContext, bucket: &str, key: &str) -> Result<CasHandle, KvError>;

    /// Sets the value of `key` if it has not changed since `expected` was read.
    async fn swap(
        &self,
        ctx: &CallContext,
        bucket: &str,
        key: &str,
        expected: &CasHandle,
        value: Bytes,
    ) -> Result<(), SwapError>;

    /// Returns the values of `keys` in their order. Not atomic across keys.
    async fn get_many(&self, ctx: &CallContext, bucket: &str, keys: &[String]) -> Result<Vec<Option<Bytes>>, KvError>;

    /// Sets several keys. Not atomic across keys: on an error some may have been set.
    async fn set_many(&self, ctx: &CallContext, bucket: &str, entries: Vec<(String, Bytes)>) -> Result<(), KvError>;

    /// Removes several keys. Not atomic across keys: on an error some may have been removed.
    async fn delete_many(&self, ctx: &CallContext, bucket: &str, keys: &[String]) -> Result<(), KvError>;
}

/// Some of a bucket's keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct KeyPage {
    /// The keys, in the store's order.
    pub keys: Vec<String>,
    /// Where the next page starts; `None` after the last.
    pub cursor: Option<u64>,
}

/// What a key held when it was read, for a compare-and-swap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CasHandle {
    /// The value, or `None` when the key was absent.
    #[serde(with = "crate::blob::as_optional_bytes")]
    pub value: Option<Bytes>,
    /// The store's version of it, where the store has versions. Means something to the store that made it only.
    pub version: u64,
}

/// Says why an operation on a store failed. The kinds are `wasi:keyvalue`'s.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KvError {
    /// There is no such bucket.
    #[error("no such store")]
    NoSuchStore,
    /// The link does not open this bucket, or this way of using it.
    #[error("access denied")]
    AccessDenied,
    /// Anything else, in words.
    #[error("{0}")]
    Other(String),
}

/// Says why a swap did not happen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SwapError {
    /// The value had changed; this is what it is now, ready for another try.
    #[error("the value has changed")]
    Changed(CasHandle),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] KvError),
}
