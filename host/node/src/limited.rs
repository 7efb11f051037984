//! The limits that a link carries, around a provider on this host. Calls that cross the lattice meet the same limits where they
//! arrive; an actor must not be able to tell the difference.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::{Buf as _, Bytes};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use lattice_capability::{
    BrokerMessage, CallContext, CasHandle, HttpBody, HttpError, KeyPage, KeyValue, KvError, Messaging, MessagingError,
    OutgoingHttp, RequestOptions, SwapError,
};
use lattice_core::ActiveLink;

/// A capability behind the limits of a link.
pub(crate) struct Limited<T: ?Sized> {
    inner: Arc<T>,
    deadline: Option<Duration>,
    payload_bytes_max: u64,
}

impl<T: ?Sized> Limited<T> {
    /// Puts the limits of `link` around a capability; `None` when it has none that matter here.
    pub(crate) fn around(inner: &Arc<T>, link: &ActiveLink) -> Option<Self> {
        let limits = &link.limits;
        if limits.deadline_ms.is_none() && limits.payload_bytes_max.is_none() {
            return None;
        }
        Some(Self {
            inner: Arc::clone(inner),
            deadline: limits.deadline_ms.map(Duration::from_millis),
            payload_bytes_max: limits.payload_bytes_max.unwrap_or(u64::MAX),
        })
    }

    fn context(&self, ctx: &CallContext) -> CallContext {
        let mut ctx = ctx.clone();
        if let Some(limit) = self.deadline {
            ctx.deadline = ctx.deadline.min(Instant::now() + limit);
        }
        ctx
    }

    /// Runs work until the context's deadline; `None` when that passed.
    async fn in_time<R>(&self, ctx: &CallContext, work: impl Future<Output = R>) -> Option<R> {
        match self.deadline {
            None => Some(work.await),
            Some(_) => tokio::time::timeout_at(ctx.deadline.into(), work).await.ok(),
        }
    }

    fn too_large(&self, bytes: usize) -> Option<String> {
        let max = self.payload_bytes_max;
        (bytes as u64 > max).then(|| format!("the link allows requests of {max} bytes, this has {bytes}"))
    }
}

impl Limited<dyn KeyValue> {
    fn check(&self, bytes: usize) -> Result<(), KvError> {
        self.too_large(bytes).map_or(Ok(()), |what| Err(KvError::Other(what)))
    }

    async fn timed<R>(
        &self,
        ctx: &CallContext,
        bytes: usize,
        work: impl Future<Output = Result<R, KvError>>,
    ) -> Result<R, KvError> {
        self.check(bytes)?;
        let outcome = self.in_time(ctx, work).await;
        outcome.unwrap_or_else(|| Err(KvError::Other("the deadline of the link passed".to_owned())))
    }
}

#[async_trait]
impl KeyValue for Limited<dyn KeyValue> {
    async fn open(&self, ctx: &CallContext, bucket: &str) -> Result<(), KvError> {
        let ctx = &self.context(ctx);
        self.timed(ctx, bucket.len(), self.inner.open(ctx, bucket)).await
    }

    async fn get(&self, ctx: &CallContext, bucket: &str, key: &str) -> Result<Option<Bytes>, KvError> {
        let ctx = &self.context(ctx);
        self.timed(ctx, key.len(), self.inner.get(ctx, bucket, key)).await
    }

    async fn set(&self, ctx: &CallContext, bucket: &str, key: &str, value: Bytes) -> Result<(), KvError> {
        let bytes = key.len() + value.len();
        let ctx = &self.context(ctx);
        self.timed(ctx, bytes, self.inner.set(ctx, bucket, key, value)).await
    }

    async fn delete(&self, ctx: &CallContext, bucket: &str, key: &str) -> Result<(), KvError> {
        let ctx = &self.context(ctx);
        self.timed(ctx, key.len(), self.inner.delete(ctx, bucket, key)).await
    }

    async fn exists(&self, ctx: &CallContext, bucket: &str, key: &str) -> Result<bool, KvError> {
        let ctx = &self.context(ctx);
        self.timed(ctx, key.len(), self.inner.exists(ctx, bucket, key)).await
    }

    async fn list_keys(&self, ctx: &CallContext, bucket: &str, cursor: Option<u64>) -> Result<KeyPage, KvError> {
        let ctx = &self.context(ctx);
        self.timed(ctx, bucket.len(), self.inner.list_keys(ctx, bucket, cursor))
            .await
    }

    async fn increment(&self, ctx: &CallContext, bucket: &str, key: &str, delta: i64) -> Result<i64, KvError> {
        let ctx = &self.context(ctx);
        self.timed(ctx, key.len(), self.inner.increment(ctx, bucket, key, delta))
            .await
    }

    async fn compare(&self, ctx: &CallContext, bucket: &str, key: &str) -> Result<CasHandle, KvError> {
        let ctx = &self.context(ctx);
        self.timed(ctx, key.len(), self.inner.compare(ctx, bucket, key)).await
    }

    async fn swap(
        &self,
        ctx: &CallContext,
        bucket: &str,
        key: &str,
        expected: &CasHandle,
        value: Bytes,
    ) -> Result<(), SwapError> {
        self.check(key.len() + value.len())?;
        let ctx = self.context(ctx);
        let swapped = self
            .in_time(&ctx, self.inner.swap(&ctx, bucket, key, expected, value))
            .await;
        swapped.unwrap_or_else(|| Err(KvError::Other("the deadline of the link passed".to_owned()).into()))
    }

    async fn get_many(&self, ctx: &CallContext, bucket: &str, keys: &[String]) -> Result<Vec<Option<Bytes>>, KvError> {
        let bytes = keys.iter().map(String::len).sum();
        let ctx = &self.context(ctx);
        self.timed(ctx, bytes, self.inner.get_many(ctx, bucket, keys)).await
    }

    async fn set_many(&self, ctx: &CallContext, bucket: &str, entries: Vec<(String, Bytes)>) -> Result<(), KvError> {
        let bytes = entries.iter().map(|(key, value)| key.len() + value.len()).sum();
        let ctx = &self.context(ctx);
        self.timed(ctx, bytes, self.inner.set_many(ctx, bucket, entries)).await
    }

    async fn delete_many(&self, ctx: &CallContext, bucket: &str, keys: &[String]) -> Result<(), KvError> {
        let bytes = keys.iter().map(String::len).sum();
        let ctx = &self.context(ctx);
        self.timed(ctx, bytes, self.inner.delete_many(ctx, bucket, keys)).await
    }
}

#[async_trait]
impl Messaging for Limited<dyn Messaging> {
    async fn publish(&self, ctx: &CallContext, message: BrokerMessage) -> Result<(), MessagingError> {
        if let Some(what) = self.too_large(message.body.len()) {
            return Err(MessagingError::Other(what));
        }
        let (ctx, subject) = (self.context(ctx), message.subject.clone());
        let outcome = self.in_time(&ctx, self.inner.publish(&ctx, message)).await;
        outcome.unwrap_or(Err(MessagingError::TimedOut(subject)))
    }

    async fn request(
        &self,
        ctx: &CallContext,
        subject: &str,
        body: Bytes,
        timeout: Duration,
    ) -> Result<BrokerMessage, MessagingError> {
        if let Some(what) = self.too_large(body.len()) {
            return Err(MessagingError::Other(what));
        }
        let ctx = self.context(ctx);
        let outcome = self
            .in_time(&ctx, self.inner.request(&ctx, subject, body, timeout))
            .await;
        outcome.unwrap_or_else(|| Err(MessagingError::TimedOut(subject.to_owned())))
    }
}

#[async_trait]
impl OutgoingHttp for Limited<dyn OutgoingHttp> {
    async fn send(
        &self,
        ctx: &CallContext,
        request: http::Request<HttpBody>,
        options: RequestOptions,
    ) -> Result<http::Response<HttpBody>, HttpError> {
        let ctx = self.context(ctx);
        let request = limit_request(request, self.payload_bytes_max)?;
        let outcome = self.in_time(&ctx, self.inner.send(&ctx, request, options)).await;
        outcome.unwrap_or(Err(HttpError::ResponseTimeout))
    }
}

/// Bounds a request's body: what says at once that it is too large is refused, what turns out to be breaks off.
pub(crate) fn limit_request(request: http::Request<HttpBody>, max: u64) -> Result<http::Request<HttpBody>, HttpError> {
    if request.body().size_hint().lower() > max {
        return Err(HttpError::RequestBodySize(Some(max)));
    }
    if request.body().size_hint().upper().is_some_and(|upper| upper <= max) {
        return Ok(request);
    }
    Ok(request.map(|body| Bounded { body, left: max, max }.boxed_unsync()))
}

/// A body that breaks off when it is longer than it may be.
struct Bounded {
    body: HttpBody,
    left: u64,
    max: u64,
}

impl Body for Bounded {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            match self.left.checked_sub(data.remaining() as u64) {
                Some(left) => self.left = left,
                None => return Poll::Ready(Some(Err(HttpError::RequestBodySize(Some(self.max))))),
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::StreamBody;
    use lattice_capability::http::full_body;

    fn streamed(chunks: &[&'static str]) -> http::Request<HttpBody> {
        let frames: Vec<_> = chunks
            .iter()
            .map(|chunk| Ok(Frame::data(Bytes::from_static(chunk.as_bytes()))))
            .collect();
        http::Request::new(StreamBody::new(futures::stream::iter(frames)).boxed_unsync())
    }

    #[tokio::test]
    async fn a_body_breaks_off_where_its_limit_is() {
        let body = limit_request(streamed(&["1234", "56"]), 6)
            .expect("not known to be too long")
            .into_body();
        assert_eq!(body.collect().await.expect("fits").to_bytes(), "123456");
        let body = limit_request(streamed(&["1234", "567"]), 6)
            .expect("not known to be too long")
            .into_body();
        assert_eq!(body.collect().await.err(), Some(HttpError::RequestBodySize(Some(6))));
    }

    #[test]
    fn a_body_that_announces_its_length_is_refused_at_once() {
        assert!(limit_request(http::Request::new(full_body("1234567")), 6).is_err());
        assert!(limit_request(http::Request::new(full_body("123456")), 6).is_ok());
    }
}
