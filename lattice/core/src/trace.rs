//! The trace that a call is part of, as the W3C writes it in headers.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use crate::id::ParseIdError;

/// Name of the header that holds [`TraceContext::traceparent`].
pub const TRACEPARENT: &str = "traceparent";
/// Name of the header that holds [`TraceContext::tracestate`].
pub const TRACESTATE: &str = "tracestate";

/// The W3C asks everybody to pass on this much.
const TRACESTATE_LEN_MAX: usize = 512;
/// What a later version may need; nothing of ours is longer than 55.
const TRACEPARENT_LEN_MAX: usize = 256;
/// `00-<32 hex>-<16 hex>-<2 hex>`.
const TRACEPARENT_LEN: usize = 55;

/// A trace: sixteen bytes, not all of them zero. Written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TraceId([u8; 16]);

/// A span of a trace: eight bytes, not all of them zero. Written as 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SpanId([u8; 8]);

macro_rules! hex_id {
    ($name:ident, $len:literal, $what:literal, $rule:literal) => {
        impl $name {
            /// Takes the bytes of an id; `None` when all are zero, which the W3C keeps for "none".
            pub fn from_bytes(bytes: [u8; $len]) -> Option<Self> {
                (bytes != [0; $len]).then_some(Self(bytes))
            }

            /// The bytes of the id.
            pub const fn to_bytes(self) -> [u8; $len] {
                self.0
            }

            fn from_hex(text: &[u8]) -> Option<Self> {
                let mut bytes = [0; $len];
                if text.len() != 2 * $len {
                    return None;
                }
                HEXLOWER.decode_mut(text, &mut bytes).ok()?;
                Self::from_bytes(bytes)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::from_hex(text.as_bytes()).ok_or_else(|| ParseIdError::new($what, text, $rule))
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseIdError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                HEXLOWER.encode(&id.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}

hex_id!(
    TraceId,
    16,
    "a trace id",
    "it must be 32 digits of 0-9 and a-f, not all zero"
);
hex_id!(
    SpanId,
    8,
    "a span id",
    "it must be 16 digits of 0-9 and a-f, not all zero"
);

/// A W3C trace context: the trace, the span in it that asks, whether the trace is recorded, and what other vendors keep beside it. Cheap to
/// clone; lives on the heap only for its `tracestate`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TraceContext {
    trace_id: TraceId,
    span_id: SpanId,
    sampled: bool,
    state: Option<Arc<str>>,
}

impl TraceContext {
    /// Says that the span `span_id` of a trace asks.
    pub fn new(trace_id: TraceId, span_id: SpanId, sampled: bool) -> Self {
        Self {
            trace_id,
            span_id,
            sampled,
            state: None,
        }
    }

    /// Reads the values of the two headers. Returns `None` for a `traceparent` that is not one, as the W3C asks: start a new trace then. Of
    /// later versions the first four parts are read. A `tracestate` that is too long or not plain text is left out.
    pub fn parse(traceparent: &str, tracestate: Option<&str>) -> Option<Self> {
        let plain = |text: &str| text.bytes().all(|byte| matches!(byte, 0x20..=0x7e));
        let fits = |state: &&str| !state.is_empty() && state.len() <= TRACESTATE_LEN_MAX && plain(state);
        let (trace_id, span_id, sampled) = read_traceparent(traceparent)?;
        Some(Self {
            trace_id,
            span_id,
            sampled,
            state: tracestate.filter(fits).map(Arc::from),
        })
    }

    /// The same trace, where another of its spans asks.
    #[must_use]
    pub fn child(&self, span_id: SpanId) -> Self {
        Self {
            span_id,
            ..self.clone()
        }
    }

    /// The same, recorded or not.
    #[must_use]
    pub fn with_sampled(self, sampled: bool) -> Self {
        Self { sampled, ..self }
    }

    /// The trace.
    pub fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// The span that asks, parent of what follows.
    pub fn span_id(&self) -> SpanId {
        self.span_id
    }

    /// Says whether the one who asks records the trace.
    pub fn sampled(&self) -> bool {
        self.sampled
    }

    /// Writes the value of the `traceparent` header, always in version 00, since what a later one may say besides is not known here.
    pub fn traceparent(&self) -> Traceparent {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        HEXLOWER.encode_mut(&self.trace_id.0, &mut text[3..35]);
        HEXLOWER.encode_mut(&self.span_id.0, &mut text[36..52]);
        if self.sampled {
            text[54] = b'1';
        }
        Traceparent(text)
    }

    /// The value of the `tracestate` header.
    pub fn tracestate(&self) -> Option<&str> {
        self.state.as_deref()
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.traceparent())
    }
}

/// The text of a `traceparent` header, without the heap. Use it as a `&str`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Traceparent([u8; TRACEPARENT_LEN]);

impl Deref for Traceparent {
    type Target = str;

    fn deref(&self) -> &str {
        std::str::from_utf8(&self.0).expect("hexadecimal digits and dashes")
    }
}

impl AsRef<str> for Traceparent {
    fn as_ref(&self) -> &str {
        self
    }
}

impl fmt::Display for Traceparent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl fmt::Debug for Traceparent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

/// `00-<32 hex>-<16 hex>-<2 hex>` with ids that are not zero; a later version may go on after another dash.
fn read_traceparent(text: &str) -> Option<(TraceId, SpanId, bool)> {
    let bytes = text.as_bytes();
    let hex = |text: &[u8]| {
        let mut byte = [0];
        HEXLOWER.decode_mut(text, &mut byte).ok().map(|_| byte[0])
    };
    if bytes.len() > TRACEPARENT_LEN_MAX || !bytes.iter().all(u8::is_ascii_graphic) {
        return None;
    }
    let (known, rest) = bytes.split_at_checked(TRACEPARENT_LEN)?;
    let version = hex(&known[..2])?;
    let ends = rest.is_empty() || (version != 0 && rest[0] == b'-');
    let dashes = [2, 35, 52].iter().all(|at| known[*at] == b'-');
    if version == 0xff || !ends || !dashes {
        return None;
    }
    let flags = hex(&known[53..])?;
    Some((
        TraceId::from_hex(&known[3..35])?,
        SpanId::from_hex(&known[36..52])?,
        flags & 1 == 1,
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_good_traceparent_is_kept_as_it_is() {
        let trace = TraceContext::parse(GOOD, Some("vendor=1")).expect("is good");
        assert_eq!((&*trace.traceparent(), trace.tracestate()), (GOOD, Some("vendor=1")));
        assert_eq!(trace.trace_id().to_string(), GOOD[3..35]);
        assert_eq!(trace.span_id().to_string(), GOOD[36..52]);
        assert!(trace.sampled());
        let unsampled = TraceContext::parse(&GOOD.replace("-01", "-02"), None).expect("is good");
        assert!(!unsampled.sampled());
    }

    #[test]
    fn a_later_version_is_read_for_what_is_known_of_it() {
        let later = GOOD.replacen("00", "cc", 1);
        for later in [later.clone(), format!("{later}-what")] {
            let trace = TraceContext::parse(&later, None).expect("is good");
            assert_eq!(&*trace.traceparent(), GOOD);
        }
        assert_eq!(TraceContext::parse(&format!("{later}what"), None), None);
    }

    #[test]
    fn anything_else_starts_a_new_trace() {
        for bad in [
            "",
            "00",
            "00-0",
            "zz\n",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            &GOOD.to_uppercase(),
            &format!("{GOOD}-what"),
            &format!("{GOOD} "),
            &GOOD.replace('-', "\u{e9}"),
        ] {
            assert_eq!(TraceContext::parse(bad, None), None, "{bad:?}");
        }
    }

    #[test]
    fn a_tracestate_that_cannot_be_a_header_is_dropped() {
        for bad in ["", "a=\r\nb", "a\r\nb: c", "\u{e9}=1", &"a".repeat(513)] {
            let trace = TraceContext::parse(GOOD, Some(bad)).expect("the parent is good");
            assert_eq!(trace.tracestate(), None, "{bad:?}");
        }
    }

    #[test]
    fn a_child_stays_in_the_trace() {
        let parent = TraceContext::parse(GOOD, Some("vendor=1")).expect("is good");
        let child = parent.child("b7ad6b7169203331".parse().expect("a span id"));
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-b7ad6b7169203331-01";
        assert_eq!((&*child.traceparent(), child.tracestate()), (text, Some("vendor=1")));
    }

    #[test]
    fn ids_are_written_in_hexadecimal() {
        let id: TraceId = GOOD[3..35].parse().expect("a trace id");
        assert_eq!(serde_json::to_string(&id).ok(), Some(format!("{:?}", &GOOD[3..35])));
        assert_eq!(
            serde_json::from_str::<TraceId>(&format!("{:?}", "0".repeat(32))).ok(),
            None
        );
        assert!("4BF92F3577B34DA6".parse::<SpanId>().is_err());
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(parent in ".*", state in ".*") {
            let _ = TraceContext::parse(&parent, Some(&state));
        }

        #[test]
        fn what_is_written_is_read_again(trace in any::<[u8; 16]>(), span in any::<[u8; 8]>(), sampled in any::<bool>()) {
            if let (Some(trace), Some(span)) = (TraceId::from_bytes(trace), SpanId::from_bytes(span)) {
                let context = TraceContext::new(trace, span, sampled);
                prop_assert_eq!(TraceContext::parse(&context.traceparent(), None), Some(context));
            }
        }
    }
}
