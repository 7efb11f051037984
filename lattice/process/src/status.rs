//! What a program tells over HTTP to those who look after it: its metrics, that it lives, whether it serves.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context as _;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use lattice_telemetry::Scrape;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};
use tracing::{debug, info, warn};

/// Those who may ask at a time. When full: the next waits until one has gone.
const CONNECTIONS_MAX: usize = 16;
/// How long a connection may last. Whoever asks every few seconds makes a new one now and then.
const CONNECTION_MAX: Duration = Duration::from_secs(60);
/// How long a request may take to arrive.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause after the system gave no connection, for want of file handles.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const PROMETHEUS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// Why a program does not serve now, or that it does.
type Probe = dyn Fn() -> Result<(), &'static str> + Send + Sync;

/// Whether a program serves: unknown, and therefore not, until somebody says how to find out. Cheap to clone.
#[derive(Clone, Default)]
pub struct Readiness(Arc<OnceLock<Box<Probe>>>);

/// Serves `/metrics`, `/livez` and `/readyz` until it is dropped.
#[derive(Debug)]
pub struct StatusServer {
    address: SocketAddr,
    _task: AbortOnDropHandle<()>,
}

impl Readiness {
    /// Says how to find out. The first word counts.
    pub fn ask(&self, probe: impl Fn() -> Result<(), &'static str> + Send + Sync + 'static) {
        // Said twice: whoever was first knows.
        let _ = self.0.set(Box::new(probe));
    }

    fn look(&self) -> Result<(), &'static str> {
        self.0.get().map_or(Err("starting"), |probe| probe())
    }
}

impl StatusServer {
    /// Listens, and serves from now on. Port 0 takes a free one.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn start(address: SocketAddr, metrics: Scrape, readiness: Readiness) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address).await;
        let listener = listener.with_context(|| {
            format!("cannot listen on the metrics address {address}: choose another by `--metrics-address`")
        })?;
        let address = listener.local_addr().context("the metrics address is not known")?;
        info!(%address, "serves /metrics, /livez and /readyz");
        let pages = Arc::new(Pages { metrics, readiness });
        Ok(Self {
            address,
            _task: AbortOnDropHandle::new(tokio::spawn(serve(listener, pages))),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn serve(listener: TcpListener, pages: Arc<Pages>) {
    let (places, tasks) = (Arc::new(Semaphore::new(CONNECTIONS_MAX)), Connections::default());
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                warn!(%error, "cannot take a connection for metrics");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let pages = Arc::clone(&pages);
        tasks.spawn(async move {
            let _place = place;
            talk(stream, pages).await;
        });
    }
}

async fn talk(stream: TcpStream, pages: Arc<Pages>) {
    let service = service_fn(move |request| {
        let pages = Arc::clone(&pages);
        async move { Ok::<_, Infallible>(pages.answer(&request).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    if let Ok(Err(error)) = tokio::time::timeout(CONNECTION_MAX, connection).await {
        debug!(%error, "a connection for metrics broke");
    }
}

struct Pages {
    metrics: Scrape,
    readiness: Readiness,
}

impl Pages {
    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return page(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET is served here\n");
        }
        match request.uri().path() {
            "/metrics" => {
                let metrics = self.metrics.clone();
                // Thousands of series take a while to write down.
                match tokio::task::spawn_blocking(move || metrics.text()).await {
                    Ok(text) => page(StatusCode::OK, PROMETHEUS, text),
                    Err(_) => page(StatusCode::INTERNAL_SERVER_ERROR, TEXT, "metrics cannot be read\n"),
                }
            }
            "/livez" => page(StatusCode::OK, TEXT, "ok\n"),
            "/readyz" => match self.readiness.look() {
                Ok(()) => page(StatusCode::OK, TEXT, "ok\n"),
                Err(why) => page(StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("{why}\n")),
            },
            _ => page(StatusCode::NOT_FOUND, TEXT, "here are /metrics, /livez and /readyz\n"),
        }
    }
}

fn page(status: StatusCode, kind: HeaderValue, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// The connections of a server, ended with it.
#[derive(Default)]
struct Connections {
    tracker: TaskTracker,
    ending: tokio_util::sync::CancellationToken,
}

impl Connections {
    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let ending = self.ending.clone();
        self.tracker.spawn(async move {
            ending.run_until_cancelled(work).await;
        });
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        self.ending.cancel();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use lattice_telemetry::{KeyValue, Telemetry, TraceSettings};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn ask(address: SocketAddr, what: &str) -> String {
        let mut stream = TcpStream::connect(address).await.expect("connects");
        let request = format!("{what} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sends");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("reads");
        answer
    }

    #[tokio::test]
    async fn tells_metrics_that_it_lives_and_when_it_is_ready() {
        let settings = TraceSettings::from_lookup(|_| None).expect("settings");
        let telemetry = Telemetry::start(&settings, vec![KeyValue::new("service.name", "test")]).expect("starts");
        telemetry.instruments(true).reconnected(1);
        let readiness = Readiness::default();
        let local = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = StatusServer::start(local, telemetry.scrape(), readiness.clone()).await;
        let address = server.as_ref().expect("listens").address();

        let metrics = ask(address, "GET /metrics").await;
        assert!(metrics.starts_with("HTTP/1.1 200 OK\r\n"), "{metrics}");
        assert!(metrics.contains("content-type: text/plain; version=0.0.4"), "{metrics}");
        assert!(metrics.contains("\nlattice_nats_reconnects_total{"), "{metrics}");
        assert!(ask(address, "GET /livez").await.ends_with("\r\n\r\nok\n"));
        assert!(ask(address, "GET /readyz").await.starts_with("HTTP/1.1 503 "));

        let ready = Arc::new(AtomicBool::new(true));
        let asked = Arc::clone(&ready);
        readiness.ask(move || asked.load(Ordering::Relaxed).then_some(()).ok_or("draining"));
        assert!(ask(address, "GET /readyz").await.starts_with("HTTP/1.1 200 "));
        ready.store(false, Ordering::Relaxed);
        assert!(ask(address, "GET /readyz").await.ends_with("\r\n\r\ndraining\n"));

        assert!(ask(address, "GET /").await.starts_with("HTTP/1.1 404 "));
        assert!(ask(address, "POST /metrics").await.starts_with("HTTP/1.1 405 "));
        assert!(!ask(address, "HEAD /metrics").await.contains("lattice_"));
        drop(server);
        let gone = async {
            while TcpStream::connect(address).await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), gone)
            .await
            .expect("listens no more");
    }

    #[tokio::test]
    async fn an_address_in_use_is_named() {
        let taken = TcpListener::bind("127.0.0.1:0").await.expect("listens");
        let address = taken.local_addr().expect("an address");
        let started = StatusServer::start(address, Telemetry::off().scrape(), Readiness::default()).await;
        let error = format!("{:#}", started.expect_err("is taken"));
        assert!(
            error.contains(&address.to_string()) && error.contains("--metrics-address"),
            "{error}"
        );
    }
}
