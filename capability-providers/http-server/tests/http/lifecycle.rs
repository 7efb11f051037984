//! Starting and stopping.

use std::collections::BTreeMap;
use std::time::Duration;

use provider_http_server::{HttpServer, ServerConfig};
use provider_sdk::{Provider as _, ShutdownReport, StartError};
use tokio::sync::oneshot;

use crate::support::{Client, config, open_server, text};

#[tokio::test]
async fn a_shutdown_waits_for_requests_in_flight() {
    let (entered, wait_entered) = oneshot::channel();
    let (release, wait_release) = oneshot::channel::<()>();
    let gates = std::sync::Mutex::new(Some((entered, wait_release)));
    let server = open_server(config(), move |_| {
        let gates = gates.lock().unwrap().take();
        async move {
            let (entered, wait_release) = gates.expect("one request");
            entered.send(()).unwrap();
            wait_release.await.unwrap();
            text("done")
        }
    })
    .await;
    let address = server.addresses()[0];
    let mut client = Client::connect(&server).await;
    let mut idle = Client::connect(&server).await;
    client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n").await;
    wait_entered.await.unwrap();
    let stopping = tokio::spawn(async move { server.shutdown(Duration::from_secs(20)).await });
    idle.read_to_end().await;
    assert!(
        tokio::net::TcpStream::connect(address).await.is_err(),
        "nobody listens any more"
    );
    release.send(()).unwrap();
    let got = client.read().await;
    assert_eq!((got.body.as_str(), got.header("connection")), ("done", Some("close")));
    assert_eq!(stopping.await.unwrap(), ShutdownReport::Drained);
}

#[tokio::test]
async fn a_shutdown_cuts_off_what_does_not_end() {
    let (entered, wait_entered) = oneshot::channel();
    let entered = std::sync::Mutex::new(Some(entered));
    let server = open_server(config(), move |_| {
        entered.lock().unwrap().take().expect("one request").send(()).unwrap();
        std::future::pending()
    })
    .await;
    let mut client = Client::connect(&server).await;
    client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n").await;
    wait_entered.await.unwrap();
    let report = server.shutdown(Duration::from_millis(50)).await;
    assert_eq!(report, ShutdownReport::Aborted(1));
    client.read_to_end().await;
}

#[tokio::test]
async fn an_address_that_is_taken_is_told() {
    let server = open_server(config(), |_| async { text("ok") }).await;
    let taken = ServerConfig {
        addresses: server.addresses().to_vec(),
        ..config()
    };
    let setup = BTreeMap::from([("address".to_owned(), server.addresses()[0].to_string())]);
    assert_eq!(ServerConfig::read(&setup), Ok(taken.clone()));
    let error = HttpServer::bind(
        taken,
        std::sync::Arc::new(Nobody),
        provider_sdk::telemetry::Tracer::off(),
    )
    .await
    .err()
    .expect("the port is taken");
    assert!(
        matches!(&error, StartError::Unavailable(why) if why.contains("in use")),
        "{error}"
    );
}

struct Nobody;

#[async_trait::async_trait]
impl provider_sdk::ActorInvoker for Nobody {
    async fn http(
        &self,
        _: &lattice_core::LinkId,
        _: Option<lattice_core::ActorKey>,
        _: http::Request<provider_sdk::capability::HttpBody>,
        _: std::time::Instant,
        _: Option<provider_sdk::capability::SpanRef>,
    ) -> Result<http::Response<provider_sdk::capability::HttpBody>, lattice_core::Fault> {
        unreachable!("nothing is linked")
    }

    async fn message(
        &self,
        _: &lattice_core::LinkId,
        _: Option<lattice_core::ActorKey>,
        _: provider_sdk::capability::BrokerMessage,
        _: std::time::Instant,
        _: Option<provider_sdk::capability::SpanRef>,
    ) -> Result<Result<(), String>, lattice_core::Fault> {
        unreachable!("nothing is linked")
    }
}
