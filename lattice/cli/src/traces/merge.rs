//! What several members say of the same trace, in one line.

use std::collections::HashMap;

use lattice_control::{TraceBrief, TraceTop};
use lattice_core::TraceId;
use serde::Serialize;

/// A trace of the lattice in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct TraceView {
    pub(crate) trace_id: TraceId,
    /// Name of the uppermost span that is kept.
    pub(crate) root: String,
    /// Whether the trace begins with it.
    pub(crate) whole: bool,
    pub(crate) start_ns: u64,
    pub(crate) end_ns: u64,
    pub(crate) took_ns: u64,
    pub(crate) spans: u64,
    pub(crate) errors: u64,
    /// The members that have spans of it, sorted.
    pub(crate) hosts: Vec<String>,
}

impl TraceView {
    /// Puts together what members say, each under its name. The trace that ended last comes first.
    pub(crate) fn merge(said: impl IntoIterator<Item = (String, Vec<TraceBrief>)>) -> Vec<Self> {
        let mut merged: HashMap<TraceId, (Self, Rank)> = HashMap::new();
        for (host, traces) in said {
            for brief in traces {
                let rank = (brief.top, brief.start_ns);
                match merged.get_mut(&brief.trace_id) {
                    Some((view, top)) => {
                        view.add(&host, &brief, rank < *top);
                        *top = rank.min(*top);
                    }
                    None => {
                        merged.insert(brief.trace_id, (Self::new(&host, brief), rank));
                    }
                }
            }
        }
        let mut views: Vec<Self> = merged.into_values().map(|(view, _)| view.finished()).collect();
        views.sort_by_key(|view| (std::cmp::Reverse(view.end_ns), view.trace_id));
        views
    }

    fn new(host: &str, brief: TraceBrief) -> Self {
        Self {
            trace_id: brief.trace_id,
            root: brief.name,
            whole: brief.top == TraceTop::Root,
            start_ns: brief.start_ns,
            end_ns: brief.end_ns,
            took_ns: brief.took_ns,
            spans: brief.spans,
            errors: brief.errors,
            hosts: vec![host.to_owned()],
        }
    }

    fn add(&mut self, host: &str, brief: &TraceBrief, is_above: bool) {
        if is_above {
            self.root.clone_from(&brief.name);
            self.whole = brief.top == TraceTop::Root;
            self.took_ns = brief.took_ns;
        }
        self.start_ns = self.start_ns.min(brief.start_ns);
        self.end_ns = self.end_ns.max(brief.end_ns);
        self.spans = self.spans.saturating_add(brief.spans);
        self.errors = self.errors.saturating_add(brief.errors);
        self.hosts.push(host.to_owned());
    }

    fn finished(mut self) -> Self {
        self.hosts.sort();
        self.hosts.dedup();
        self
    }
}

/// How far up the top of a piece is, then how early it began: among several that were called from elsewhere, the first called the others.
type Rank = (TraceTop, u64);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traces::testing::trace;

    fn brief(nth: u8, name: &str, top: TraceTop, start_ns: u64) -> TraceBrief {
        TraceBrief {
            trace_id: trace(nth),
            name: name.to_owned(),
            top,
            took_ns: 7,
            start_ns,
            end_ns: start_ns + 10,
            spans: 2,
            errors: 1,
        }
    }

    #[test]
    fn a_trace_over_several_hosts_is_one() {
        let merged = TraceView::merge([
            (
                "pi".to_owned(),
                vec![
                    brief(1, "handle", TraceTop::Entry, 1),
                    brief(2, "move", TraceTop::Root, 50),
                ],
            ),
            ("edge".to_owned(), vec![brief(1, "get", TraceTop::Entry, 5)]),
            ("cloud".to_owned(), vec![brief(1, "GET /", TraceTop::Root, 3)]),
        ]);
        assert_eq!(
            merged.iter().map(|view| view.root.as_str()).collect::<Vec<_>>(),
            ["move", "GET /"]
        );
        let [_, get] = merged.as_slice() else {
            panic!("{merged:?}")
        };
        assert_eq!((get.start_ns, get.end_ns, get.spans, get.errors), (1, 15, 6, 3));
        assert_eq!(get.hosts, ["cloud", "edge", "pi"]);
        assert!(get.whole);
    }

    #[test]
    fn without_its_root_it_is_called_after_the_first_that_was_called() {
        let merged = TraceView::merge([
            ("a".to_owned(), vec![brief(1, "later", TraceTop::Entry, 9)]),
            ("b".to_owned(), vec![brief(1, "within", TraceTop::Inner, 1)]),
            ("c".to_owned(), vec![brief(1, "first", TraceTop::Entry, 4)]),
        ]);
        assert_eq!((merged[0].root.as_str(), merged[0].whole), ("first", false));
    }
}
