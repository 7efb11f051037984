//! The trace a call belongs to. The only place that reads or writes it on NATS messages.

use lattice_bus::Headers;
use lattice_core::TraceContext;
use lattice_core::trace::{TRACEPARENT, TRACESTATE};

use crate::wire::Sealed;

/// Writes the headers of a call.
pub(crate) fn inject(trace: Option<&TraceContext>) -> Headers {
    let mut headers = Headers::new();
    if let Some(trace) = trace {
        let mut set = |name: &str, value: &str| {
            headers
                .insert(name, value)
                .expect("checked to be plain text when the context was made");
        };
        set(TRACEPARENT, &trace.traceparent());
        if let Some(state) = trace.tracestate() {
            set(TRACESTATE, state);
        }
    }
    headers
}

/// Reads them. Trust them only once the MAC over [`covered`] was checked.
pub(crate) fn extract(headers: &Headers) -> Option<TraceContext> {
    TraceContext::parse(headers.get(TRACEPARENT)?, headers.get(TRACESTATE))
}

/// What the MAC of a call to `subject` covers: the headers as they travel, so that members need not agree on what follows from them.
pub(crate) fn covered<'a>(subject: &'a str, headers: &'a Headers) -> Sealed<'a> {
    Sealed {
        subject,
        traceparent: headers.get(TRACEPARENT).unwrap_or(""),
        tracestate: headers.get(TRACESTATE).unwrap_or(""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn survives_the_headers() {
        for state in [None, Some("vendor=1,other=2")] {
            let trace = TraceContext::parse(PARENT, state);
            assert!(trace.is_some());
            assert_eq!(extract(&inject(trace.as_ref())), trace);
        }
        assert_eq!(extract(&inject(None)), None);
    }

    #[test]
    fn the_mac_covers_headers_that_are_no_trace() {
        let headers = Headers::new().with(TRACEPARENT, "00-0").expect("a good header");
        assert_eq!(extract(&headers), None);
        assert_eq!(covered("box", &headers).traceparent, "00-0");
    }
}
