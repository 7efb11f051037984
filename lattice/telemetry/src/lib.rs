//! What a process tells about its work: spans, and metrics; and where that goes.
//!
//! Nothing here is global. The main function starts [`Telemetry`] and hands down a [`Tracer`] and a meter, which are cheap to clone:
//!
//! ```
//! use std::time::Duration;
//! use lattice_telemetry::{KeyValue, SpanKind, Status, Telemetry, TraceSettings};
//!
//! // A program passes what reads its environment.
//! let settings = TraceSettings::from_lookup(|name| (name == "OTEL_TRACES_SAMPLER").then(|| "always_on".to_owned()))?;
//! let telemetry = Telemetry::start(&settings, vec![KeyValue::new("service.name", "example")])?;
//! let tracer = telemetry.tracer();
//!
//! // Takes a call; another process would have sent its `traceparent`.
//! let call = tracer.start("GET", SpanKind::Server, None);
//! let step = tracer.start_in("look up", SpanKind::Internal, call.handle().as_ref());
//! step.end(Status::error("not_found", "there is no such cart"), Vec::new);
//! call.end(Status::Ok, || vec![KeyValue::new("http.response.status_code", 404)]);
//!
//! let trace = telemetry.recent().last(|span| span.name == "GET").expect("was recorded");
//! assert_eq!(telemetry.recent().trace(trace).len(), 2);
//! # futures::executor::block_on(telemetry.shutdown(Duration::from_secs(1)))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What is kept: the traces that the [`Sampler`] or the caller wants, and of all others the errors with everything above them. A
//! process tells its caller that it kept something with [`Span::kept`], and the caller then calls [`Span::keep`], so that the
//! trace is whole across processes, too.

pub mod conventions;
pub mod metric;

// Recording.
mod dice;
mod ended;
mod sampler;
mod segment;
mod sink;
mod span;
mod steps;
mod tracer;

// Counting.
mod instruments;
mod series;
mod traffic;

// Looking back.
mod recent;
mod record;

// What it is told, and its way out.
mod error;
mod export;
mod metrics;
pub mod settings;
mod telemetry;

#[cfg(feature = "testing")]
pub mod testing;

pub use error::TelemetryError;
pub use instruments::{CallTimer, Instruments, Reading, Seen};
pub use lattice_core::{SpanId, TraceContext, TraceId};
pub use metrics::Scrape;
pub use opentelemetry::KeyValue;
pub use opentelemetry::metrics::Meter;
pub use recent::{Recent, TraceSummary};
pub use record::{AttributeValue, Attributes, EventRecord, LinkRecord, SpanError, SpanRecord};
pub use sampler::Sampler;
pub use settings::TraceSettings;
pub use span::{Span, SpanKind, SpanRef, Status};
pub use steps::Steps;
pub use telemetry::Telemetry;
pub use tracer::Tracer;
pub use traffic::LinkTraffic;
