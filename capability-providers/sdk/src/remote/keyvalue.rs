//! A key-value store on another member.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use lattice_capability::blob::Blob;
use lattice_capability::keyvalue::wire::{KvReply, KvRequest};
use lattice_capability::{CallContext, CasHandle, KeyPage, KeyValue, KvError, SwapError};
use lattice_core::{ActiveLink, Fault, FaultKind};
use lattice_mesh::Member;

use super::MESSAGE_BYTES_MAX;
use super::call::{RemoteLink, parse};

/// The key-value store that a link leads to, in a provider on another member.
pub struct RemoteKeyValue(RemoteLink);

impl RemoteKeyValue {
    /// Makes a handle; nothing is called yet.
    #[must_use]
    pub fn new(member: Arc<Member>, link: Arc<ActiveLink>) -> Self {
        Self(RemoteLink::new(member, link))
    }

    async fn call(&self, ctx: &CallContext, request: KvRequest) -> Result<KvReply, KvError> {
        self.exchange(ctx, &request).await.map_err(|fault| match fault.kind {
            FaultKind::Denied => KvError::AccessDenied,
            _ => KvError::Other(fault.to_string()),
        })
    }

    async fn exchange(&self, ctx: &CallContext, request: &KvRequest) -> Result<KvReply, Fault> {
        let (interface, function) = request.operation();
        let interface = parse(&format!("wasi:keyvalue/{interface}"))?;
        let body = rmp_serde::to_vec_named(request).map_err(|error| Fault::internal(error.to_string()))?;
        let reply = self.0.call(ctx, interface, function, Bytes::new(), body.into()).await?;
        let bytes = reply.body.collect(MESSAGE_BYTES_MAX).await?;
        rmp_serde::from_slice(&bytes)
            .map_err(|error| Fault::internal(format!("the answer of the store cannot be read: {error}")))
    }
}

/// The provider failed, or answered a question that was not asked.
fn unexpected<T>(reply: KvReply) -> Result<T, KvError> {
    match reply {
        KvReply::Failed(error) => Err(error),
        _ => Err(KvError::Other(
            "the store answered something else than was asked".to_owned(),
        )),
    }
}

#[async_trait]
impl KeyValue for RemoteKeyValue {
    async fn open(&self, ctx: &CallContext, bucket: &str) -> Result<(), KvError> {
        match self
            .call(
                ctx,
                KvRequest::Open {
                    bucket: bucket.to_owned(),
                },
            )
            .await?
        {
            KvReply::Done => Ok(()),
            other => unexpected(other),
        }
    }

    async fn get(&self, ctx: &CallContext, bucket: &str, key: &str) -> Result<Option<Bytes>, KvError> {
        match self
            .call(
                ctx,
                KvRequest::Get {
                    bucket: bucket.to_owned(),
                    key: key.to_owned(),
                },
            )
            .await?
        {
            KvReply::Value(value) => Ok(value),
            other => unexpected(other),
        }
    }

    async fn set(&self, ctx: &CallContext, bucket: &str, key: &str, value: Bytes) -> Result<(), KvError> {
        match self
            .call(
                ctx,
                KvRequest::Set {
                    bucket: bucket.to_owned(),
                    key: key.to_owned(),
                    value,
                },
            )
            .await?
        {
            KvReply::Done => Ok(()),
            other => unexpected(other),
        }
    }

    async fn delete(&self, ctx: &CallContext, bucket: &str, key: &str) -> Result<(), KvError> {
        match self
            .call(
                ctx,
                KvRequest::Delete {
                    bucket: bucket.to_owned(),
                    key: key.to_owned(),
                },
            )
            .await?
        {
            KvReply::Done => Ok(()),
            other => unexpected(other),
        }
    }

    async fn exists(&self, ctx: &CallContext, bucket: &str, key: &str) -> Result<bool, KvError> {
        match self
            .call(
                ctx,
                KvRequest::Exists {
                    bucket: bucket.to_owned(),
                    key: key.to_owned(),
                },
            )
            .await?
        {
            KvReply::Exists(exists) => Ok(exists),
            other => unexpected(other),
        }
    }

    async fn list_keys(&self, ctx: &CallContext, bucket: &str, cursor: Option<u64>) -> Result<KeyPage, KvError> {
        match self
            .call(
                ctx,
                KvRequest::ListKeys {
                    bucket: bucket.to_owned(),
                    cursor,
                },
            )
            .await?
        {
            KvReply::Keys(page) => Ok(page),
            other => unexpected(other),
        }
    }

    async fn increment(&self, ctx: &CallContext, bucket: &str, key: &str, delta: i64) -> Result<i64, KvError> {
        match self
            .call(
                ctx,
                KvRequest::Increment {
                    bucket: bucket.to_owned(),
                    key: key.to_owned(),
                    delta,
                },
            )
            .await?
        {
            KvReply::Number(number) => Ok(number),
            other => unexpected(other),
        }
    }

    async fn compare(&self, ctx: &CallContext, bucket: &str, key: &str) -> Result<CasHandle, KvError> {
        match self
            .call(
                ctx,
                KvRequest::Compare {
                    bucket: bucket.to_owned(),
                    key: key.to_owned(),
                },
            )
            .await?
        {
            KvReply::Handle(handle) => Ok(handle),
            other => unexpected(other),
        }
    }

    async fn swap(
        &self,
        ctx: &CallContext,
        bucket: &str,
        key: &str,
        expected: &CasHandle,
        value: Bytes,
    ) -> Result<(), SwapError> {
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        match self
            .call(
                ctx,
                KvRequest::Swap {
                    bucket,
                    key,
                    expected: expected.clone(),
                    value,
                },
            )
            .await?
        {
            KvReply::Done => Ok(()),
            KvReply::Swap(error) => Err(error),
            other => Ok(unexpected(other)?),
        }
    }

    async fn get_many(&self, ctx: &CallContext, bucket: &str, keys: &[String]) -> Result<Vec<Option<Bytes>>, KvError> {
        match self
            .call(
                ctx,
                KvRequest::GetMany {
                    bucket: bucket.to_owned(),
                    keys: keys.to_vec(),
                },
            )
            .await?
        {
            KvReply::Values(values) if values.len() == keys.len() => {
                Ok(values.into_iter().map(|value| value.map(|Blob(bytes)| bytes)).collect())
            }
            other => unexpected(other),
        }
    }

    async fn set_many(&self, ctx: &CallContext, bucket: &str, entries: Vec<(String, Bytes)>) -> Result<(), KvError> {
        let entries = entries.into_iter().map(|(key, value)| (key, Blob(value))).collect();
        match self
            .call(
                ctx,
                KvRequest::SetMany {
                    bucket: bucket.to_owned(),
                    entries,
                },
            )
            .await?
        {
            KvReply::Done => Ok(()),
            other => unexpected(other),
        }
    }

    async fn delete_many(&self, ctx: &CallContext, bucket: &str, keys: &[String]) -> Result<(), KvError> {
        match self
            .call(
                ctx,
                KvRequest::DeleteMany {
                    bucket: bucket.to_owned(),
                    keys: keys.to_vec(),
                },
            )
            .await?
        {
            KvReply::Done => Ok(()),
            other => unexpected(other),
        }
    }
}
