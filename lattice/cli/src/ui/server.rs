//! Serves the page, and what it shows, to browsers.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Result;
use http::{Method, Request, StatusCode};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
};
use tokio_util::{
    sync::CancellationToken,
    task::{AbortOnDropHandle, TaskTracker},
};

use super::{
    Access, Jaeger, Listen, News,
    answer::{self, Answer, JSON, TEXT},
    assets::Asset,
    stream::Stream,
};
use crate::{failure::Failure, overview::Overview, traces::TraceView};

/// Those who may be connected at a time. When full: the next waits until one has gone.
const CONNECTIONS_MAX: usize = 64;
/// The pages that may be open at a time, fewer than connections, so that there is always one to say no. When full: refused.
const STREAMS_MAX: usize = 32;
/// How long a request may take to arrive.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause after the system gave no connection, for want of file handles.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where what is shown comes from.
pub(crate) struct Sources {
    /// The lattice, as it is now.
    pub(crate) overview: watch::Receiver<Arc<Overview>>,
    /// What happens.
    pub(crate) news: Arc<News>,
    /// The last traces, the latest first.
    pub(crate) traces: watch::Receiver<Arc<Vec<TraceView>>>,
    /// Where traces can be looked at, when somebody said so.
    pub(crate) jaeger: Option<Jaeger>,
}

/// Serves the page until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    _task: AbortOnDropHandle<()>,
}

impl Server {
    /// Listens, and serves from now on.
    ///
    /// # Errors
    /// None of the addresses can be listened on.
    pub(crate) async fn start(listen: &Listen, access: Access, sources: Sources) -> Result<Self> {
        let listener = bind(listen).await?;
        let address = listener.local_addr()?;
        let pages = Arc::new(Pages {
            access,
            sources,
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
        });
        Ok(Self {
            address,
            _task: AbortOnDropHandle::new(tokio::spawn(serve(listener, pages))),
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn bind(listen: &Listen) -> Result<TcpListener> {
    let mut failure = None;
    for address in listen.addresses() {
        match TcpListener::bind(address).await {
            Ok(listener) => return Ok(listener),
            Err(error) => failure = failure.or(Some((address, error))),
        }
    }
    let (address, error) = failure.expect("there is an address to try");
    Err(Failure::failed(format!("cannot listen on {address}"))
        .because(error)
        .help("choose another address by --listen; port 0 takes a free one")
        .into())
}

async fn serve(listener: TcpListener, pages: Arc<Pages>) {
    let (places, connections) = (Arc::new(Semaphore::new(CONNECTIONS_MAX)), Connections::default());
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot take a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let pages = Arc::clone(&pages);
        connections.spawn(async move {
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
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection broke");
    }
}

struct Pages {
    access: Access,
    sources: Sources,
    streams: Arc<Semaphore>,
}

impl Pages {
    async fn answer<B>(&self, request: &Request<B>) -> Answer {
        if !self.access.admits(request.headers()) {
            let text = "this page is for this machine only: ask for it as localhost or 127.0.0.1, or start it with --allow-remote\n";
            return answer::whole(StatusCode::FORBIDDEN, TEXT, text);
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return answer::only_get();
        }
        match request.uri().path() {
            "/api/about" => {
                let about = self.about().await.to_string();
                answer::whole(StatusCode::OK, JSON, about)
            }
            "/api/overview" => {
                let overview = Arc::clone(&self.sources.overview.borrow());
                let text = serde_json::to_vec(&*overview).expect("texts and numbers can be written as JSON");
                answer::whole(StatusCode::OK, JSON, text)
            }
            "/api/stream" => match Arc::clone(&self.streams).try_acquire_owned() {
                Ok(place) => answer::stream(Stream::new(&self.sources, place).chunks()),
                Err(_) => answer::whole(
                    StatusCode::SERVICE_UNAVAILABLE,
                    TEXT,
                    "too many pages are open: close some\n",
                ),
            },
            path => match Asset::at(path) {
                Some(asset) => answer::whole(StatusCode::OK, asset.kind(), asset.bytes),
                None => answer::whole(StatusCode::NOT_FOUND, TEXT, "there is nothing here: the page is at /\n"),
            },
        }
    }

    async fn about(&self) -> serde_json::Value {
        let jaeger = match (&self.sources.jaeger, self.access) {
            (Some(jaeger), _) => Some(jaeger.clone()),
            (None, Access::Loopback) => Jaeger::here().await,
            // Ours is not on the machine of whoever looks.
            (None, Access::Remote) => None,
        };
        json!({ "version": env!("CARGO_PKG_VERSION"), "jaeger": jaeger.as_ref().map(Jaeger::url) })
    }
}

/// The connections of a server, ended with it.
#[derive(Default)]
struct Connections {
    tracker: TaskTracker,
    ending: CancellationToken,
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
mod tests;
