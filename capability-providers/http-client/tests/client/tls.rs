//! Servers are known by their certificates.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use provider_http_client::{ClientConfig, HttpClient};
use provider_sdk::StartError;
use provider_sdk::capability::HttpError;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::support::{actor, read};

/// Made by `tests/client/tls/make.sh`, to last a hundred years.
fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/client/tls")
        .join(name)
}

/// Serves one response to each connection, as `localhost`.
fn server() -> SocketAddr {
    let certificates = CertificateDer::pem_file_iter(file("localhost.pem"))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let key = PrivateKeyDer::from_pem_file(file("localhost.key")).unwrap();
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .unwrap();
    let config = Arc::new(
        config
            .with_no_client_auth()
            .with_single_cert(certificates, key)
            .unwrap(),
    );
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
            // A client that does not like the certificate leaves.
            if stream.read(&mut [0; 4096]).is_ok() {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\nsecret");
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    address
}

#[tokio::test]
async fn a_server_of_a_trusted_authority_is_spoken_to() {
    let port = server().port();
    let config = ClientConfig {
        ca_file: Some(file("authority.pem")),
        ..ClientConfig::default()
    };
    let shop = actor(config, &[("hosts", "https://localhost:*,https://127.0.0.1:*")]).await;
    let got = read(shop.get(format!("https://localhost:{port}/")).await.unwrap())
        .await
        .unwrap();
    assert_eq!(got, "secret");
    let other_name = shop.get(format!("https://127.0.0.1:{port}/")).await.map(drop);
    assert_eq!(
        other_name,
        Err(HttpError::TlsCertificate),
        "the certificate is for the name"
    );
    assert_eq!(
        shop.get(format!("http://localhost:{port}/")).await.map(drop),
        Err(HttpError::RequestDenied)
    );
}

#[tokio::test]
async fn a_server_of_an_unknown_authority_is_not() {
    let port = server().port();
    let shop = actor(ClientConfig::default(), &[("hosts", "localhost:*")]).await;
    let got = shop.get(format!("https://localhost:{port}/")).await.map(drop);
    assert_eq!(got, Err(HttpError::TlsCertificate));
}

#[tokio::test]
async fn what_does_not_speak_tls_is_told() {
    let address = crate::support::server(|mut peer| async move { peer.send("HTTP/1.1 400 no\r\n\r\n").await }).await;
    let shop = actor(ClientConfig::default(), &[("hosts", "127.0.0.1:*")]).await;
    let got = shop.get(format!("https://{address}/")).await.map(drop);
    assert_eq!(got, Err(HttpError::TlsProtocol));
}

#[test]
fn a_file_without_authorities_is_refused() {
    for name in ["localhost.key", "no-such-file"] {
        let config = ClientConfig {
            ca_file: Some(file(name)),
            ..ClientConfig::default()
        };
        assert!(matches!(HttpClient::new(config), Err(StartError::Config(_))), "{name}");
    }
}
