//! What a process is told to record and to send, by the environment variables that OpenTelemetry has for it.

mod mistake;
mod otlp;
mod reader;

use std::path::PathBuf;
use std::time::Duration;

use crate::sampler::Sampler;

pub use mistake::{Mistake, SettingsError};
pub use otlp::{OtlpSettings, Protocol};
use reader::Reader;

/// What to record, and where to send it.
///
/// | variable | |
/// |---|---|
/// | `OTEL_SDK_DISABLED` | `true` turns everything off |
/// | `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` | what this process is called; they win over what the program says |
/// | `OTEL_TRACES_SAMPLER`, `_ARG` | `always_on`, `always_off`, `traceidratio`, or `parentbased_` and one of them |
/// | `OTEL_TRACES_EXPORTER` | `otlp` or `none`; by default `otlp` when there is an endpoint |
/// | `OTEL_METRICS_EXPORTER` | `otlp`, `prometheus`, `none`; by default `otlp` when there is an endpoint. The text for Prometheus is there in any case |
/// | `OTEL_EXPORTER_OTLP_…`, `…_TRACES_…`, `…_METRICS_…` | `ENDPOINT`, `PROTOCOL` (`http/protobuf`, `grpc`), `HEADERS`, `TIMEOUT`, `COMPRESSION`, `INSECURE`, `CERTIFICATE` |
/// | `OTEL_BSP_…` | `SCHEDULE_DELAY`, `EXPORT_TIMEOUT`, `MAX_QUEUE_SIZE`, `MAX_EXPORT_BATCH_SIZE` |
/// | `OTEL_PROPAGATORS` | `tracecontext`, the only one there is |
///
/// The metrics reader of the SDK reads `OTEL_METRIC_EXPORT_INTERVAL` from the environment of the process by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceSettings {
    /// Nothing is recorded at all.
    pub disabled: bool,
    /// Attributes of the process, which win over those it has for itself.
    pub resource: Vec<(String, String)>,
    /// Which traces are recorded from their beginning.
    pub sampler: Sampler,
    /// Where spans are sent.
    pub traces: Option<OtlpSettings>,
    /// Where metrics are sent.
    pub metrics: Option<OtlpSettings>,
    /// How spans are gathered before they are sent.
    pub batch: BatchSettings,
}

/// How spans are gathered before they are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchSettings {
    /// How long a span waits for company.
    pub delay: Duration,
    /// How long sending may take, with all attempts.
    pub timeout: Duration,
    /// How many may wait; what comes then is dropped and counted.
    pub queue_max: usize,
    /// How many are sent at once.
    pub batch_max: usize,
}

impl Default for BatchSettings {
    /// The values of the specification.
    fn default() -> Self {
        Self {
            delay: Duration::from_secs(5),
            timeout: Duration::from_secs(30),
            queue_max: 2_048,
            batch_max: 512,
        }
    }
}

/// Of the traces that nobody but this process sees: enough to look at, too few to cost anything.
const SHARE_IN_MEMORY: f64 = 0.01;

const SAMPLERS: &str = "always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off, \
                        parentbased_traceidratio";

impl TraceSettings {
    /// Reads the variables. An empty one is as good as none, as the specification says.
    ///
    /// # Errors
    ///
    /// All mistakes at once, each with what is allowed.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(lookup);
        let disabled = reader.flag("OTEL_SDK_DISABLED");
        reader.check_list(
            "OTEL_PROPAGATORS",
            &["tracecontext"],
            "tracecontext, the only one this program has",
        );
        let traces = otlp::read(&mut reader, otlp::TRACES);
        let metrics = otlp::read(&mut reader, otlp::METRICS);
        let default = match traces {
            Some(_) => Sampler::ALL,
            None => Sampler::ratio(SHARE_IN_MEMORY),
        };
        let settings = Self {
            disabled,
            resource: resource(&mut reader),
            sampler: sampler(&mut reader).unwrap_or(default.following_parents()),
            traces,
            metrics,
            batch: batch(&mut reader),
        };
        reader.finish(settings)
    }
}

fn sampler(reader: &mut Reader<impl Fn(&str) -> Option<String>>) -> Option<Sampler> {
    let name = reader.text("OTEL_TRACES_SAMPLER")?;
    let (follows_parent, roots) = match name.strip_prefix("parentbased_") {
        Some(roots) => (true, roots),
        None => (false, name.as_str()),
    };
    let roots = match roots {
        "always_on" => Sampler::ALL,
        "always_off" => Sampler::OFF,
        "traceidratio" => {
            let ratio = reader.parse("OTEL_TRACES_SAMPLER_ARG", "a number from 0 to 1", |text| {
                text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio))
            });
            Sampler::ratio(ratio.unwrap_or(1.0))
        }
        _ => {
            reader.mistake("OTEL_TRACES_SAMPLER", &name, SAMPLERS);
            return None;
        }
    };
    Some(if follows_parent {
        roots.following_parents()
    } else {
        roots
    })
}

fn resource(reader: &mut Reader<impl Fn(&str) -> Option<String>>) -> Vec<(String, String)> {
    let mut attributes = reader.pairs("OTEL_RESOURCE_ATTRIBUTES");
    if let Some(name) = reader.text("OTEL_SERVICE_NAME") {
        attributes.retain(|(key, _)| key != SERVICE_NAME);
        attributes.push((SERVICE_NAME.to_owned(), name));
    }
    attributes
}

pub(crate) const SERVICE_NAME: &str = "service.name";

fn batch(reader: &mut Reader<impl Fn(&str) -> Option<String>>) -> BatchSettings {
    let usual = BatchSettings::default();
    let queue_max = reader.count("OTEL_BSP_MAX_QUEUE_SIZE").unwrap_or(usual.queue_max);
    let batch_max = reader.count("OTEL_BSP_MAX_EXPORT_BATCH_SIZE");
    if let Some(batch_max) = batch_max.filter(|batch_max| *batch_max > queue_max) {
        let allowed = format!("at most OTEL_BSP_MAX_QUEUE_SIZE, which is {queue_max}");
        reader.mistake("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", &batch_max.to_string(), &allowed);
    }
    BatchSettings {
        delay: reader.millis("OTEL_BSP_SCHEDULE_DELAY").unwrap_or(usual.delay),
        timeout: reader.millis("OTEL_BSP_EXPORT_TIMEOUT").unwrap_or(usual.timeout),
        queue_max,
        batch_max: batch_max.unwrap_or(usual.batch_max).min(queue_max),
    }
}

/// The file with the authorities that a back end's certificate is checked against, besides the public ones.
pub(crate) type CaFile = PathBuf;

#[cfg(test)]
mod tests;
