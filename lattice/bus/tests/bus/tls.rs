//! Encrypted connections.

use std::path::PathBuf;

use lattice_bus::{Bus, BusConfig, ConnectError};
use lattice_testkit::NatsServer;

use crate::{LIMIT, config};

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/bus/tls")
        .join(name)
}

async fn server(more: &str) -> NatsServer {
    let path = |name| file(name).display().to_string();
    let (cert, key, ca) = (path("server.pem"), path("server.key"), path("ca.pem"));
    let tls = format!("tls {{ cert_file: \"{cert}\", key_file: \"{key}\", ca_file: \"{ca}\"{more} }}");
    NatsServer::builder().config(&tls).start().await
}

fn trusting(nats: &NatsServer) -> BusConfig {
    let mut config = config(&nats.url());
    config.tls.ca = Some(file("ca.pem"));
    config
}

async fn works(config: BusConfig) {
    let bus = Bus::connect(config).await.expect("connected");
    bus.round_trip(LIMIT).await.expect("a working connection");
}

#[tokio::test]
async fn a_server_whose_authority_we_trust() {
    let nats = server("").await;
    works(trusting(&nats)).await;
    let mut by_scheme = trusting(&nats).server(nats.url().replace("nats://", "tls://"));
    by_scheme.tls.required = true;
    works(by_scheme).await;
}

#[tokio::test]
async fn a_server_whose_authority_we_do_not_trust() {
    let nats = server("").await;
    let mut config = trusting(&nats);
    config.tls.ca = Some(file("other-ca.pem"));
    let err = Bus::connect(config).await.expect_err("not to be trusted");
    assert!(matches!(err, ConnectError::Tls { .. }), "{err:?}");
    assert!(err.help().contains("CA file"));
}

#[tokio::test]
async fn a_server_that_verifies_clients() {
    let nats = server(", verify: true").await;
    let mut known = trusting(&nats);
    known.tls.cert = Some(file("client.pem"));
    known.tls.key = Some(file("client.key"));
    works(known).await;
    Bus::connect(trusting(&nats))
        .await
        .expect_err("we did not show a certificate");
}

#[tokio::test]
async fn tls_before_the_greeting() {
    let nats = server(", handshake_first: true").await;
    let mut config = trusting(&nats);
    config.tls.first = true;
    works(config).await;
}

#[tokio::test]
async fn a_server_without_tls_is_refused_when_it_is_required() {
    let nats = NatsServer::start().await;
    let mut config = trusting(&nats);
    config.tls.required = true;
    let err = Bus::connect(config).await.expect_err("a plain server");
    assert!(matches!(err, ConnectError::Tls { .. }), "{err:?}");
}

#[tokio::test]
async fn a_missing_file_is_named() {
    let nats = server("").await;
    let mut config = trusting(&nats);
    config.tls.ca = Some("/no/such/ca.pem".into());
    let err = Bus::connect(config).await.expect_err("no such file");
    assert!(
        matches!(&err, ConnectError::TlsFile { path, .. } if path.ends_with("ca.pem")),
        "{err:?}"
    );
    let mut half = trusting(&nats);
    half.tls.cert = Some(file("client.pem"));
    assert!(
        matches!(Bus::connect(half).await, Err(ConnectError::TlsPair)),
        "a certificate needs its key"
    );
}
