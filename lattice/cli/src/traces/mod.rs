//! Traces, as members keep them for a while: gathered from all, put together, waited for.

mod gather;
mod merge;
mod request;
mod settled;
mod tree;
mod which;

pub(crate) use gather::{Found, last, spans};
pub(crate) use merge::TraceView;
pub(crate) use request::Request;
pub(crate) use settled::{Answered, Arrivals};
pub(crate) use tree::{Line, Lines, Place};
pub(crate) use which::{Follow, Which};

use lattice_control::TraceSpan;
use serde::Serialize;

/// A span, and what people call the member that keeps it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct HostSpan {
    pub(crate) host: String,
    #[serde(flatten)]
    pub(crate) span: TraceSpan,
}

#[cfg(test)]
pub(crate) mod testing {
    use std::collections::BTreeMap;

    use lattice_control::{TraceSpan, TraceSpanKind};
    use lattice_core::{SpanId, TraceId};

    use super::HostSpan;

    pub(crate) fn trace(nth: u8) -> TraceId {
        TraceId::from_bytes([nth; 16]).expect("not zero")
    }

    pub(crate) fn id(nth: u64) -> SpanId {
        SpanId::from_bytes(nth.to_be_bytes()).expect("not zero")
    }

    /// The span `nth` of a trace, under another, and its time in milliseconds.
    pub(crate) fn span(host: &str, nth: u64, parent: Option<u64>, from_ms: u64, to_ms: u64) -> HostSpan {
        const START_MS: u64 = 1_800_000_000_000;
        let at = |ms: u64| (START_MS + ms) * 1_000_000;
        HostSpan {
            host: host.to_owned(),
            span: TraceSpan {
                trace_id: trace(0x4b),
                span_id: id(nth),
                parent_id: parent.map(id),
                name: format!("s{nth}"),
                kind: TraceSpanKind::Internal,
                start_ns: at(from_ms),
                end_ns: at(to_ms),
                error: None,
                attributes: BTreeMap::new(),
                events: Vec::new(),
                links: Vec::new(),
            },
        }
    }
}
