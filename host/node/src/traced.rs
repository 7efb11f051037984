//! Spans around what a provider on this host does for an actor, and counts of it. What another member does for it is the mesh's to trace.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use lattice_capability::{
    BrokerMessage, CallContext, CasHandle, HttpBody, HttpError, KeyPage, KeyValue, KvError, Messaging, MessagingError,
    OutgoingHttp, RequestOptions, SwapError,
};
use lattice_core::{ActiveLink, FaultKind, InterfaceId};
use lattice_telemetry::{Instruments, Status, Tracer};

use crate::shared::Shared;
use crate::spans::Used;

/// A capability whose calls are traced and counted.
pub(crate) struct Traced<T: ?Sized> {
    inner: Arc<T>,
    tracer: Tracer,
    instruments: Instruments,
    interface: InterfaceId,
    link: Arc<ActiveLink>,
}

impl<T: ?Sized> Traced<T> {
    /// Puts spans around a capability, for the interface that an actor asked for.
    pub(crate) fn around(inner: Arc<T>, shared: &Shared, interface: &InterfaceId, link: &Arc<ActiveLink>) -> Self {
        Self {
            inner,
            tracer: shared.tracer.clone(),
            instruments: shared.instruments.clone(),
            interface: interface.clone(),
            link: Arc::clone(link),
        }
    }

    fn begin(&self, function: &'static str, ctx: &CallContext) -> (Used<'_>, CallContext) {
        let telling = (&self.tracer, &self.instruments);
        let used = Used::begin(telling, &self.interface, function, &self.link, ctx.trace.as_ref());
        let trace = used.handle();
        (used, CallContext { trace, ..ctx.clone() })
    }
}

/// Makes one call in a span of its own.
macro_rules! traced {
    ($self:ident, $ctx:ident, $function:literal, $method:ident($($argument:expr),*)) => {{
        let (used, ctx) = $self.begin($function, $ctx);
        let outcome = $self.inner.$method(&ctx, $($argument),*).await;
        let (status, fault) = outcome.as_ref().map_or_else(Failure::told, |_| (Status::Ok, None));
        used.end(status, fault);
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
trait Failure: ToString {
    /// What it is called in traces, and which fault it counts as.
    fn kind(&self) -> Option<(&'static str, FaultKind)>;

    fn told(&self) -> (Status, Option<FaultKind>) {
        match self.kind() {
            Some((name, kind)) => (Status::error(name, self.to_string()), Some(kind)),
            None => (Status::Ok, None),
        }
    }
}

impl Failure for KvError {
    fn kind(&self) -> Option<(&'static str, FaultKind)> {
        Some(match self {
            Self::NoSuchStore => ("no-such-store", FaultKind::NotFound),
            Self::AccessDenied => ("access-denied", FaultKind::Denied),
            Self::Other(_) => ("backend", FaultKind::Backend),
        })
    }
}

impl Failure for SwapError {
    fn kind(&self) -> Option<(&'static str, FaultKind)> {
        match self {
            Self::Changed(_) => None,
            Self::Store(error) => error.kind(),
        }
    }
}

impl Failure for MessagingError {
    fn kind(&self) -> Option<(&'static str, FaultKind)> {
        Some(match self {
            Self::Denied { .. } => ("denied", FaultKind::Denied),
            Self::NoResponders(_) => ("no-responders", FaultKind::NoResponders),
            Self::TimedOut(_) => ("timeout", FaultKind::DeadlineExceeded),
            Self::TooLarge { .. } => ("too-large", FaultKind::TooLarge),
            _ => ("backend", FaultKind::Backend),
        })
    }
}

impl Failure for HttpError {
    fn kind(&self) -> Option<(&'static str, FaultKind)> {
        Some(("http", FaultKind::Backend))
    }
}
