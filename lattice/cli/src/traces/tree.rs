//! The spans of a trace as a tree, line by line. Shows every span exactly once, whatever members say of their parents.

use std::collections::HashMap;

use lattice_control::TraceSpanKind;
use lattice_core::SpanId;

use super::HostSpan;

/// The lines of a tree, from above, and the time they take together.
#[derive(Debug, PartialEq)]
pub(crate) struct Lines<'a> {
    pub(crate) lines: Vec<Line<'a>>,
    /// From the first start to the last end, clocks put right.
    pub(crate) took_ns: u64,
}

/// One line of a tree.
#[derive(Debug, PartialEq)]
pub(crate) struct Line<'a> {
    /// For every level above, whether more follows there after this line. Empty for lines that hang on nothing.
    pub(crate) more: Vec<bool>,
    pub(crate) place: Place<'a>,
}

/// What is in a place of the tree.
#[derive(Debug, PartialEq)]
pub(crate) enum Place<'a> {
    /// A span that others name as their parent, and that nobody keeps.
    Missing,
    /// A span, and how long after the first it started.
    Span { span: &'a HostSpan, offset_ns: u64 },
}

/// A span that has found its place, with what its host's clock is off by.
struct Placed {
    more: Vec<bool>,
    /// None where the parent is missing.
    span: Option<(usize, i128)>,
}

impl<'a> Lines<'a> {
    /// Puts spans under their parents, in the order in which they started. Of several with one id the first counts.
    pub(crate) fn of(spans: &'a [HostSpan]) -> Self {
        let mut tree = Tree::of(spans);
        let mut placed = Vec::new();
        for root in std::mem::take(&mut tree.roots) {
            tree.place(vec![], root, 0, &mut placed);
        }
        for (_, children) in std::mem::take(&mut tree.orphans) {
            tree.place_orphans(children, &mut placed);
        }
        // Spans that are each above the other: whoever made them was wrong, but they are shown.
        while let Some(&left) = tree.by_start.iter().find(|&&index| !tree.taken[index]) {
            tree.place_orphans(vec![left], &mut placed);
        }
        laid_out(spans, placed)
    }
}

fn laid_out(spans: &[HostSpan], placed: Vec<Placed>) -> Lines<'_> {
    let times = || placed.iter().filter_map(|placed| placed.span);
    let start = times()
        .map(|(index, off)| start(&spans[index]) + off)
        .min()
        .unwrap_or(0);
    let end = times().map(|(index, off)| end(&spans[index]) + off).max().unwrap_or(0);
    let lines = placed.into_iter().map(|placed| Line {
        more: placed.more,
        place: placed.span.map_or(Place::Missing, |(index, off)| Place::Span {
            span: &spans[index],
            offset_ns: nanoseconds(self::start(&spans[index]) + off - start),
        }),
    });
    Lines {
        lines: lines.collect(),
        took_ns: nanoseconds(end - start),
    }
}

struct Tree<'a> {
    spans: &'a [HostSpan],
    by_start: Vec<usize>,
    children: HashMap<SpanId, Vec<usize>>,
    roots: Vec<usize>,
    /// By the parent that is missing, in the order in which the first of each started.
    orphans: Vec<(SpanId, Vec<usize>)>,
    taken: Vec<bool>,
}

impl<'a> Tree<'a> {
    fn of(spans: &'a [HostSpan]) -> Self {
        let mut by_start: Vec<usize> = (0..spans.len()).collect();
        by_start.sort_by_key(|&index| (start(&spans[index]), std::cmp::Reverse(end(&spans[index]))));
        let mut known = HashMap::new();
        by_start.retain(|&index| known.insert(spans[index].span.span_id, ()).is_none());
        let mut tree = Self {
            spans,
            by_start: Vec::new(),
            children: HashMap::new(),
            roots: Vec::new(),
            orphans: Vec::new(),
            taken: vec![false; spans.len()],
        };
        for &index in &by_start {
            match spans[index].span.parent_id {
                None => tree.roots.push(index),
                Some(parent) if known.contains_key(&parent) => tree.children.entry(parent).or_default().push(index),
                Some(parent) => match tree.orphans.iter_mut().find(|(missing, _)| *missing == parent) {
                    Some((_, children)) => children.push(index),
                    None => tree.orphans.push((parent, vec![index])),
                },
            }
        }
        tree.by_start = by_start;
        tree
    }

    fn place_orphans(&mut self, children: Vec<usize>, placed: &mut Vec<Placed>) {
        placed.push(Placed {
            more: vec![],
            span: None,
        });
        let last = children.len().saturating_sub(1);
        for (nth, child) in children.into_iter().enumerate() {
            self.place(vec![nth < last], child, 0, placed);
        }
    }

    /// Places a span with all below it. Not by recursion: who reports spans decides how deep a tree is.
    fn place(&mut self, more: Vec<bool>, top: usize, off: i128, placed: &mut Vec<Placed>) {
        let mut waiting = vec![(more, top, off)];
        while let Some((more, index, off)) = waiting.pop() {
            if std::mem::replace(&mut self.taken[index], true) {
                continue;
            }
            let parent = &self.spans[index];
            let children = self.children.get(&parent.span.span_id).map_or(&[][..], Vec::as_slice);
            let mut children: Vec<(usize, i128)> = children
                .iter()
                .map(|&child| (child, clock_off(parent, off, &self.spans[child])))
                .collect();
            children.sort_by_key(|&(child, off)| start(&self.spans[child]) + off);
            for (from_last, &(child, off)) in children.iter().rev().enumerate() {
                let more = more.iter().copied().chain([from_last > 0]);
                waiting.push((more.collect(), child, off));
            }
            placed.push(Placed {
                more,
                span: Some((index, off)),
            });
        }
    }
}

/// What has to be added to the times of a span so that they go with its parent's. Clocks of hosts differ, and nothing begins before
/// what caused it, or answers after its asker has the answer.
fn clock_off(parent: &HostSpan, off: i128, child: &HostSpan) -> i128 {
    if parent.host == child.host {
        return off;
    }
    let (from, to) = (start(parent) + off, end(parent) + off);
    let (start, end) = (start(child), end(child));
    let room = (to - from) - (end - start);
    let is_call = parent.span.kind == TraceSpanKind::Client && child.span.kind == TraceSpanKind::Server;
    let outlives = is_call && parent.span.error.is_none() && room >= 0 && end > to;
    match start < from || outlives {
        // As long on the way there as on the way back.
        true => from + room.max(0) / 2 - start,
        false => 0,
    }
}

fn start(span: &HostSpan) -> i128 {
    i128::from(span.span.start_ns)
}

fn end(span: &HostSpan) -> i128 {
    i128::from(span.span.end_ns.max(span.span.start_ns))
}

fn nanoseconds(difference: i128) -> u64 {
    u64::try_from(difference.max(0)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traces::testing::span;

    /// A line as `+|name@ms`: a sign per level, `+` where more follows.
    fn drawn(spans: &[HostSpan]) -> Vec<String> {
        let line = |line: &Line<'_>| {
            let levels: String = line.more.iter().map(|more| if *more { '+' } else { '|' }).collect();
            match &line.place {
                Place::Missing => format!("{levels}?"),
                Place::Span { span, offset_ns } => format!("{levels}{}@{}", span.span.name, offset_ns / 1_000_000),
            }
        };
        Lines::of(spans).lines.iter().map(line).collect()
    }

    #[test]
    fn spans_stand_under_their_parents_in_order() {
        let spans = [
            span("a", 4, Some(2), 3, 4),
            span("a", 3, Some(1), 6, 9),
            span("a", 2, Some(1), 2, 5),
            span("a", 1, None, 0, 10),
        ];
        assert_eq!(drawn(&spans), ["s1@0", "+s2@2", "+|s4@3", "|s3@6"]);
        assert_eq!(Lines::of(&spans).took_ns, 10_000_000);
        assert_eq!(drawn(&[]), [""; 0]);
    }

    #[test]
    fn spans_without_their_parent_are_not_lost() {
        let spans = [
            span("a", 2, Some(9), 3, 4),
            span("a", 3, Some(2), 3, 4),
            span("b", 4, Some(9), 5, 6),
            span("a", 1, None, 0, 10),
            span("b", 5, Some(8), 7, 8),
        ];
        assert_eq!(drawn(&spans), ["s1@0", "?", "+s2@3", "+|s3@3", "|s4@5", "?", "|s5@7"]);
    }

    #[test]
    fn spans_above_each_other_and_told_twice_are_shown_once() {
        let spans = [
            span("a", 1, Some(2), 0, 10),
            span("a", 2, Some(1), 1, 9),
            span("a", 3, Some(3), 2, 9),
            span("b", 3, Some(3), 2, 9),
        ];
        assert_eq!(drawn(&spans), ["?", "|s1@0", "||s2@1", "?", "|s3@2"]);
    }

    #[test]
    fn clocks_that_differ_are_put_right() {
        let (mut caller, mut callee) = (span("a", 1, None, 100, 110), span("b", 2, Some(1), 50, 56));
        let within = span("b", 3, Some(2), 51, 52);
        let three = |caller: &HostSpan, callee: &HostSpan| drawn(&[caller.clone(), callee.clone(), within.clone()]);
        assert_eq!(three(&caller, &callee), ["s1@0", "|s2@2", "||s3@3"]);
        // It may go on after its cause has ended, unless that has its answer.
        let later = span("b", 2, Some(1), 105, 113);
        assert_eq!(drawn(&[caller.clone(), later.clone()]), ["s1@0", "|s2@5"]);
        (caller.span.kind, callee.span.kind) = (TraceSpanKind::Client, TraceSpanKind::Server);
        (callee.span.start_ns, callee.span.end_ns) = (later.span.start_ns, later.span.end_ns);
        assert_eq!(drawn(&[caller, callee]), ["s1@0", "|s2@1"]);
    }

    #[test]
    fn nonsense_times_do_no_harm() {
        let (mut one, mut two) = (span("a", 1, None, 0, 0), span("b", 2, Some(1), 0, 0));
        (one.span.start_ns, one.span.end_ns) = (u64::MAX, 0);
        (two.span.start_ns, two.span.end_ns) = (0, u64::MAX);
        assert_eq!(Lines::of(&[one, two]).lines.len(), 2);
    }

    #[test]
    fn a_deep_tree_is_no_danger() {
        let spans: Vec<_> = (1..=3000)
            .map(|nth| span("a", nth, nth.checked_sub(1).filter(|&n| n > 0), nth, nth))
            .collect();
        let lines = Lines::of(&spans);
        assert_eq!(lines.lines.last().map(|line| line.more.len()), Some(2999));
    }
}
