//! The spans that members keep in memory for a while.
//!
//! A trace lies in pieces on every member that it passed. Whoever wants all of it asks each, and puts the answers together.

use std::collections::BTreeMap;

use lattice_core::{ActorKey, ActorName, SpanId, TraceId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Command;
use crate::verb::Verb;

/// Asks a member for what it keeps of traces.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Traces {
    /// Of which, and how much.
    pub wanted: TracesWanted,
}

/// What is wanted of traces.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TracesWanted {
    /// All spans of one trace.
    Spans(TraceId),
    /// The last traces of a kind, in a line each, the latest first.
    Last(TraceFilter),
    /// These traces in a line each, as far as they are known.
    These(Vec<TraceId>),
}

/// Which traces. A member judges by the spans that it has itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceFilter {
    /// At most so many.
    pub limit: u64,
    /// Only those that passed this actor.
    #[serde(default)]
    pub actor: Option<ActorName>,
    /// Of those with state, the one with this key.
    #[serde(default)]
    pub key: Option<ActorKey>,
    /// Only those in which something went wrong.
    #[serde(default)]
    pub errors: bool,
    /// Only those that took at least so long, in microseconds.
    #[serde(default)]
    pub took_us_min: u64,
    /// Only those whose id begins with these digits.
    #[serde(default)]
    pub begins: String,
}

/// What a member keeps of traces.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TracesReply {
    /// What people call the member.
    pub host: String,
    /// The traces, when they were asked for in a line each.
    #[serde(default)]
    pub traces: Vec<TraceBrief>,
    /// The spans of the trace that was asked for, in the order in which they started.
    #[serde(default)]
    pub spans: Vec<TraceSpan>,
    /// How many more spans the member has of it, which would not fit one answer.
    #[serde(default)]
    pub left_out: u64,
}

/// A trace in one line, as far as one member knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceBrief {
    /// The trace.
    pub trace_id: TraceId,
    /// Name of its uppermost span there.
    pub name: String,
    /// How far up that is.
    pub top: TraceTop,
    /// How long that took, in nanoseconds.
    pub took_ns: u64,
    /// When the first span started, in nanoseconds since 1970.
    pub start_ns: u64,
    /// When the last span ended.
    pub end_ns: u64,
    /// How many spans there are.
    pub spans: u64,
    /// How many of them ended with an error.
    pub errors: u64,
}

/// How far up a span is in its trace, the highest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TraceTop {
    /// The trace begins with it.
    Root,
    /// Another process called.
    Entry,
    /// What is above it is not kept. Also what a newer version may say.
    #[serde(other)]
    Inner,
}

/// A span that ended. What it is called and what is known of it follows OpenTelemetry's conventions and those of
/// `docs/observability.md`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceSpan {
    /// The trace it belongs to.
    pub trace_id: TraceId,
    /// Its own id.
    pub span_id: SpanId,
    /// The span above it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<SpanId>,
    /// What was done.
    pub name: String,
    /// Which side of a call it was.
    pub kind: TraceSpanKind,
    /// When it started, in nanoseconds since 1970.
    pub start_ns: u64,
    /// When it ended.
    pub end_ns: u64,
    /// What went wrong, if anything did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<TraceError>,
    /// What is known of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Value>,
    /// What happened meanwhile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<TraceMoment>,
    /// Spans it has to do with, which did not call it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<TraceLink>,
}

/// Which side of a call a span was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TraceSpanKind {
    /// It took a call.
    Server,
    /// It made a call and waited for it.
    Client,
    /// It made a message that somebody takes later.
    Producer,
    /// It took such a message.
    Consumer,
    /// Neither: work within one process. Also what a newer version may say.
    #[serde(other)]
    Internal,
}

/// What went wrong with a span.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceError {
    /// What kind, of a small set: `timeout`.
    pub kind: String,
    /// For people.
    pub message: String,
}

/// Something that happened during a span.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceMoment {
    /// When, in nanoseconds since 1970.
    pub at_ns: u64,
    /// What.
    pub name: String,
    /// What is known of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Value>,
}

/// A span that another one has to do with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceLink {
    /// Its trace.
    pub trace_id: TraceId,
    /// Its own id.
    pub span_id: SpanId,
}

impl Command for Traces {
    type Reply = TracesReply;
    const VERB: Verb = Verb::Traces;
}

impl From<TracesWanted> for Traces {
    fn from(wanted: TracesWanted) -> Self {
        Self { wanted }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_of_a_newer_version_is_read() {
        let text = r#"{"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"00f067aa0ba902b7","name":"x","kind":"relay",
            "start_ns":1,"end_ns":2,"attributes":{"a":1.5,"b":["c"]},"more":true}"#;
        let span: TraceSpan = serde_json::from_str(text).expect("a span");
        assert_eq!((span.kind, span.parent_id), (TraceSpanKind::Internal, None));
        let packed = rmp_serde::to_vec_named(&span).expect("can be written");
        assert_eq!(rmp_serde::from_slice::<TraceSpan>(&packed).expect("can be read"), span);
    }

    #[test]
    fn the_root_is_above_all() {
        assert!(TraceTop::Root < TraceTop::Entry && TraceTop::Entry < TraceTop::Inner);
    }
}
