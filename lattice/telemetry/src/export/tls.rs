//! Whose certificates a back end may have.

use std::path::Path;
use std::sync::Arc;

use opentelemetry_otlp::tonic_types::transport::{Certificate, ClientTlsConfig};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use crate::error::TelemetryError;

/// For HTTP: the public authorities, and those in the file.
pub(super) fn for_http(ca_file: Option<&Path>) -> Result<ClientConfig, TelemetryError> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if let Some(path) = ca_file {
        let pem = read(path)?;
        for authority in CertificateDer::pem_slice_iter(&pem) {
            let added = authority
                .map_err(Into::into)
                .and_then(|authority| roots.add(authority).map_err(Into::into));
            added.map_err(|source| unusable(path, source))?;
        }
    }
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .map_err(|error| TelemetryError::SetUpTls(error.into()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// For gRPC: the same.
pub(super) fn for_grpc(ca_file: Option<&Path>) -> Result<ClientTlsConfig, TelemetryError> {
    let config = ClientTlsConfig::new().with_webpki_roots();
    Ok(match ca_file {
        Some(path) => config.ca_certificate(Certificate::from_pem(read(path)?)),
        None => config,
    })
}

fn read(path: &Path) -> Result<Vec<u8>, TelemetryError> {
    std::fs::read(path).map_err(|error| unusable(path, error.into()))
}

fn unusable(path: &Path, source: Box<dyn std::error::Error + Send + Sync>) -> TelemetryError {
    TelemetryError::ReadCertificates {
        path: path.to_owned(),
        source,
    }
}
