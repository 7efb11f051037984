//! Makes the exporters.

use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::connect::HttpConnector;
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_otlp::tonic_types::metadata::MetadataMap;
use opentelemetry_otlp::{
    Compression, MetricExporter, Protocol as Wire, SpanExporter, WithExportConfig, WithHttpConfig, WithTonicConfig,
};

use super::{Io, tls};
use crate::error::TelemetryError;
use crate::settings::{OtlpSettings, Protocol};

/// Makes the exporter of spans.
pub(crate) fn span_exporter(settings: &OtlpSettings, io: &Io) -> Result<SpanExporter, TelemetryError> {
    // A gRPC channel starts a task at once.
    let _entered = io.enter();
    let builder = SpanExporter::builder();
    let built = match settings.protocol {
        Protocol::Http => over_http(builder.with_http(), settings)?.build(),
        Protocol::Grpc => over_grpc(builder.with_tonic(), settings)?.build(),
    };
    built.map_err(|source| TelemetryError::BuildExporter {
        endpoint: settings.endpoint.clone(),
        source,
    })
}

/// Makes the exporter of metrics.
pub(crate) fn metric_exporter(settings: &OtlpSettings, io: &Io) -> Result<MetricExporter, TelemetryError> {
    let _entered = io.enter();
    let builder = MetricExporter::builder();
    let built = match settings.protocol {
        Protocol::Http => over_http(builder.with_http(), settings)?.build(),
        Protocol::Grpc => over_grpc(builder.with_tonic(), settings)?.build(),
    };
    built.map_err(|source| TelemetryError::BuildExporter {
        endpoint: settings.endpoint.clone(),
        source,
    })
}

fn over_http<B: WithExportConfig + WithHttpConfig>(builder: B, settings: &OtlpSettings) -> Result<B, TelemetryError> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(settings.timeout));
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls::for_http(settings.ca_file.as_deref())?)
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    let builder = builder
        .with_protocol(Wire::HttpBinary)
        .with_endpoint(&settings.endpoint)
        .with_timeout(settings.timeout)
        .with_headers(settings.headers.iter().cloned().collect())
        .with_http_client(HyperClient::new(connector, settings.timeout, None));
    Ok(if settings.gzip {
        builder.with_compression(Compression::Gzip)
    } else {
        builder
    })
}

fn over_grpc<B: WithExportConfig + WithTonicConfig>(builder: B, settings: &OtlpSettings) -> Result<B, TelemetryError> {
    let mut headers = http::HeaderMap::new();
    for (name, value) in &settings.headers {
        let parsed = (http::HeaderName::from_bytes(name.as_bytes()).ok()).zip(value.parse().ok());
        let (key, value) = parsed.ok_or_else(|| TelemetryError::BuildHeader { name: name.clone() })?;
        headers.insert(key, value);
    }
    let mut builder = builder
        .with_protocol(Wire::Grpc)
        .with_endpoint(&settings.endpoint)
        .with_timeout(settings.timeout)
        .with_metadata(MetadataMap::from_headers(headers));
    if settings.endpoint.starts_with("https://") {
        builder = builder.with_tls_config(tls::for_grpc(settings.ca_file.as_deref())?);
    }
    Ok(if settings.gzip {
        builder.with_compression(Compression::Gzip)
    } else {
        builder
    })
}
