//! The spans of the last while, in memory.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use lattice_core::TraceId;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use crate::record::SpanRecord;

/// How many spans are remembered.
const SPANS_MAX: usize = 8_192;
/// How much memory they may take, about.
const BYTES_MAX: usize = 4 * 1024 * 1024;
/// How far a follower may fall behind before it misses spans, and is told so.
const FOLLOW_BEHIND_MAX: usize = 1_024;

/// The spans that were kept lately, the oldest forgotten first; and those to come, for whoever follows. Cheap to clone.
#[derive(Clone)]
pub struct Recent(Arc<Inner>);

struct Inner {
    ring: RwLock<Ring>,
    follow: broadcast::Sender<Arc<SpanRecord>>,
}

struct Ring {
    spans: VecDeque<Arc<SpanRecord>>,
    bytes: usize,
    limits: Bounds,
}

#[derive(Clone, Copy)]
struct Bounds {
    spans: usize,
    bytes: usize,
}

/// A trace in one line, as far as this process knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceSummary {
    /// The trace.
    pub trace_id: TraceId,
    /// Name of its uppermost span here.
    pub name: String,
    /// When its first span started.
    pub start_ns: u64,
    /// When its last span ended.
    pub end_ns: u64,
    /// How many spans it has here.
    pub spans: u64,
    /// How many of them ended with an error.
    pub errors: u64,
}

impl std::fmt::Debug for Recent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recent")
    }
}

impl Default for Recent {
    fn default() -> Self {
        Self::with_bounds(Bounds {
            spans: SPANS_MAX,
            bytes: BYTES_MAX,
        })
    }
}

impl Recent {
    fn with_bounds(limits: Bounds) -> Self {
        Self(Arc::new(Inner {
            ring: RwLock::new(Ring {
                spans: VecDeque::new(),
                bytes: 0,
                limits,
            }),
            follow: broadcast::Sender::new(FOLLOW_BEHIND_MAX),
        }))
    }

    pub(crate) fn push(&self, span: SpanRecord) {
        let span = Arc::new(span);
        self.0.ring.write().push(span.clone());
        // Nobody following is fine.
        let _ = self.0.follow.send(span);
    }

    /// The spans of a trace, in the order in which they started.
    pub fn trace(&self, trace: TraceId) -> Vec<SpanRecord> {
        let mut spans: Vec<SpanRecord> = self.find(|span| span.trace_id == trace);
        spans.sort_by_key(|span| (span.start_ns, std::cmp::Reverse(span.end_ns)));
        spans
    }

    /// All spans, in the order in which they ended.
    pub fn all(&self) -> Vec<Arc<SpanRecord>> {
        self.0.ring.read().spans.iter().cloned().collect()
    }

    /// The trace of the last span that ended and is `wanted`.
    pub fn last(&self, wanted: impl Fn(&SpanRecord) -> bool) -> Option<TraceId> {
        let ring = self.0.ring.read();
        let last = ring.spans.iter().rev().find(|span| wanted(span));
        last.map(|span| span.trace_id)
    }

    /// The last traces, the latest first.
    pub fn traces(&self, limit: usize) -> Vec<TraceSummary> {
        let ring = self.0.ring.read();
        let mut at = HashMap::new();
        let mut traces: Vec<(TraceSummary, &SpanRecord)> = Vec::new();
        for span in ring.spans.iter().rev() {
            let known = at.len();
            let index = *at.entry(span.trace_id).or_insert(known);
            if let Some((trace, top)) = traces.get_mut(index) {
                trace.add(span, top);
            } else if index < limit {
                traces.push((TraceSummary::of(span), span));
            }
        }
        traces.into_iter().map(|(trace, _)| trace).collect()
    }

    /// Follows the spans to come. Who falls behind misses some, and is told how many.
    pub fn follow(&self) -> broadcast::Receiver<Arc<SpanRecord>> {
        self.0.follow.subscribe()
    }

    fn find(&self, wanted: impl Fn(&SpanRecord) -> bool) -> Vec<SpanRecord> {
        let ring = self.0.ring.read();
        let found = ring.spans.iter().filter(|span| wanted(span));
        found.map(|span| SpanRecord::clone(span)).collect()
    }
}

impl Ring {
    fn push(&mut self, span: Arc<SpanRecord>) {
        let weight = span.weight();
        if weight > self.limits.bytes {
            return;
        }
        self.bytes += weight;
        self.spans.push_back(span);
        while self.spans.len() > self.limits.spans || self.bytes > self.limits.bytes {
            let Some(oldest) = self.spans.pop_front() else { break };
            self.bytes -= oldest.weight();
        }
    }
}

impl TraceSummary {
    fn of(span: &SpanRecord) -> Self {
        Self {
            trace_id: span.trace_id,
            name: span.name.clone(),
            start_ns: span.start_ns,
            end_ns: span.end_ns,
            spans: 1,
            errors: u64::from(span.error.is_some()),
        }
    }

    fn add<'a>(&mut self, span: &'a SpanRecord, top: &mut &'a SpanRecord) {
        let above = |span: &SpanRecord| (span.parent_id.is_some(), !span.parent_is_remote, span.start_ns);
        if above(span) < above(top) {
            *top = span;
            self.name.clone_from(&span.name);
        }
        self.start_ns = self.start_ns.min(span.start_ns);
        self.end_ns = self.end_ns.max(span.end_ns);
        self.spans += 1;
        self.errors += u64::from(span.error.is_some());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice;
    use crate::record::Attributes;
    use crate::span::SpanKind;

    fn span(trace_id: TraceId, name: &str, start_ns: u64) -> SpanRecord {
        SpanRecord {
            trace_id,
            span_id: dice::span_id(),
            parent_id: None,
            parent_is_remote: false,
            name: name.to_owned(),
            kind: SpanKind::Internal,
            start_ns,
            end_ns: start_ns + 10,
            error: None,
            attributes: Attributes::new(),
            events: Vec::new(),
            links: Vec::new(),
        }
    }

    #[test]
    fn the_oldest_is_forgotten_by_number_and_by_size() {
        let recent = Recent::with_bounds(Bounds {
            spans: 3,
            bytes: 10_000,
        });
        let traces: Vec<_> = (0..5).map(|_| dice::trace_id()).collect();
        for trace in &traces {
            recent.push(span(*trace, "a", 1));
        }
        assert_eq!(recent.traces(9).len(), 3);
        assert!(recent.trace(traces[1]).is_empty());
        // Leaves room for one of those before it.
        let small = span(traces[0], "a", 1).weight();
        recent.push(span(dice::trace_id(), &"b".repeat(10_001 - 2 * small), 1));
        assert_eq!(recent.traces(9).len(), 2);
        assert_eq!(recent.0.ring.read().bytes, 10_000);
        // One that has no room at all drives nobody out.
        recent.push(span(dice::trace_id(), &"c".repeat(10_000), 1));
        assert_eq!(recent.traces(9).len(), 2);
    }

    #[test]
    fn finds_traces_by_what_is_wanted_latest_first() {
        let recent = Recent::default();
        let (first, second) = (dice::trace_id(), dice::trace_id());
        let mut child = span(first, "child", 5);
        child.parent_id = Some(dice::span_id());
        recent.push(child);
        recent.push(span(second, "other", 7));
        recent.push(span(first, "root", 1));
        let names: Vec<_> = recent.trace(first).into_iter().map(|span| span.name).collect();
        assert_eq!(names, ["root", "child"]);
        assert_eq!(recent.last(|span| span.name == "other"), Some(second));
        assert_eq!(recent.last(|_| true), Some(first));
        assert_eq!(recent.last(|span| span.error.is_some()), None);
        let traces = recent.traces(1);
        let [trace] = traces.as_slice() else {
            panic!("{traces:?}")
        };
        assert_eq!((trace.name.as_str(), trace.spans, trace.start_ns), ("root", 2, 1));
    }

    #[tokio::test]
    async fn who_follows_hears_what_comes() {
        let recent = Recent::default();
        let mut follower = recent.follow();
        recent.push(span(dice::trace_id(), "new", 1));
        assert_eq!(follower.recv().await.expect("not behind").name, "new");
    }
}
