//! HTTP requests that an actor sends, and the bodies that stream both ways.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use serde::{Deserialize, Serialize};

use crate::CallContext;

/// A request or response body: frames of bytes and perhaps trailers, read at the reader's pace.
pub type HttpBody = UnsyncBoxBody<Bytes, HttpError>;

/// Returns a body without bytes.
#[must_use]
pub fn empty_body() -> HttpBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// Returns a body of exactly these bytes.
#[must_use]
pub fn full_body(bytes: impl Into<Bytes>) -> HttpBody {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// Sends HTTP requests to servers outside the lattice.
#[async_trait]
pub trait OutgoingHttp: Send + Sync + 'static {
    /// Sends `request` and returns the response as soon as its head is here; its body streams after.
    ///
    /// The URI must be absolute. Redirects are the caller's business and are never followed.
    ///
    /// # Errors
    ///
    /// [`HttpError::RequestDenied`] when the link does not allow the host; the other kinds say how the exchange failed.
    async fn send(
        &self,
        ctx: &CallContext,
        request: ::http::Request<HttpBody>,
        options: RequestOptions,
    ) -> Result<::http::Response<HttpBody>, HttpError>;
}

/// Limits on the phases of one outgoing request. What is `None` falls to the provider's own limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct RequestOptions {
    /// Longest wait for a connection, TLS included.
    pub connect_timeout: Option<Duration>,
    /// Longest wait from a sent request to the response's head.
    pub first_byte_timeout: Option<Duration>,
    /// Longest pause between two chunks of the response's body.
    pub between_bytes_timeout: Option<Duration>,
}

/// Says how an HTTP exchange failed. Each kind is one of `wasi:http`'s `error-code`, so that a guest sees it unchanged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum HttpError {
    #[error("the DNS look-up timed out")]
    DnsTimeout,
    #[error("the host name cannot be resolved: {0}")]
    Dns(String),
    #[error("the destination was not found")]
    DestinationNotFound,
    #[error("the destination is unavailable")]
    DestinationUnavailable,
    #[error("the destination's address is prohibited")]
    DestinationIpProhibited,
    #[error("the destination's address cannot be routed to")]
    DestinationIpUnroutable,
    #[error("the connection was refused")]
    ConnectionRefused,
    #[error("the connection was closed before the exchange was complete")]
    ConnectionTerminated,
    #[error("connecting took too long")]
    ConnectionTimeout,
    #[error("reading from the connection took too long")]
    ConnectionReadTimeout,
    #[error("writing to the connection took too long")]
    ConnectionWriteTimeout,
    #[error("too many connections are open")]
    ConnectionLimitReached,
    #[error("the TLS handshake failed")]
    TlsProtocol,
    #[error("the server's TLS certificate was not accepted")]
    TlsCertificate,
    #[error("the peer sent TLS alert {code}: {message}")]
    TlsAlert { code: u8, message: String },
    #[error("the link does not allow this request")]
    RequestDenied,
    #[error("the request needs a content-length")]
    RequestLengthRequired,
    #[error("the request body is larger than allowed{}", bytes_max(*.0))]
    RequestBodySize(Option<u64>),
    #[error("the request method is not valid")]
    RequestMethodInvalid,
    #[error("the request URI is not valid")]
    RequestUriInvalid,
    #[error("the request URI is too long")]
    RequestUriTooLong,
    #[error("the request headers are larger than allowed")]
    RequestHeaderSectionSize(Option<u32>),
    #[error("the response ended before it was complete")]
    ResponseIncomplete,
    #[error("the response headers are larger than allowed")]
    ResponseHeaderSectionSize(Option<u32>),
    #[error("the response body is larger than allowed{}", bytes_max(*.0))]
    ResponseBodySize(Option<u64>),
    #[error("the response did not come in time")]
    ResponseTimeout,
    #[error("the connection upgrade failed")]
    UpgradeFailed,
    #[error("the peer does not keep to HTTP")]
    Protocol,
    #[error("the request would loop")]
    LoopDetected,
    #[error("the provider is not configured for this request")]
    Configuration,
    #[error("{0}")]
    Internal(String),
}

fn bytes_max(limit: Option<u64>) -> String {
    limit
        .map(|limit| format!(" (at most {limit} bytes)"))
        .unwrap_or_default()
}
