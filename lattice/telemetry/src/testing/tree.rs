//! Judges whether spans make whole trees.

use std::collections::{BTreeMap, HashSet};

use crate::{SpanId, SpanRecord, TraceId};

/// Checks that the spans of every trace are one tree: one root, no orphan, no cycle, nothing twice.
///
/// # Errors
///
/// With everything that is wrong.
pub fn check<'a>(spans: impl IntoIterator<Item = &'a SpanRecord>) -> Result<(), Vec<String>> {
    let mut traces: BTreeMap<TraceId, BTreeMap<SpanId, &SpanRecord>> = BTreeMap::new();
    let mut wrong = Vec::new();
    for span in spans {
        let before = traces.entry(span.trace_id).or_default().insert(span.span_id, span);
        if before.is_some() {
            wrong.push(format!("{} came twice", shown(span)));
        }
    }
    for spans in traces.values() {
        check_trace(spans, &mut wrong);
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

fn check_trace(spans: &BTreeMap<SpanId, &SpanRecord>, wrong: &mut Vec<String>) {
    let mut roots = Vec::new();
    for span in spans.values() {
        match span.parent_id {
            None => roots.push(shown(span)),
            Some(parent) if !spans.contains_key(&parent) => {
                wrong.push(format!("{} is an orphan: {parent} did not come", shown(span)));
            }
            Some(_) if is_in_cycle(spans, span) => wrong.push(format!("{} is above itself", shown(span))),
            Some(_) => {}
        }
    }
    if roots.len() > 1 {
        wrong.push(format!("more than one root: {}", roots.join(", ")));
    }
}

fn is_in_cycle(spans: &BTreeMap<SpanId, &SpanRecord>, span: &SpanRecord) -> bool {
    let mut seen = HashSet::new();
    let mut above = span.parent_id;
    while let Some(id) = above {
        if id == span.span_id {
            return true;
        }
        if !seen.insert(id) {
            return false;
        }
        above = spans.get(&id).and_then(|span| span.parent_id);
    }
    false
}

fn shown(span: &SpanRecord) -> String {
    format!("`{}` ({} of {})", span.name, span.span_id, span.trace_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Attributes;
    use crate::{SpanKind, dice};

    /// Spans of one trace, each with its name and its parent's.
    fn trace(spans: &[(u8, Option<u8>)]) -> Vec<SpanRecord> {
        let trace_id = dice::trace_id();
        let id = |name: u8| SpanId::from_bytes([name; 8]).expect("not zero");
        let spans = spans.iter().map(|(name, parent)| SpanRecord {
            trace_id,
            span_id: id(*name),
            parent_id: parent.map(id),
            parent_is_remote: false,
            name: name.to_string(),
            kind: SpanKind::Internal,
            start_ns: 0,
            end_ns: 1,
            error: None,
            attributes: Attributes::new(),
            events: Vec::new(),
            links: Vec::new(),
        });
        spans.collect()
    }

    fn wrong(spans: &[(u8, Option<u8>)]) -> Vec<String> {
        check(&trace(spans)).err().unwrap_or_default()
    }

    #[test]
    fn whole_trees_are_fine() {
        assert_eq!(
            check(&trace(&[(1, None), (2, Some(1)), (3, Some(2)), (4, Some(1))])),
            Ok(())
        );
        let two: Vec<_> = [trace(&[(1, None)]), trace(&[(1, None)])].concat();
        assert_eq!(check(&two), Ok(()));
    }

    #[test]
    fn everything_else_is_told() {
        assert!(wrong(&[(1, None), (2, Some(9))])[0].contains("orphan"));
        assert!(wrong(&[(1, None), (2, None)])[0].contains("more than one root"));
        assert!(wrong(&[(1, None), (1, None)])[0].contains("twice"));
        assert_eq!(wrong(&[(1, None), (2, Some(3)), (3, Some(2)), (4, Some(3))]).len(), 2);
    }
}
