//! An actor that is a function, a server in front of it, and a client that writes bytes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use lattice_core::{ActorKey, Fault, LinkId};
use provider_http_server::{HttpServer, ServerConfig};
use provider_sdk::capability::http::full_body;
use provider_sdk::capability::{BrokerMessage, HttpBody, SpanRef};
use provider_sdk::testing::labelled;
use provider_sdk::{ActorInvoker, LinkError, Provider as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// One call that reached the actor.
pub(crate) struct Call {
    pub(crate) link: LinkId,
    pub(crate) key: Option<ActorKey>,
    pub(crate) request: Request<HttpBody>,
    pub(crate) deadline: Instant,
    pub(crate) trace: Option<SpanRef>,
}

type Answer = Result<Response<HttpBody>, Fault>;
type Respond = dyn Fn(Call) -> BoxFuture<'static, Answer> + Send + Sync;

struct FakeActor(Box<Respond>);

#[async_trait]
impl ActorInvoker for FakeActor {
    async fn http(
        &self,
        link: &LinkId,
        key: Option<ActorKey>,
        request: Request<HttpBody>,
        deadline: Instant,
        trace: Option<SpanRef>,
    ) -> Answer {
        (self.0)(Call {
            link: link.clone(),
            key,
            request,
            deadline,
            trace,
        })
        .await
    }

    async fn message(
        &self,
        _: &LinkId,
        _: Option<ActorKey>,
        _: BrokerMessage,
        _: Instant,
        _: Option<SpanRef>,
    ) -> Result<Result<(), String>, Fault> {
        unreachable!("an HTTP server has no messages")
    }
}

/// Starts a server on a free port, with short waits, in front of `respond`.
pub(crate) async fn server<F>(
    config: ServerConfig,
    respond: impl Fn(Call) -> F + Send + Sync + 'static,
) -> Arc<HttpServer>
where
    F: Future<Output = Answer> + Send + 'static,
{
    let actor = FakeActor(Box::new(move |call| Box::pin(respond(call))));
    HttpServer::bind(config, Arc::new(actor), provider_sdk::telemetry::Tracer::off())
        .await
        .expect("a free port")
}

pub(crate) fn config() -> ServerConfig {
    ServerConfig {
        addresses: vec!["127.0.0.1:0".parse().expect("an address")],
        ..ServerConfig::default()
    }
}

/// Starts a server whose one route takes everything.
pub(crate) async fn open_server<F>(
    config: ServerConfig,
    respond: impl Fn(Call) -> F + Send + Sync + 'static,
) -> Arc<HttpServer>
where
    F: Future<Output = Answer> + Send + 'static,
{
    let server = server(config, respond).await;
    route(&server, "all", &[]).await.expect("no other route");
    server
}

/// Links the server to the actor `name`.
pub(crate) async fn route(server: &HttpServer, name: &str, config: &[(&str, &str)]) -> Result<LinkId, LinkError> {
    let binding = labelled(
        "provider/http",
        "wasi:http/incoming-handler",
        &format!("actor/{name}"),
        name,
        config,
    );
    let link = binding.link.id.clone();
    server.link(binding).await.map(|()| link)
}

pub(crate) fn text(text: impl Into<Bytes>) -> Answer {
    Ok(Response::new(full_body(text)))
}

/// A connection on which the test writes what it likes.
pub(crate) struct Client(pub(crate) TcpStream);

/// A response, taken apart.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .find_map(|line| line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)))
            .map(|(_, value)| value)
    }
}

impl Client {
    pub(crate) async fn connect(server: &HttpServer) -> Self {
        Self(
            TcpStream::connect(server.addresses()[0])
                .await
                .expect("the server listens"),
        )
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.expect("the server reads");
    }

    /// Asks for a path and reads the response; the connection stays open.
    pub(crate) async fn get(&mut self, path: &str) -> Got {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n")).await;
        self.read().await
    }

    /// Reads one response. Panics when none comes.
    pub(crate) async fn read(&mut self) -> Got {
        let reading = async {
            let mut bytes = Vec::new();
            let head_end = loop {
                if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                    break at + 4;
                }
                let mut byte = [0];
                let read = self.0.read(&mut byte).await.expect("reads");
                assert_ne!(
                    read,
                    0,
                    "the connection ended after {:?}",
                    String::from_utf8_lossy(&bytes)
                );
                bytes.push(byte[0]);
            };
            let head = String::from_utf8(bytes[..head_end].to_vec()).expect("a head is text");
            let mut got = Got {
                status: head[9..12].parse().expect("a status"),
                head,
                body: String::new(),
            };
            got.body = self.read_body(&got).await;
            got
        };
        tokio::time::timeout(Duration::from_secs(20), reading)
            .await
            .expect("a response within 20 s")
    }

    async fn read_body(&mut self, got: &Got) -> String {
        let mut body = Vec::new();
        if let Some(length) = got.header("content-length") {
            body.resize(length.parse().expect("a length"), 0);
            self.0.read_exact(&mut body).await.expect("a whole body");
        } else if got.header("transfer-encoding").is_some() {
            loop {
                let size = usize::from_str_radix(self.read_line().await.trim(), 16).expect("a chunk size");
                let mut chunk = vec![0; size + 2];
                self.0.read_exact(&mut chunk).await.expect("a whole chunk");
                if size == 0 {
                    break;
                }
                body.extend_from_slice(&chunk[..size]);
            }
        }
        String::from_utf8_lossy(&body).into_owned()
    }

    pub(crate) async fn read_line(&mut self) -> String {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.push(self.0.read_u8().await.expect("a whole line"));
        }
        String::from_utf8(line).expect("a line is text")
    }

    /// Waits until the server closes the connection, and returns what came before.
    pub(crate) async fn read_to_end(&mut self) -> String {
        let mut rest = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(20), self.0.read_to_end(&mut rest)).await;
        // A reset is an end too.
        let _ = read.expect("the server closes the connection within 20 s");
        String::from_utf8_lossy(&rest).into_owned()
    }
}

/// Asks on a connection of its own.
pub(crate) async fn get(server: &HttpServer, path: &str) -> Got {
    Client::connect(server).await.get(path).await
}
