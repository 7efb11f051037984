//! The trace a call belongs to, as W3C headers. The only place that reads or writes them on NATS messages.

use std::sync::Arc;

use lattice_bus::Headers;

use crate::wire::Sealed;

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";
/// The W3C asks everybody to pass on this much.
const TRACESTATE_MAX: usize = 512;

/// A W3C trace context. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    traceparent: Arc<str>,
    tracestate: Option<Arc<str>>,
}

impl TraceContext {
    /// Takes the values of the two headers; `None` when `traceparent` is not one, as the W3C asks. A `tracestate` that is too long or not
    /// plain text is left out.
    pub fn new(traceparent: &str, tracestate: Option<&str>) -> Option<Self> {
        let plain = |text: &str| text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        let tracestate = tracestate.filter(|state| !state.is_empty() && state.len() <= TRACESTATE_MAX && plain(state));
        is_traceparent(traceparent).then(|| Self {
            traceparent: traceparent.into(),
            tracestate: tracestate.map(Arc::from),
        })
    }

    /// The value of the `traceparent` header.
    pub fn traceparent(&self) -> &str {
        &self.traceparent
    }

    /// The value of the `tracestate` header.
    pub fn tracestate(&self) -> Option<&str> {
        self.tracestate.as_deref()
    }
}

/// Writes the headers of a call.
pub(crate) fn inject(trace: Option<&TraceContext>) -> Headers {
    let mut headers = Headers::new();
    if let Some(trace) = trace {
        let mut set = |name, value| {
            headers
                .insert(name, value)
                .expect("checked to be plain text when the context was made");
        };
        set(TRACEPARENT, trace.traceparent());
        if let Some(state) = trace.tracestate() {
            set(TRACESTATE, state);
        }
    }
    headers
}

/// Reads them. Trust them only once the MAC over [`covered`] was checked.
pub(crate) fn extract(headers: &Headers) -> Option<TraceContext> {
    TraceContext::new(headers.get(TRACEPARENT)?, headers.get(TRACESTATE))
}

/// What the MAC of a call to `subject` covers.
pub(crate) fn covered<'a>(subject: &'a str, trace: Option<&'a TraceContext>) -> Sealed<'a> {
    Sealed {
        subject,
        traceparent: trace.map_or("", TraceContext::traceparent),
        tracestate: trace.and_then(TraceContext::tracestate).unwrap_or(""),
    }
}

/// `00-<32 hex>-<16 hex>-<2 hex>` with ids that are not zero; a later version may go on after another dash.
fn is_traceparent(text: &str) -> bool {
    let hex =
        |text: &str, len: usize| text.len() == len && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let id = |text: &str, len: usize| hex(text, len) && text.bytes().any(|b| b != b'0');
    let mut parts = text.splitn(5, '-');
    let mut next = || parts.next().unwrap_or("");
    let (version, trace, span, flags) = (next(), next(), next(), next());
    let rest = parts.next();
    let version_fits = hex(version, 2) && version != "ff" && (version != "00" || rest.is_none());
    let plain = text.len() <= 128 && text.bytes().all(|byte| byte.is_ascii_graphic());
    version_fits && id(trace, 32) && id(span, 16) && hex(flags, 2) && plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn survives_the_headers() {
        for state in [None, Some("vendor=1,other=2")] {
            let trace = TraceContext::new(PARENT, state);
            assert!(trace.is_some());
            assert_eq!(extract(&inject(trace.as_ref())), trace);
        }
        assert_eq!(extract(&inject(None)), None);
    }

    #[test]
    fn a_broken_parent_is_no_trace_and_a_broken_state_no_state() {
        let broken = [
            "",
            "00-0",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            &PARENT.to_uppercase(),
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "zz\n",
        ];
        for parent in broken {
            assert_eq!(TraceContext::new(parent, None), None, "{parent:?}");
        }
        assert!(TraceContext::new(&PARENT.replacen("00", "01", 1), None).is_some());
        let trace = TraceContext::new(PARENT, Some("a=\r\nb")).expect("the parent is fine");
        assert_eq!(trace.tracestate(), None);
    }
}
