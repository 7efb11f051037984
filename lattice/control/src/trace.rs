//! What a command is part of, in the headers of its message. Nobody signs it: it says where in a trace the work belongs, and nothing else.

use lattice_bus::Headers;
use lattice_core::TraceContext;
use lattice_core::trace::{TRACEPARENT, TRACESTATE};

/// The headers of a command.
pub(crate) fn headers(trace: Option<&TraceContext>) -> Headers {
    let Some(trace) = trace else { return Headers::new() };
    let headers = Headers::new().with(TRACEPARENT, &trace.traceparent());
    let headers = match trace.tracestate() {
        Some(state) => headers.and_then(|headers| headers.with(TRACESTATE, state)),
        None => headers,
    };
    // A state that is no header is left out with all the rest: the work is done without a trace.
    headers.unwrap_or_default()
}

/// What the sender of a command says it is part of, if that can be read.
pub(crate) fn read(headers: &Headers) -> Option<TraceContext> {
    TraceContext::parse(headers.get(TRACEPARENT)?, headers.get(TRACESTATE))
}
