//! The last traces, one a line.

use anyhow::Result;
use lattice_core::UnixSeconds;

use super::{age, trace::took};
use crate::{
    output::{Column, Document, Table},
    resolve::short_id,
    traces::TraceView,
};

const COLUMNS: &[Column] = &[
    Column::always("AGE"),
    Column::always("TRACE"),
    Column::always("ROOT"),
    Column::always("SPANS"),
    Column::always("HOSTS"),
    Column::always("TOOK"),
    Column::always("ERROR"),
    Column::wide("ID"),
];

/// The columns whose width does not depend on what is in them, and the gaps between all.
const FIXED: usize = 8 + 5 + 5 + 6 * 3;
/// Less of a root says nothing.
const ROOT_MIN: usize = 16;
/// More hosts than fit into this are counted.
const HOSTS_MAX: usize = 16;

/// Lists traces. `width` is how wide the terminal is, if there is one.
pub(crate) fn traces(traces: &[TraceView], now: UnixSeconds, width: Option<usize>) -> Result<Document> {
    let mut table = Table::new(COLUMNS);
    let age = |trace: &TraceView| age(UnixSeconds::new(trace.start_ns / 1_000_000_000), now);
    let widest = |of: &dyn Fn(&TraceView) -> String| traces.iter().map(|trace| of(trace).chars().count()).max();
    let besides = FIXED
        + widest(&age).unwrap_or(0)
        + widest(&|trace| hosts(&trace.hosts)).unwrap_or(0).max("HOSTS".len())
        + widest(&|trace| took(trace.took_ns)).unwrap_or(0);
    let room = width.map_or(usize::MAX, |width| width.saturating_sub(besides).max(ROOT_MIN));
    for trace in traces {
        let id = trace.trace_id.to_string();
        table.row([
            age(trace),
            short_id(&id).to_owned(),
            super::trace::cut(&trace.root, room),
            trace.spans.to_string(),
            hosts(&trace.hosts),
            took(trace.took_ns),
            match trace.errors {
                0 => String::new(),
                errors => errors.to_string(),
            },
            id,
        ]);
    }
    let names = traces.iter().map(|trace| format!("trace/{}", trace.trace_id)).collect();
    Document::list(
        "TraceList",
        traces,
        table,
        names,
        "no traces are kept that fit: hosts keep those that are sampled, and errors, for a while",
    )
}

fn hosts(names: &[String]) -> String {
    let all = names.join(",");
    match all.chars().count() > HOSTS_MAX {
        true => format!("{} hosts", names.len()),
        false => all,
    }
}
