//! A back end for spans.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use super::ReceivedSpan;

/// A server on this machine that takes spans over OTLP/HTTP and keeps them all. It ends when it is dropped.
pub struct OtlpReceiver {
    address: SocketAddr,
    spans: watch::Receiver<Vec<ReceivedSpan>>,
    _server: AbortOnDropHandle<()>,
}

/// What was waited for did not come.
#[derive(Debug, thiserror::Error)]
#[error("what was waited for did not come in {within:?}; these did: {came:?}")]
pub struct NotReceived {
    /// How long.
    pub within: Duration,
    /// Names of the spans that came.
    pub came: Vec<String>,
}

impl OtlpReceiver {
    /// Listens on a free port.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (send, spans) = watch::channel(Vec::new());
        Ok(Self {
            address,
            spans,
            _server: AbortOnDropHandle::new(tokio::spawn(serve(listener, send))),
        })
    }

    /// A value for `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What came until now.
    pub fn spans(&self) -> Vec<ReceivedSpan> {
        self.spans.borrow().clone()
    }

    /// Waits until `enough` says that all came, and returns it.
    ///
    /// # Errors
    ///
    /// With what came instead.
    pub async fn wait_for(
        &self,
        within: Duration,
        mut enough: impl FnMut(&[ReceivedSpan]) -> bool,
    ) -> Result<Vec<ReceivedSpan>, NotReceived> {
        let mut spans = self.spans.clone();
        let came = tokio::time::timeout(within, spans.wait_for(|spans| enough(spans))).await;
        if let Ok(Ok(spans)) = came {
            return Ok(spans.clone());
        }
        let came = self.spans().into_iter().map(|received| received.span.name).collect();
        Err(NotReceived { within, came })
    }
}

async fn serve(listener: TcpListener, spans: watch::Sender<Vec<ReceivedSpan>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let spans = spans.clone();
        connections.spawn(async move {
            let service = service_fn(|request| answer(request, &spans));
            // A client that goes away is no news.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(
    request: Request<Incoming>,
    spans: &watch::Sender<Vec<ReceivedSpan>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let taken = take(request, spans).await;
    let (status, body) = match taken {
        Ok(body) => (StatusCode::OK, body),
        Err(status) => (status, Vec::new()),
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    Ok(response)
}

async fn take(request: Request<Incoming>, spans: &watch::Sender<Vec<ReceivedSpan>>) -> Result<Vec<u8>, StatusCode> {
    match (request.method(), request.uri().path()) {
        (&Method::POST, "/v1/traces") => {}
        // Taken and forgotten.
        (&Method::POST, "/v1/metrics") => return Ok(Vec::new()),
        _ => return Err(StatusCode::NOT_FOUND),
    }
    let body = request
        .into_body()
        .collect()
        .await
        .map_err(|_| StatusCode::BAD_REQUEST)?;
    let request = ExportTraceServiceRequest::decode(body.to_bytes()).map_err(|_| StatusCode::BAD_REQUEST)?;
    let new = ReceivedSpan::read_all(request).ok_or(StatusCode::BAD_REQUEST)?;
    spans.send_modify(|spans| spans.extend(new));
    Ok(ExportTraceServiceResponse::default().encode_to_vec())
}
