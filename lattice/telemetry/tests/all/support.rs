//! Telemetry with the settings of a test.

use lattice_telemetry::{KeyValue, SpanRecord, Telemetry, TraceContext, TraceSettings};

/// A parent in another process that does not record.
pub(crate) const UNSAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

pub(crate) fn start(variables: &[(&str, &str)]) -> Telemetry {
    let lookup = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let settings = TraceSettings::from_lookup(lookup).expect("good settings");
    let resource = vec![
        KeyValue::new("service.name", "lattice-test"),
        KeyValue::new("lattice.id", "default"),
    ];
    Telemetry::start(&settings, resource).expect("starts")
}

pub(crate) fn sampling(sampler: &str) -> Telemetry {
    start(&[("OTEL_TRACES_SAMPLER", sampler)])
}

pub(crate) fn remote(text: &str) -> TraceContext {
    TraceContext::parse(text, None).expect("a trace context")
}

/// All spans in memory, of all traces.
pub(crate) fn all(telemetry: &Telemetry) -> Vec<SpanRecord> {
    let recent = telemetry.recent();
    let traces = recent.traces(usize::MAX);
    traces.iter().flat_map(|trace| recent.trace(trace.trace_id)).collect()
}

/// Their names, sorted.
pub(crate) fn names(telemetry: &Telemetry) -> Vec<String> {
    let mut names: Vec<_> = all(telemetry).into_iter().map(|span| span.name).collect();
    names.sort();
    names
}
