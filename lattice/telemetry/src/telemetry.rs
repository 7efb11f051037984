//! All telemetry of a process.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::resource::TelemetryResourceDetector;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SpanProcessor as _};
use tokio::sync::oneshot;

use crate::error::TelemetryError;
use crate::export::{Io, OnIo, span_exporter};
use crate::instruments::Instruments;
use crate::metrics::{Metrics, Scrape};
use crate::recent::Recent;
use crate::settings::{OtlpSettings, TraceSettings};
use crate::sink::Sink;
use crate::tracer::Tracer;

/// What a process records, and its way out. Owned by the main function, which hands down what it gives out.
pub struct Telemetry {
    sink: Option<Arc<Sink>>,
    recent: Recent,
    metrics: Metrics,
    sends_metrics: bool,
    io: Option<Io>,
}

impl Telemetry {
    /// Records nothing.
    pub fn off() -> Self {
        Self {
            sink: None,
            recent: Recent::default(),
            metrics: Metrics::off(),
            sends_metrics: false,
            io: None,
        }
    }

    /// Starts recording. `resource` says what this process is; what the settings say of it wins. Works inside and outside of a tokio
    /// runtime. No back end need be there yet.
    ///
    /// # Errors
    ///
    /// When the settings cannot be used, or no thread can be had.
    pub fn start(settings: &TraceSettings, resource: Vec<KeyValue>) -> Result<Self, TelemetryError> {
        if settings.disabled {
            return Ok(Self::off());
        }
        let own = settings.resource.iter();
        let own = own.map(|(name, value)| KeyValue::new(name.clone(), value.clone()));
        let resource = Resource::builder_empty()
            .with_detector(Box::new(TelemetryResourceDetector))
            .with_attributes(resource)
            .with_attributes(own)
            .build();
        let sends = settings.traces.is_some() || settings.metrics.is_some();
        let io = sends.then(Io::start).transpose()?;
        let spans = settings.traces.as_ref().zip(io.as_ref());
        let exporter = spans
            .map(|(otlp, io)| processor(settings, otlp, io, &resource))
            .transpose()?;
        let counts = settings.metrics.as_ref().zip(io.as_ref());
        let counts = counts.map(|(otlp, io)| (otlp, io, settings.batch.timeout));
        let recent = Recent::default();
        Ok(Self {
            metrics: Metrics::start(resource, counts)?,
            sends_metrics: settings.metrics.is_some(),
            sink: Some(Arc::new(Sink::new(settings.sampler, recent.clone(), exporter))),
            recent,
            io,
        })
    }

    /// What starts spans. Cheap.
    pub fn tracer(&self) -> Tracer {
        self.sink.clone().map_or_else(Tracer::off, Tracer::new)
    }

    /// The spans of the last while. Cheap.
    pub fn recent(&self) -> Recent {
        self.recent.clone()
    }

    /// What makes counters. Keep those: making them is not cheap.
    pub fn meter(&self) -> Meter {
        self.metrics.meter()
    }

    /// All metrics in the text format of Prometheus.
    pub fn prometheus_text(&self) -> String {
        self.scrape().text()
    }

    /// What renders them, for a server that outlives this borrow. Cheap.
    pub fn scrape(&self) -> Scrape {
        self.metrics.scrape()
    }

    /// What counts and times, if anybody reads it: somebody asks for it here (`scraped`), or it is sent.
    pub fn instruments(&self, scraped: bool) -> Instruments {
        match scraped || self.sends_metrics {
            true if self.sink.is_some() => Instruments::new(self.meter()),
            _ => Instruments::off(),
        }
    }

    /// Sends what is left and ends, within this time whatever the back end does. Spans that end later stay in memory only.
    ///
    /// Needs no tokio runtime. When the back end hangs, threads of the SDK may wait for it a while longer; they do not keep the process.
    ///
    /// # Errors
    ///
    /// When not everything was sent.
    pub async fn shutdown(self, within: Duration) -> Result<(), TelemetryError> {
        let Some(io) = self.io else { return Ok(()) };
        let (sink, metrics) = (self.sink, self.metrics);
        let spans = on_thread(move || sink.map_or(Ok(()), |sink| sink.close(within)))?;
        let counts = on_thread(move || metrics.close())?;
        let both = async { (spans.await, counts.await) };
        let flushed = io.within(within, both).await;
        let (spans, counts) = flushed.map_err(|_| TelemetryError::FlushTooLate { within })?;
        // A thread that died of a panic in the SDK has sent nothing, and has said so itself.
        for flushed in [spans, counts].into_iter().flatten() {
            flushed.map_err(TelemetryError::Flush)?;
        }
        Ok(())
    }
}

fn processor(
    settings: &TraceSettings,
    otlp: &OtlpSettings,
    io: &Io,
    resource: &Resource,
) -> Result<BatchSpanProcessor, TelemetryError> {
    let batch = settings.batch;
    let exporter = OnIo::new(span_exporter(otlp, io)?, io.clone(), batch.timeout);
    let config = BatchConfigBuilder::default()
        .with_max_queue_size(batch.queue_max)
        .with_max_export_batch_size(batch.batch_max)
        .with_scheduled_delay(batch.delay)
        .build();
    let mut processor = BatchSpanProcessor::builder(exporter).with_batch_config(config).build();
    processor.set_resource(resource);
    Ok(processor)
}

/// Does what blocks where it blocks nobody.
fn on_thread(
    flush: impl FnOnce() -> OTelSdkResult + Send + 'static,
) -> Result<oneshot::Receiver<OTelSdkResult>, TelemetryError> {
    let (done, flushed) = oneshot::channel();
    let run = move || {
        // Nobody waits any more when the time is over.
        let _ = done.send(flush());
    };
    std::thread::Builder::new()
        .name("telemetry-flush".to_owned())
        .spawn(run)
        .map_err(TelemetryError::StartThread)?;
    Ok(flushed)
}
