//! Metrics: gathered by the SDK, rendered for Prometheus, sent when there is somewhere to send them.

use std::time::Duration;

use opentelemetry::metrics::{Meter, MeterProvider as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::{Instrument, PeriodicReader, SdkMeterProvider, Stream};
use prometheus::{Registry, TextEncoder};

use crate::error::TelemetryError;
use crate::export::{Io, OnIo, metric_exporter};
use crate::metric;
use crate::settings::OtlpSettings;

/// Series of calls, by who serves, what is called and how it ended. Beyond them the SDK counts together.
const CALL_SERIES_MAX: usize = 16 * 1024;

/// All metrics of a process, for Prometheus. Cheap to clone.
#[derive(Clone)]
pub struct Scrape(Registry);

impl Scrape {
    /// What they are now, in the text format of Prometheus. Takes milliseconds when there are many.
    pub fn text(&self) -> String {
        let text = TextEncoder::new().encode_to_string(&self.0.gather());
        text.unwrap_or_else(|error| {
            tracing::error!(%error, "metrics cannot be rendered for Prometheus");
            String::new()
        })
    }
}

#[derive(Clone)]
pub(crate) struct Metrics {
    provider: SdkMeterProvider,
    registry: Registry,
}

impl Metrics {
    /// Counts nothing.
    pub(crate) fn off() -> Self {
        Self {
            provider: SdkMeterProvider::builder().build(),
            registry: Registry::new(),
        }
    }

    pub(crate) fn start(
        resource: Resource,
        otlp: Option<(&OtlpSettings, &Io, Duration)>,
    ) -> Result<Self, TelemetryError> {
        let registry = Registry::new();
        let prometheus = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .build()
            .map_err(TelemetryError::RegisterMetrics)?;
        let mut provider = SdkMeterProvider::builder()
            .with_resource(resource)
            .with_view(call_series)
            .with_reader(prometheus);
        if let Some((settings, io, within)) = otlp {
            let exporter = OnIo::new(metric_exporter(settings, io)?, io.clone(), within);
            provider = provider.with_reader(PeriodicReader::builder(exporter).build());
        }
        Ok(Self {
            provider: provider.build(),
            registry,
        })
    }

    pub(crate) fn meter(&self) -> Meter {
        self.provider.meter("lattice")
    }

    pub(crate) fn scrape(&self) -> Scrape {
        Scrape(self.registry.clone())
    }

    /// Sends what was counted last. Blocks, for some seconds when nobody takes it.
    pub(crate) fn close(&self) -> OTelSdkResult {
        self.provider.shutdown()
    }
}

/// The SDK keeps two thousand series of an instrument, which is less than a thousand actors have of calls.
fn call_series(instrument: &Instrument) -> Option<Stream> {
    let calls = instrument.name() == metric::CALL_DURATION.name;
    calls
        .then(|| Stream::builder().with_cardinality_limit(CALL_SERIES_MAX).build().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use opentelemetry::KeyValue;

    use super::*;

    #[test]
    fn prometheus_reads_what_was_counted() {
        let resource = Resource::builder_empty()
            .with_attributes([KeyValue::new("service.name", "test")])
            .build();
        let metrics = Metrics::start(resource, None).expect("starts");
        let counter = metrics.meter().u64_counter("lattice.invocations").build();
        counter.add(3, &[KeyValue::new("status", "ok")]);
        let text = metrics.scrape().text();
        assert!(text.contains("lattice_invocations_total{"), "{text}");
        assert!(text.contains("status=\"ok\"") && text.contains("} 3"), "{text}");
        assert!(text.contains("service_name=\"test\""), "{text}");
        assert_eq!(Metrics::off().scrape().text(), "");
    }
}
