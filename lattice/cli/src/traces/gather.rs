//! Asks every member for what it keeps of traces.

use std::collections::HashSet;

use lattice_control::{MemberSummary, TraceFilter, Traces, TracesReply, TracesWanted};
use lattice_core::TraceId;

use super::{HostSpan, TraceView};
use crate::session::Session;

/// The spans of a trace, from all members.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) spans: Vec<HostSpan>,
    /// How many more there are, which members could not send.
    pub(crate) left_out: u64,
    /// Who did not answer.
    pub(crate) silent: Vec<String>,
}

/// The last traces of a kind, the latest first, and who did not answer.
///
/// A member judges by its own spans, so one that has the rest of a trace may not count it among those: each is asked again for what it
/// has of those that any found.
pub(crate) async fn last(
    session: &Session,
    members: &[MemberSummary],
    filter: TraceFilter,
) -> (Vec<TraceView>, Vec<String>) {
    let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX);
    let (found, silent) = ask(session, members, TracesWanted::Last(filter)).await;
    let mut found = views(found);
    found.truncate(limit);
    if found.is_empty() {
        return (found, silent);
    }
    let ids = found.iter().map(|trace| trace.trace_id).collect();
    let (said, silent) = ask(session, members, TracesWanted::These(ids)).await;
    (views(said), silent)
}

/// All spans of a trace. One that several members tell of counts once.
pub(crate) async fn spans(session: &Session, members: &[MemberSummary], trace: TraceId) -> Found {
    let (replies, silent) = ask(session, members, TracesWanted::Spans(trace)).await;
    let mut found = Found {
        silent,
        ..Found::default()
    };
    let mut known = HashSet::new();
    for reply in replies {
        let new = reply.spans.into_iter().filter(|span| known.insert(span.span_id));
        found.spans.extend(new.map(|span| HostSpan {
            host: reply.host.clone(),
            span,
        }));
        found.left_out = found.left_out.saturating_add(reply.left_out);
    }
    found.spans.sort_by_key(|span| span.span.start_ns);
    found
}

fn views(said: Vec<TracesReply>) -> Vec<TraceView> {
    TraceView::merge(said.into_iter().map(|reply| (reply.host, reply.traces)))
}

async fn ask(session: &Session, members: &[MemberSummary], wanted: TracesWanted) -> (Vec<TracesReply>, Vec<String>) {
    let (mut replies, mut silent) = (Vec::new(), Vec::new());
    for (member, reply) in session.client.read_each(members, &Traces::from(wanted)).await {
        match reply {
            // What a member says it is called is not what it was enrolled as.
            Ok(reply) => replies.push(TracesReply {
                host: member.name,
                ..reply
            }),
            Err(error) => {
                tracing::debug!(member = member.name, %error, "was not heard");
                silent.push(member.name);
            }
        }
    }
    (replies, silent)
}
