//! What can go wrong between a process and where its telemetry goes.

use std::path::PathBuf;
use std::time::Duration;

use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_sdk::error::OTelSdkError;

/// Telemetry did not start, or not everything was sent before it ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// No thread or no event loop could be had.
    #[error("the thread that sends telemetry cannot be started")]
    StartThread(#[source] std::io::Error),
    /// An exporter does not take its settings.
    #[error("the exporter to {endpoint} cannot be made: check the OTEL_EXPORTER_OTLP_ variables")]
    BuildExporter {
        /// Where it would send.
        endpoint: String,
        /// What it says.
        #[source]
        source: ExporterBuildError,
    },
    /// A value cannot be sent as a header.
    #[error("`{name}` of OTEL_EXPORTER_OTLP_HEADERS cannot be sent: name and value must be of plain characters")]
    BuildHeader {
        /// Its name.
        name: String,
    },
    /// The certificates of the authorities cannot be read.
    #[error("{} has no certificates that can be used: OTEL_EXPORTER_OTLP_CERTIFICATE must name a PEM file", path.display())]
    ReadCertificates {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The TLS library does not take its settings.
    #[error("TLS cannot be set up for the exporter")]
    SetUpTls(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The registry does not take the metrics.
    #[error("the metrics for Prometheus cannot be registered")]
    RegisterMetrics(#[source] OTelSdkError),
    /// The back end did not take what was left in time. It is lost.
    #[error("not all telemetry was sent within {within:?}: what was left is lost")]
    FlushTooLate {
        /// The time there was.
        within: Duration,
    },
    /// The back end did not take what was left. It is lost.
    #[error("not all telemetry was sent: what was left is lost")]
    Flush(#[source] OTelSdkError),
}
