//! Spans around what a provider on this host does for an actor. What another member does for it is traced by the mesh.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use lattice_capability::{
    BrokerMessage, CallContext, CasHandle, HttpBody, HttpError, KeyPage, KeyValue, KvError, Messaging, MessagingError,
    OutgoingHttp, RequestOptions, SwapError,
};
use lattice_core::{ActiveLink, InterfaceId};
use lattice_telemetry::{Status, Tracer};

use crate::spans::Used;

/// A capability whose calls are traced.
pub(crate) struct Traced<T: ?Sized> {
    inner: Arc<T>,
    tracer: Tracer,
    interface: InterfaceId,
    link: Arc<ActiveLink>,
}

impl<T: ?Sized> Traced<T> {
    /// Puts spans around a capability, for the interface that an actor asked for.
    pub(crate) fn around(inner: Arc<T>, tracer: &Tracer, interface: &InterfaceId, link: &Arc<ActiveLink>) -> Self {
        Self {
            inner,
            tracer: tracer.clone(),
            interface: interface.clone(),
            link: Arc::clone(link),
        }
    }

    fn begin(&self, function: &'static str, ctx: &CallContext) -> (Used<'_>, CallContext) {
        let used = Used::begin(&self.tracer, &self.interface, function, &self.link, ctx.trace.as_ref());
        let trace = used.handle();
        (used, CallContext { trace, ..ctx.clone() })
    }
}

/// Makes one call in a span of its own.
macro_rules! traced {
    ($self:ident, $ctx:ident, $function:literal, $method:ident($($argument:expr),*)) => {{
        let (used, ctx) = $self.begin($function, $ctx);
        let outcome = $self.inner.$method(&ctx, $($argument),*).await;
        used.end(outcome.as_ref().map_or_else(Failure::status, |_| Status::Ok));
        outcome
    }};
}

#[async_trait]
impl KeyValue for Traced<dyn KeyValue> {
    async fn open(&self, ctx: &CallContext, bucket: &str) -> Result<(), KvError> {
        traced!(self, ctx, "open", open(bucket))
    }

    async fn get(&self, ctx: &CallContext, bucket: &str, key: &str) -> Result<Option<Bytes>, KvError> {
        traced!(self, ctx, "get", get(bucket, key))
    }

    async fn set(&self, ctx: &CallContext, bucket: &str, key: &str, value: Bytes) -> Result<(), KvError> {
        traced!(self, ctx, "set", set(bucket, key, value))
    }

    async fn delete(&self, ctx: &CallContext, bucket: &str, key: &str) -> Result<(), KvError> {
        traced!(self, ctx, "delete", delete(bucket, key))
    }

    async fn exists(&self, ctx: &CallContext, bucket: &str, key: &str) -> Result<bool, KvError> {
        traced!(self, ctx, "exists", exists(bucket, key))
    }

    async fn list_keys(&self, ctx: &CallContext, bucket: &str, cursor: Option<u64>) -> Result<KeyPage, KvError> {
        traced!(self, ctx, "list-keys", list_keys(bucket, cursor))
    }

    async fn increment(&self, ctx: &CallContext, bucket: &str, key: &str, delta: i64) -> Result<i64, KvError> {
        traced!(self, ctx, "increment", increment(bucket, key, delta))
    }

    async fn compare(&self, ctx: &CallContext, bucket: &str, key: &str) -> Result<CasHandle, KvError> {
        traced!(self, ctx, "current", compare(bucket, key))
    }

    async fn swap(
        &self,
        ctx: &CallContext,
        bucket: &str,
        key: &str,
        expected: &CasHandle,
        value: Bytes,
    ) -> Result<(), SwapError> {
        traced!(self, ctx, "swap", swap(bucket, key, expected, value))
    }

    async fn get_many(&self, ctx: &CallContext, bucket: &str, keys: &[String]) -> Result<Vec<Option<Bytes>>, KvError> {
        traced!(self, ctx, "get-many", get_many(bucket, keys))
    }

    async fn set_many(&self, ctx: &CallContext, bucket: &str, entries: Vec<(String, Bytes)>) -> Result<(), KvError> {
        traced!(self, ctx, "set-many", set_many(bucket, entries))
    }

    async fn delete_many(&self, ctx: &CallContext, bucket: &str, keys: &[String]) -> Result<(), KvError> {
        traced!(self, ctx, "delete-many", delete_many(bucket, keys))
    }
}

#[async_trait]
impl Messaging for Traced<dyn Messaging> {
    async fn publish(&self, ctx: &CallContext, message: BrokerMessage) -> Result<(), MessagingError> {
        traced!(self, ctx, "publish", publish(message))
    }

    async fn request(
        &self,
        ctx: &CallContext,
        subject: &str,
        body: Bytes,
        timeout: Duration,
    ) -> Result<BrokerMessage, MessagingError> {
        traced!(self, ctx, "request", request(subject, body, timeout))
    }
}

#[async_trait]
impl OutgoingHttp for Traced<dyn OutgoingHttp> {
    async fn send(
        &self,
        ctx: &CallContext,
        request: http::Request<HttpBody>,
        options: RequestOptions,
    ) -> Result<http::Response<HttpBody>, HttpError> {
        traced!(self, ctx, "handle", send(request, options))
    }
}

/// What a capability's error says of the call. That somebody else was quicker is none.
trait Failure {
    fn status(&self) -> Status;
}

impl Failure for KvError {
    fn status(&self) -> Status {
        let kind = match self {
            Self::NoSuchStore => "no-such-store",
            Self::AccessDenied => "access-denied",
            Self::Other(_) => "backend",
        };
        Status::error(kind, self.to_string())
    }
}

impl Failure for SwapError {
    fn status(&self) -> Status {
        match self {
            Self::Changed(_) => Status::Ok,
            Self::Store(error) => error.status(),
        }
    }
}

impl Failure for MessagingError {
    fn status(&self) -> Status {
        let kind = match self {
            Self::Denied { .. } => "denied",
            Self::NoResponders(_) => "no-responders",
            Self::TimedOut(_) => "timeout",
            Self::TooLarge { .. } => "too-large",
            _ => "backend",
        };
        Status::error(kind, self.to_string())
    }
}

impl Failure for HttpError {
    fn status(&self) -> Status {
        Status::error("http", self.to_string())
    }
}
