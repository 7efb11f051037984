//! Opens connections: names looked up, TCP, TLS.

use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use std::{fmt, io, vec};

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use provider_sdk::StartError;
use provider_sdk::capability::HttpBody;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig as TlsConfig, RootCertStore};
use tower_service::Service;

use crate::config::ClientConfig;

/// The pooled client.
pub(crate) type Pool = Client<HttpsConnector<HttpConnector<Resolver>>, HttpBody>;

/// Makes the client. It owns the tasks of its connections, which end with it.
pub(crate) fn pool(config: &ClientConfig) -> Result<Pool, StartError> {
    let mut tcp = HttpConnector::new_with_resolver(Resolver);
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(config.timeouts.connect));
    tcp.set_keepalive(Some(Duration::from_secs(60)));
    let https = HttpsConnectorBuilder::new()
        .with_tls_config(tls(config)?)
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(config.idle_timeout)
        .pool_max_idle_per_host(config.idle_per_host)
        .build(https))
}

fn tls(config: &ClientConfig) -> Result<TlsConfig, StartError> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if let Some(path) = &config.ca_file {
        for authority in read_authorities(path).map_err(|why| StartError::Config(vec![format!("`ca-file` {why}")]))? {
            roots.add(authority).map_err(|error| {
                StartError::Config(vec![format!(
                    "`ca-file` {} has a certificate that is no authority: {error}",
                    path.display()
                )])
            })?;
        }
    }
    let ring = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let builder = TlsConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .map_err(|error| StartError::Unavailable(format!("TLS cannot be set up: {error}")))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn read_authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let shown = path.display();
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(authorities) if authorities.is_empty() => Err(format!("{shown} has no certificate in it")),
        Ok(authorities) => Ok(authorities),
        Err(error) => Err(format!("{shown} cannot be read: {error}")),
    }
}

/// Looks names up with the system's resolver, and marks its failures so that they can be told from others.
#[derive(Clone, Debug)]
pub(crate) struct Resolver;

/// A name that could not be looked up.
#[derive(Debug)]
pub(crate) struct DnsError(io::Error);

impl Service<Name> for Resolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = DnsError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(async move {
            // The port is replaced by the URI's.
            let addresses = tokio::net::lookup_host((name.as_str(), 0)).await.map_err(DnsError)?;
            Ok(addresses.collect::<Vec<_>>().into_iter())
        })
    }
}

impl fmt::Display for DnsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name cannot be looked up")
    }
}

impl std::error::Error for DnsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}
