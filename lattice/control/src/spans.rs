//! What a member answers when it is asked for traces, from the spans that it keeps.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use lattice_core::{ActorKey, ActorName, TraceId};
use lattice_telemetry::conventions as is;
use lattice_telemetry::{AttributeValue, Attributes, Recent, SpanKind, SpanRecord};
use serde_json::Value;

use crate::verbs::{
    TraceBrief, TraceError, TraceFilter, TraceLink, TraceMoment, TraceSpan, TraceSpanKind, TraceTop, TracesReply,
    TracesWanted,
};

/// The most spans in one answer, and the most traces.
const COUNT_MAX: usize = 500;
/// The most bytes of spans in one answer, about.
const BYTES_MAX: usize = 512 * 1024;
/// The longest name in a line; guests may name spans.
const NAME_MAX: usize = 200;

impl TracesReply {
    /// Answers for the member called `host`, from what it keeps.
    pub fn of(host: impl Into<String>, recent: &Recent, wanted: &TracesWanted) -> Self {
        answer(host.into(), &recent.all(), wanted)
    }
}

/// `kept` is in the order in which spans ended.
fn answer(host: String, kept: &[Arc<SpanRecord>], wanted: &TracesWanted) -> TracesReply {
    let mut reply = TracesReply {
        host,
        ..TracesReply::default()
    };
    match wanted {
        TracesWanted::Spans(trace) => (reply.spans, reply.left_out) = spans(kept, *trace),
        TracesWanted::Last(filter) => {
            let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX);
            let wanted = Piece::all(kept).into_iter().filter(|piece| piece.is_wanted(filter));
            reply.traces = wanted.take(limit.min(COUNT_MAX)).map(|piece| piece.brief()).collect();
        }
        TracesWanted::These(ids) => {
            let wanted = Piece::all(kept).into_iter().filter(|piece| ids.contains(&piece.trace));
            reply.traces = wanted.take(COUNT_MAX).map(|piece| piece.brief()).collect();
        }
    }
    reply
}

/// The first spans of a trace, as many as fit, and how many do not. Those above start first, so what is left out are leaves.
fn spans(kept: &[Arc<SpanRecord>], trace: TraceId) -> (Vec<TraceSpan>, u64) {
    let mut found: Vec<&SpanRecord> = kept
        .iter()
        .map(Arc::as_ref)
        .filter(|span| span.trace_id == trace)
        .collect();
    found.sort_by_key(|span| (span.start_ns, std::cmp::Reverse(span.end_ns)));
    let (mut spans, mut bytes, mut left_out) = (Vec::new(), 0, 0);
    for span in found {
        let span = TraceSpan::from(span);
        // A little more than on the wire, where numbers are shorter.
        let weight = serde_json::to_vec(&span).map_or(BYTES_MAX, |text| text.len());
        if spans.len() < COUNT_MAX && bytes + weight <= BYTES_MAX {
            bytes += weight;
            spans.push(span);
        } else {
            left_out += 1;
        }
    }
    (spans, left_out)
}

/// What is kept of one trace.
struct Piece<'a> {
    trace: TraceId,
    spans: Vec<&'a SpanRecord>,
}

impl<'a> Piece<'a> {
    /// All there are, the one whose last span ended last first.
    fn all(kept: &'a [Arc<SpanRecord>]) -> Vec<Self> {
        let mut at = HashMap::new();
        let mut pieces: Vec<Self> = Vec::new();
        for span in kept.iter().rev() {
            let index = *at.entry(span.trace_id).or_insert_with(|| {
                pieces.push(Self {
                    trace: span.trace_id,
                    spans: Vec::new(),
                });
                pieces.len() - 1
            });
            pieces[index].spans.push(span);
        }
        pieces
    }

    fn is_wanted(&self, filter: &TraceFilter) -> bool {
        let key = filter.key.as_ref();
        let took_us = self.end_ns().saturating_sub(self.start_ns()) / 1000;
        let passes = |actor: &ActorName| self.spans.iter().any(|span| concerns(span, actor, key));
        took_us >= filter.took_us_min
            && (!filter.errors || self.errors() > 0)
            && filter.actor.as_ref().is_none_or(passes)
            && (filter.begins.is_empty() || self.trace.to_string().starts_with(&filter.begins))
    }

    fn start_ns(&self) -> u64 {
        self.spans.iter().map(|span| span.start_ns).min().unwrap_or_default()
    }

    fn end_ns(&self) -> u64 {
        self.spans.iter().map(|span| span.end_ns).max().unwrap_or_default()
    }

    fn errors(&self) -> usize {
        self.spans.iter().filter(|span| span.error.is_some()).count()
    }

    fn brief(&self) -> TraceBrief {
        let top = self.spans.iter().min_by_key(|span| (top(span), span.start_ns));
        let top = top.expect("a piece begins with a span");
        TraceBrief {
            trace_id: self.trace,
            name: top.name.chars().take(NAME_MAX).collect(),
            top: self::top(top),
            took_ns: top.end_ns.saturating_sub(top.start_ns),
            start_ns: self.start_ns(),
            end_ns: self.end_ns(),
            spans: self.spans.len() as u64,
            errors: self.errors() as u64,
        }
    }
}

fn top(span: &SpanRecord) -> TraceTop {
    match (span.parent_id, span.parent_is_remote) {
        (None, _) => TraceTop::Root,
        (Some(_), true) => TraceTop::Entry,
        (Some(_), false) => TraceTop::Inner,
    }
}

/// Whether a span is of work that an actor does, or of a call to it.
fn concerns(span: &SpanRecord, actor: &ActorName, key: Option<&ActorKey>) -> bool {
    let text = |name: &str| match span.attributes.get(name) {
        Some(AttributeValue::Text(text)) => Some(text.as_str()),
        _ => None,
    };
    let is_it = |text: &str| match (text.strip_prefix(actor.as_str()), key) {
        (Some(rest), None) => rest.is_empty() || rest.starts_with('/'),
        (Some(rest), Some(key)) => rest.strip_prefix('/') == Some(key.as_str()),
        (None, _) => false,
    };
    let called = text(is::SERVER_ADDRESS).and_then(|party| party.strip_prefix("actor/"));
    text(is::ACTOR).is_some_and(is_it) || called.is_some_and(is_it)
}

impl From<&SpanRecord> for TraceSpan {
    fn from(span: &SpanRecord) -> Self {
        Self {
            trace_id: span.trace_id,
            span_id: span.span_id,
            parent_id: span.parent_id,
            name: span.name.clone(),
            kind: match span.kind {
                SpanKind::Internal => TraceSpanKind::Internal,
                SpanKind::Server => TraceSpanKind::Server,
                SpanKind::Client => TraceSpanKind::Client,
                SpanKind::Producer => TraceSpanKind::Producer,
                SpanKind::Consumer => TraceSpanKind::Consumer,
            },
            start_ns: span.start_ns,
            end_ns: span.end_ns,
            error: span.error.as_ref().map(|error| TraceError {
                kind: error.kind.clone(),
                message: error.message.clone(),
            }),
            attributes: attributes(&span.attributes),
            events: span
                .events
                .iter()
                .map(|event| TraceMoment {
                    at_ns: event.at_ns,
                    name: event.name.clone(),
                    attributes: attributes(&event.attributes),
                })
                .collect(),
            links: span
                .links
                .iter()
                .map(|link| TraceLink {
                    trace_id: link.trace_id,
                    span_id: link.span_id,
                })
                .collect(),
        }
    }
}

fn attributes(attributes: &Attributes) -> BTreeMap<String, Value> {
    let each = attributes.iter();
    each.map(|(name, value)| (name.clone(), json(value))).collect()
}

fn json(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::Bool(value) => (*value).into(),
        AttributeValue::Int(value) => (*value).into(),
        AttributeValue::Float(value) => (*value).into(),
        AttributeValue::Text(value) => value.as_str().into(),
        AttributeValue::List(values) => values.iter().map(json).collect(),
    }
}

#[cfg(test)]
mod tests {
    use lattice_core::SpanId;
    use lattice_telemetry::SpanError;

    use super::*;

    fn trace(nth: u8) -> TraceId {
        TraceId::from_bytes([nth; 16]).expect("not zero")
    }

    /// The span `nth` of a trace, started in its `nth` nanosecond.
    fn span(trace_id: TraceId, nth: u64, parent: Option<u64>) -> SpanRecord {
        let id = |nth: u64| SpanId::from_bytes(nth.to_be_bytes()).expect("not zero");
        SpanRecord {
            trace_id,
            span_id: id(nth),
            parent_id: parent.map(id),
            parent_is_remote: false,
            name: format!("span {nth}"),
            kind: SpanKind::Internal,
            start_ns: nth,
            end_ns: nth + 10,
            error: None,
            attributes: Attributes::new(),
            events: Vec::new(),
            links: Vec::new(),
        }
    }

    fn with(mut span: SpanRecord, attribute: &str, value: &str) -> Arc<SpanRecord> {
        let value = AttributeValue::Text(value.to_owned());
        span.attributes.insert(attribute.to_owned(), value);
        Arc::new(span)
    }

    fn last(kept: &[Arc<SpanRecord>], filter: TraceFilter) -> Vec<TraceId> {
        let filter = TraceFilter { limit: 10, ..filter };
        let reply = answer("edge".to_owned(), kept, &TracesWanted::Last(filter));
        reply.traces.into_iter().map(|brief| brief.trace_id).collect()
    }

    #[test]
    fn the_last_traces_are_told_by_their_uppermost_span() {
        let mut failed = span(trace(1), 2, Some(1));
        failed.error = Some(SpanError {
            kind: "timeout".to_owned(),
            message: String::new(),
        });
        let mut entry = span(trace(2), 7, Some(3));
        entry.parent_is_remote = true;
        let kept = [failed, span(trace(2), 8, Some(7)), entry, span(trace(1), 1, None)].map(Arc::new);
        let filter = TraceFilter {
            limit: 10,
            ..TraceFilter::default()
        };
        let reply = answer("edge".to_owned(), &kept, &TracesWanted::Last(filter));
        let told: Vec<_> = reply
            .traces
            .iter()
            .map(|brief| (brief.name.as_str(), brief.top, brief.spans, brief.errors, brief.took_ns))
            .collect();
        let expect = [
            ("span 1", TraceTop::Root, 2, 1, 10),
            ("span 7", TraceTop::Entry, 2, 0, 10),
        ];
        assert_eq!(told, expect);
        assert_eq!((reply.host.as_str(), reply.traces[0].end_ns), ("edge", 12));
        let these = answer("edge".to_owned(), &kept, &TracesWanted::These(vec![trace(2), trace(9)]));
        assert_eq!(these.traces, reply.traces[1..]);
    }

    #[test]
    fn traces_are_found_by_actor_error_time_and_id() {
        let slow = SpanRecord {
            end_ns: 5_000_000,
            ..span(trace(3), 1, None)
        };
        let mut failed = span(trace(0x4b), 1, None);
        failed.error = Some(SpanError {
            kind: "trap".to_owned(),
            message: String::new(),
        });
        let kept = [
            with(span(trace(1), 1, None), is::ACTOR, "cart/alice"),
            with(span(trace(2), 1, None), is::SERVER_ADDRESS, "actor/carter"),
            with(slow, is::SERVER_ADDRESS, "actor/cart"),
            Arc::new(failed),
        ];
        let check = |filter: TraceFilter, expect: &[u8]| {
            let expect: Vec<_> = expect.iter().map(|nth| trace(*nth)).collect();
            assert_eq!(last(&kept, filter), expect);
        };
        let cart = TraceFilter {
            actor: Some("cart".parse().expect("a name")),
            ..TraceFilter::default()
        };
        check(cart.clone(), &[3, 1]);
        let alice = TraceFilter {
            key: Some("alice".parse().expect("a key")),
            ..cart
        };
        check(alice, &[1]);
        let check_one = |change: &dyn Fn(&mut TraceFilter), expect: &[u8]| {
            let mut filter = TraceFilter::default();
            change(&mut filter);
            check(filter, expect);
        };
        check_one(&|filter| filter.errors = true, &[0x4b]);
        check_one(&|filter| filter.took_us_min = 4_999, &[3]);
        check_one(&|filter| filter.took_us_min = 5_001, &[]);
        check_one(&|filter| filter.begins = "4b4b".to_owned(), &[0x4b]);
    }

    #[test]
    fn an_answer_is_bounded_and_says_what_is_missing() {
        let one = trace(1);
        let ended_last_to_first: Vec<_> = (1..=600).rev().map(|nth| Arc::new(span(one, nth, None))).collect();
        let (found, left_out) = spans(&ended_last_to_first, one);
        assert_eq!((found.len(), found[0].start_ns, left_out), (500, 1, 100));
        let huge: Vec<_> = (1..=4)
            .map(|nth| with(span(one, nth, None), "text", &"x".repeat(BYTES_MAX / 3)))
            .collect();
        let (found, left_out) = spans(&huge, one);
        assert_eq!((found.len(), left_out), (2, 2));
        assert_eq!(spans(&huge, trace(2)), (Vec::new(), 0));
    }
}
