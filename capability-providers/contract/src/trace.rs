//! The W3C trace context that a call continues.

use std::fmt;

/// Longest `tracestate` carried on; the W3C asks to keep at least 512 characters.
const TRACESTATE_LEN_MAX: usize = 512;

/// A W3C trace context: a `traceparent` that was checked, and the vendors' `tracestate` beside it. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TraceContext {
    traceparent: std::sync::Arc<str>,
    tracestate: Option<std::sync::Arc<str>>,
}

impl TraceContext {
    /// Reads the two headers. Returns `None` for a `traceparent` that is not one, as the W3C asks: start a new trace then.
    #[must_use]
    pub fn parse(traceparent: &str, tracestate: Option<&str>) -> Option<Self> {
        is_traceparent(traceparent).then(|| Self {
            traceparent: traceparent.into(),
            tracestate: tracestate
                .filter(|state| {
                    state.len() <= TRACESTATE_LEN_MAX && state.bytes().all(|byte| matches!(byte, 0x20..=0x7e))
                })
                .map(Into::into),
        })
    }

    /// Returns the `traceparent` header's value.
    #[must_use]
    pub fn traceparent(&self) -> &str {
        &self.traceparent
    }

    /// Returns the `tracestate` header's value.
    #[must_use]
    pub fn tracestate(&self) -> Option<&str> {
        self.tracestate.as_deref()
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.traceparent)
    }
}

/// `00-<32 hex>-<16 hex>-<2 hex>`, ids not all zero; a later version may have more after another dash.
fn is_traceparent(text: &str) -> bool {
    let bytes = text.as_bytes();
    let hex = |range: std::ops::Range<usize>| {
        bytes
            .get(range)
            .is_some_and(|part| part.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
    };
    let zero = |range: std::ops::Range<usize>| {
        bytes
            .get(range)
            .is_some_and(|part| part.iter().all(|byte| *byte == b'0'))
    };
    let dash = |at: usize| bytes.get(at) == Some(&b'-');
    text.is_ascii()
        && hex(0..2)
        && &bytes[..2] != b"ff"
        && dash(2)
        && hex(3..35)
        && !zero(3..35)
        && dash(35)
        && hex(36..52)
        && !zero(36..52)
        && dash(52)
        && hex(53..55)
        && (bytes.len() == 55 || (&bytes[..2] != b"00" && dash(55) && bytes.len() <= 256))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_good_traceparent_is_kept_as_it_is() {
        let trace = TraceContext::parse(GOOD, Some("vendor=1")).expect("is good");
        assert_eq!((trace.traceparent(), trace.tracestate()), (GOOD, Some("vendor=1")));
        assert!(TraceContext::parse(&GOOD.replacen("00", "cc", 1), None).is_some());
        assert!(TraceContext::parse(&format!("{}-what", GOOD.replacen("00", "cc", 1)), None).is_some());
    }

    #[test]
    fn anything_else_starts_a_new_trace() {
        for bad in [
            "",
            "00",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            &format!("{GOOD}-what"),
            &GOOD.replace('-', "\u{e9}"),
        ] {
            assert!(TraceContext::parse(bad, None).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_tracestate_that_cannot_be_a_header_is_dropped() {
        assert_eq!(
            TraceContext::parse(GOOD, Some("a\r\nb: c"))
                .expect("is good")
                .tracestate(),
            None
        );
    }
}
