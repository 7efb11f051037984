//! A server that is a script, and a link that allows it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use provider_http_client::{ClientConfig, HttpClient};
use provider_sdk::Provider as _;
use provider_sdk::capability::http::empty_body;
use provider_sdk::capability::{CallContext, HttpBody, HttpError, OutgoingHttp, RequestOptions};
use provider_sdk::testing::{binding, context};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const SHORT: Duration = Duration::from_millis(100);

/// Listens, and runs `script` on each connection.
pub(crate) async fn server<F>(script: impl Fn(Peer) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(script(Peer(stream)));
        }
    });
    address
}

/// The server's end of a connection.
pub(crate) struct Peer(pub(crate) TcpStream);

impl Peer {
    /// Reads a request's head; `None` when the client has left.
    pub(crate) async fn head(&mut self) -> Option<String> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.ok()?);
        }
        String::from_utf8(head).ok()
    }

    pub(crate) async fn send(&mut self, text: &str) {
        // The client may have what it wanted.
        let _ = self.0.write_all(text.as_bytes()).await;
    }
}

/// Answers every request on a connection with its own head.
pub(crate) async fn echo_head(mut peer: Peer) {
    while let Some(head) = peer.head().await {
        peer.send(&format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{head}",
            head.len()
        ))
        .await;
    }
}

/// One actor's way out.
pub(crate) struct Actor {
    pub(crate) provider: Arc<HttpClient>,
    outlet: Arc<dyn OutgoingHttp>,
    pub(crate) ctx: CallContext,
}

/// Links an actor with these settings.
pub(crate) async fn actor(client: ClientConfig, link: &[(&str, &str)]) -> Actor {
    let provider = HttpClient::new(client).expect("is right");
    let binding = binding("actor/shop", "wasi:http/outgoing-handler", "provider/out", link);
    let ctx = context(&binding);
    provider.link(binding).await.expect("links");
    let outlet = provider.outgoing_http(&ctx.link).expect("it was linked");
    Actor { provider, outlet, ctx }
}

impl Actor {
    pub(crate) async fn send(
        &self,
        request: Request<HttpBody>,
        options: RequestOptions,
    ) -> Result<Response<HttpBody>, HttpError> {
        self.outlet.send(&self.ctx, request, options).await
    }

    pub(crate) async fn get(&self, uri: impl AsRef<str>) -> Result<Response<HttpBody>, HttpError> {
        self.send(get(uri), RequestOptions::default()).await
    }
}

pub(crate) fn get(uri: impl AsRef<str>) -> Request<HttpBody> {
    Request::get(uri.as_ref()).body(empty_body()).unwrap()
}

pub(crate) async fn read(response: Response<HttpBody>) -> Result<Bytes, HttpError> {
    response
        .into_body()
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
}
