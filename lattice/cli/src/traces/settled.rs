//! When a trace is there as a whole. Nobody knows for sure: spans come when they end. It counts as whole when nothing more comes.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use lattice_core::{SpanId, TraceId};

use super::{HostSpan, TraceView};

/// How long nothing more came, until that is taken for the end.
const QUIET: Duration = Duration::from_millis(300);
/// Traces that have not been seen in so many looks are forgotten, as members have forgotten them.
const FORGOTTEN_AFTER: u64 = 1000;

/// Waits for what a request has caused: a span under the caller's, and then quiet.
#[derive(Debug)]
pub(crate) struct Answered {
    caller: SpanId,
    spans: usize,
    since: Option<Instant>,
}

impl Answered {
    pub(crate) fn new(caller: SpanId) -> Self {
        Self {
            caller,
            spans: 0,
            since: None,
        }
    }

    /// Takes down what is there now. Returns whether that is all.
    pub(crate) fn look(&mut self, spans: &[HostSpan], now: Instant) -> bool {
        let has_root = spans.iter().any(|span| span.span.parent_id == Some(self.caller));
        if !has_root || spans.len() != self.spans || self.since.is_none() {
            self.spans = spans.len();
            self.since = has_root.then_some(now);
            return false;
        }
        self.since
            .is_some_and(|since| now.saturating_duration_since(since) >= QUIET)
    }
}

/// Waits for traces that come. Looks are further apart than [`QUIET`]: one that is the same in two is whole.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    looks: u64,
    known: HashMap<TraceId, Known>,
}

#[derive(Debug)]
struct Known {
    spans: u64,
    told: bool,
    seen_at: u64,
}

impl Arrivals {
    /// Takes down the last traces as they are now. Returns those to tell of, in the order in which they ended. What is there at the first
    /// look was before.
    pub(crate) fn look(&mut self, last: &[TraceView]) -> Vec<TraceId> {
        self.looks += 1;
        let (looks, is_first) = (self.looks, self.looks == 1);
        let mut arrived = Vec::new();
        for trace in last.iter().rev() {
            let known = self.known.entry(trace.trace_id).or_insert(Known {
                spans: 0,
                told: is_first,
                seen_at: looks,
            });
            if !known.told && known.spans == trace.spans {
                known.told = true;
                arrived.push(trace.trace_id);
            }
            (known.spans, known.seen_at) = (trace.spans, looks);
        }
        self.known.retain(|_, known| looks - known.seen_at < FORGOTTEN_AFTER);
        arrived
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traces::testing::{id, span, trace};

    #[test]
    fn an_answer_is_whole_when_nothing_more_comes() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut answered = Answered::new(id(1));
        let (deep, root) = (span("a", 3, Some(2), 1, 2), span("a", 2, Some(1), 0, 3));
        assert!(!answered.look(&[], at(0)));
        assert!(!answered.look(std::slice::from_ref(&deep), at(100)));
        assert!(
            !answered.look(std::slice::from_ref(&deep), at(900)),
            "its root is missing"
        );
        let both = [deep.clone(), root.clone()];
        assert!(!answered.look(&both, at(1000)));
        assert!(!answered.look(&both, at(1200)));
        let all = [deep, root, span("b", 4, Some(3), 1, 2)];
        assert!(!answered.look(&all, at(1300)), "more came");
        assert!(!answered.look(&all, at(1599)));
        assert!(answered.look(&all, at(1600)));
    }

    fn view(nth: u8, spans: u64) -> TraceView {
        TraceView {
            trace_id: trace(nth),
            root: String::new(),
            whole: true,
            start_ns: 0,
            end_ns: 0,
            took_ns: 0,
            spans,
            errors: 0,
            hosts: Vec::new(),
        }
    }

    #[test]
    fn traces_are_told_once_when_they_no_longer_grow() {
        let mut arrivals = Arrivals::default();
        assert!(arrivals.look(&[view(1, 3)]).is_empty(), "was there before");
        assert!(arrivals.look(&[view(2, 1), view(1, 3)]).is_empty());
        assert!(arrivals.look(&[view(3, 1), view(2, 2), view(1, 4)]).is_empty());
        assert_eq!(
            arrivals.look(&[view(3, 1), view(2, 2), view(1, 4)]),
            [trace(2), trace(3)]
        );
        assert!(arrivals.look(&[view(3, 2), view(2, 2)]).is_empty());
    }
}
