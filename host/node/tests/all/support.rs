//! What every test here begins with.

use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lattice_core::ActorSpec;
use lattice_node::testing::{HostOptions, TestHost, TestLattice, guest};
use lattice_telemetry::Telemetry;
use lattice_testkit::NatsServer;

pub(crate) const INCOMING: &str = "wasi:http/incoming-handler";
pub(crate) const PONG: &str = "example:ping-pong/pong";

/// A nats-server of its own, and a lattice on it.
pub(crate) async fn lattice() -> (NatsServer, TestLattice) {
    start_logging();
    let nats = NatsServer::start().await;
    let lattice = TestLattice::start(&nats.url()).await;
    (nats, lattice)
}

/// Logs go where the test's output goes: shown when it fails. `LATTICE_TEST_LOG=debug` shows more.
pub(crate) fn start_logging() {
    static STARTED: OnceLock<()> = OnceLock::new();
    STARTED.get_or_init(|| {
        let filter = std::env::var("LATTICE_TEST_LOG").unwrap_or_else(|_| "warn".to_owned());
        let _ = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_test_writer()
            .try_init();
    });
}

/// Starts a guest as an actor of the same name, on each of these hosts.
pub(crate) async fn start_guest(lattice: &TestLattice, name: &str, hosts: &[&TestHost]) {
    let spec = lattice.actor(name, guest(name)).await;
    for host in hosts {
        lattice.start_actor(*host, &spec).await;
    }
}

/// Two hosts that tell of their work, `ping` behind HTTP on the first, and `pong`, which it calls, on the second; and the URL.
pub(crate) async fn ping_pong(
    lattice: &TestLattice,
    one: &Telemetry,
    other: &Telemetry,
) -> (TestHost, TestHost, String) {
    let here = lattice.host_with(HostOptions::named("here").telling(one)).await;
    let there = lattice.host_with(HostOptions::named("there").telling(other)).await;
    lattice.link("actor/ping", PONG, "actor/pong", &[]).await;
    start_guest(lattice, "ping", &[&here]).await;
    start_guest(lattice, "pong", &[&there]).await;
    let url = serve(lattice, &here, "ping").await;
    (here, there, url)
}

/// Stores the guest that streams, as an actor of that name. It can also fetch, so it has a link for that, which leads nowhere.
pub(crate) async fn streamer(lattice: &TestLattice, name: &str) -> ActorSpec {
    lattice
        .link(
            &format!("actor/{name}"),
            "wasi:http/outgoing-handler",
            "provider/nobody",
            &[],
        )
        .await;
    lattice.actor(name, guest("test-http-stream")).await
}

/// Starts an HTTP server on `host` with everything going to one actor, and returns its URL.
pub(crate) async fn serve(lattice: &TestLattice, host: &TestHost, actor: &str) -> String {
    let url = lattice.start_http(host, "http").await;
    lattice
        .link("provider/http", INCOMING, &format!("actor/{actor}"), &[("path", "/")])
        .await;
    url
}

/// An HTTP client with a connection pool.
#[derive(Clone)]
pub(crate) struct Http(Client<HttpConnector, Full<Bytes>>);

impl Http {
    pub(crate) fn new() -> Self {
        Self(
            Client::builder(TokioExecutor::new())
                .pool_idle_timeout(Duration::from_secs(30))
                .build_http(),
        )
    }

    pub(crate) async fn get(&self, url: &str) -> Answer {
        self.request(Method::GET, url, "").await
    }

    /// Gets with one more header.
    pub(crate) async fn get_with(&self, url: &str, header: &'static str, value: &str) -> Answer {
        let request = Request::get(url).header(header, value).body(Full::default());
        let response = self.0.request(request.expect("a request")).await.expect("an answer");
        let status = response.status();
        let body = response.into_body().collect().await.expect("a whole body");
        Answer {
            status,
            body: body.to_bytes(),
        }
    }

    pub(crate) async fn post(&self, url: &str, body: impl Into<Bytes>) -> Answer {
        self.request(Method::POST, url, body).await
    }

    pub(crate) async fn request(&self, method: Method, url: &str, body: impl Into<Bytes>) -> Answer {
        let what = format!("{method} {url}");
        self.try_request(method, url, body)
            .await
            .unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    pub(crate) async fn try_request(
        &self,
        method: Method,
        url: &str,
        body: impl Into<Bytes>,
    ) -> Result<Answer, String> {
        let response = self.open(method, url, body).await?;
        let status = response.status();
        let body = response
            .into_body()
            .collect()
            .await
            .map_err(|error| format!("the body broke off: {error}"))?;
        Ok(Answer {
            status,
            body: body.to_bytes(),
        })
    }

    /// Sends a request and returns when the head of the response is here.
    pub(crate) async fn open(
        &self,
        method: Method,
        url: &str,
        body: impl Into<Bytes>,
    ) -> Result<Response<Incoming>, String> {
        let request = Request::builder()
            .method(method)
            .uri(url)
            .body(Full::new(body.into()))
            .map_err(|e| e.to_string())?;
        self.0.request(request).await.map_err(|error| format!("{error:?}"))
    }
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The text of an answer that must be 200.
    pub(crate) fn ok(&self) -> String {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text());
        self.text()
    }
}

/// Components written by hand, for what no sane guest does.
pub(crate) mod wat {
    /// Serves HTTP by doing `body` and never answering.
    fn http(body: &str) -> Vec<u8> {
        let text = format!(
            r#"(component
                (import "wasi:http/types@0.2.0" (instance $types
                    (export "incoming-request" (type (sub resource)))
                    (export "response-outparam" (type (sub resource)))))
                (alias export $types "incoming-request" (type $request))
                (alias export $types "response-outparam" (type $out))
                (core module $m
                    (memory (export "memory") 1)
                    (func (export "handle") (param i32 i32) {body}))
                (core instance $i (instantiate $m))
                (func $handle (param "request" (own $request)) (param "response-out" (own $out))
                    (canon lift (core func $i "handle")))
                (instance $handler (export "handle" (func $handle)))
                (export "wasi:http/incoming-handler@0.2.0" (instance $handler)))"#
        );
        wat::parse_str(text).expect("a component")
    }

    /// Never returns.
    pub(crate) fn spinner() -> Vec<u8> {
        http("(loop $l (br $l))")
    }

    /// Takes memory until it gets no more, then traps.
    pub(crate) fn hog() -> Vec<u8> {
        http("(loop $l (br_if $l (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable")
    }

    /// Exports `test:spin/spin` with `forever: func()`, which never returns.
    pub(crate) fn spinning_function() -> Vec<u8> {
        let text = r#"(component
            (core module $m (func (export "forever") (loop $l (br $l))))
            (core instance $i (instantiate $m))
            (func $forever (canon lift (core func $i "forever")))
            (instance $spin (export "forever" (func $forever)))
            (export "test:spin/spin" (instance $spin)))"#;
        wat::parse_str(text).expect("a component")
    }
}
