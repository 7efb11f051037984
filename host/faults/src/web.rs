//! The clients' HTTP.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// An HTTP client with a pool of connections.
#[derive(Clone)]
pub(crate) struct Web {
    client: Client<HttpConnector, Full<Bytes>>,
    /// How long one try may take. A front that is dead or stuck is left for the other one after that.
    patience: Duration,
}

/// What is asked.
pub(crate) struct Ask<'a> {
    pub(crate) method: &'a Method,
    pub(crate) url: &'a str,
    /// Requests with the same one are the same call.
    pub(crate) idempotency_key: &'a str,
    pub(crate) body: &'a str,
}

impl Web {
    pub(crate) fn new(patience: Duration) -> Self {
        Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            patience,
        }
    }

    /// Asks once. None when no whole answer came in time.
    pub(crate) async fn ask(&self, ask: &Ask<'_>) -> Option<(StatusCode, Bytes)> {
        let request = Request::builder()
            .method(ask.method)
            .uri(ask.url)
            .header("idempotency-key", ask.idempotency_key)
            .body(Full::new(Bytes::copy_from_slice(ask.body.as_bytes())))
            .expect("method, address and key are well-formed");
        let asked = async {
            let response = self.client.request(request).await.ok()?;
            let status = response.status();
            let body = response.into_body().collect().await.ok()?;
            Some((status, body.to_bytes()))
        };
        tokio::time::timeout(self.patience, asked).await.ok().flatten()
    }
}
