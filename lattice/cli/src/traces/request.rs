//! One HTTP request that asks to be traced.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use http::{Request as HttpRequest, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::TokioExecutor;
use lattice_control::{TraceError, TraceSpan, TraceSpanKind};
use lattice_core::{SpanId, TraceContext, TraceId, trace::TRACEPARENT};

use super::HostSpan;
use crate::failure::{Exit, Failure};

/// What this process is called among the hosts of a trace.
const HERE: &str = "(here)";

/// A GET that begins a trace.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    uri: Uri,
    context: TraceContext,
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) status: StatusCode,
    pub(crate) bytes: u64,
    /// The request as a span, of which those of the lattice are children.
    pub(crate) span: HostSpan,
}

impl Request {
    pub(crate) fn new(uri: Uri) -> Self {
        let mut dice = fastrand::Rng::new();
        let (trace, span) = loop {
            let trace = TraceId::from_bytes(dice.u128(..).to_be_bytes());
            let span = SpanId::from_bytes(dice.u64(..).to_be_bytes());
            if let (Some(trace), Some(span)) = (trace, span) {
                break (trace, span);
            }
        };
        let context = TraceContext::new(trace, span, true);
        Self { uri, context }
    }

    pub(crate) fn trace_id(&self) -> TraceId {
        self.context.trace_id()
    }

    pub(crate) fn span_id(&self) -> SpanId {
        self.context.span_id()
    }

    /// Sends it, and reads the answer to its end.
    pub(crate) async fn send(&self, within: Duration) -> Result<Got> {
        let (started, at) = (Instant::now(), SystemTime::now());
        let outcome = tokio::time::timeout(within, self.exchange()).await;
        let (status, bytes) = outcome.map_err(|_| {
            Failure::new(Exit::Timeout, format!("{} did not answer in time", self.uri))
                .help("give it longer with --timeout")
        })??;
        Ok(Got {
            status,
            bytes,
            span: self.span(status, at, started.elapsed()),
        })
    }

    async fn exchange(&self) -> Result<(StatusCode, u64)> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        if self.uri.scheme_str() != Some("https") {
            return self.exchange_over(tcp).await;
        }
        let ring = rustls::crypto::ring::default_provider();
        let tls = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(ring)
            .map_err(|error| {
                Failure::failed("the certificates that this machine trusts cannot be read").because(error)
            })?;
        self.exchange_over(tls.https_only().enable_http1().wrap_connector(tcp))
            .await
    }

    async fn exchange_over(
        &self,
        connector: impl Connect + Clone + Send + Sync + 'static,
    ) -> Result<(StatusCode, u64)> {
        let client = Client::builder(TokioExecutor::new()).build::<_, Empty<bytes::Bytes>>(connector);
        let request = HttpRequest::get(&self.uri)
            .header(TRACEPARENT, &*self.context.traceparent())
            .body(Empty::new())?;
        let response = client.request(request).await;
        let mut response: Response<_> = response.map_err(|error| {
            let mut cause: &dyn std::error::Error = &error;
            while let Some(deeper) = cause.source() {
                cause = deeper;
            }
            Failure::failed(format!("{} was not reached", self.uri)).because(cause)
        })?;
        let mut bytes = 0;
        while let Some(frame) = response.body_mut().frame().await {
            let frame = frame.map_err(|error| Failure::failed("the answer broke off").because(error))?;
            bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
        }
        Ok((response.status(), bytes))
    }

    fn span(&self, status: StatusCode, at: SystemTime, took: Duration) -> HostSpan {
        let nanoseconds = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let start_ns = nanoseconds(at.duration_since(UNIX_EPOCH).unwrap_or_default());
        let attributes = [
            ("http.request.method", "GET".into()),
            ("url.full", self.uri.to_string().into()),
            ("http.response.status_code", status.as_u16().into()),
        ];
        let is_error = status.is_client_error() || status.is_server_error();
        HostSpan {
            host: HERE.to_owned(),
            span: TraceSpan {
                trace_id: self.trace_id(),
                span_id: self.span_id(),
                parent_id: None,
                name: "GET".to_owned(),
                kind: TraceSpanKind::Client,
                start_ns,
                end_ns: start_ns.saturating_add(nanoseconds(took)),
                error: is_error.then(|| TraceError {
                    kind: status.as_u16().to_string(),
                    message: status.canonical_reason().unwrap_or("failed").to_owned(),
                }),
                attributes: BTreeMap::from(attributes.map(|(name, value)| (name.to_owned(), value))),
                events: Vec::new(),
                links: Vec::new(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_begins_a_trace_of_its_own() {
        let [one, other] = [(); 2].map(|()| Request::new(Uri::from_static("http://a/")));
        assert_ne!(one.trace_id(), other.trace_id());
        assert!(one.context.sampled());
        let span = one.span(StatusCode::BAD_GATEWAY, UNIX_EPOCH, Duration::from_nanos(5));
        assert_eq!((span.span.span_id, span.span.end_ns), (one.span_id(), 5));
        assert_eq!(span.span.error.expect("is one").kind, "502");
    }
}
