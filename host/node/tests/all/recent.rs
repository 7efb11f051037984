//! Hosts keep the spans of the last while, and tell whoever asks.

use lattice_control::{TraceFilter, TraceTop, Traces, TracesReply, TracesWanted};
use lattice_node::testing::{TestHost, TestLattice};
use lattice_telemetry::{Telemetry, TraceSettings};
use lattice_testkit::eventually;

use crate::support::{Http, lattice, ping_pong};

/// Keeps every trace, and sends nothing anywhere.
fn telemetry() -> Telemetry {
    let all = |name: &str| (name == "OTEL_TRACES_SAMPLER").then(|| "always_on".to_owned());
    let settings = TraceSettings::from_lookup(all).expect("settings");
    Telemetry::start(&settings, Vec::new()).expect("starts")
}

async fn ask(lattice: &TestLattice, host: &TestHost, wanted: TracesWanted) -> TracesReply {
    let question = Traces::from(wanted);
    lattice.client().read(host.id(), &question).await.expect("answers")
}

fn through(actor: &str) -> TracesWanted {
    TracesWanted::Last(TraceFilter {
        limit: 10,
        actor: Some(actor.parse().expect("a name")),
        ..TraceFilter::default()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_lies_in_pieces_on_the_hosts_that_it_passed() {
    let (_nats, lattice) = lattice().await;
    let (one, other) = (telemetry(), telemetry());
    let (here, there, url) = ping_pong(&lattice, &one, &other).await;
    Http::new().get(&url).await.ok();

    // A span is kept when it has ended, which may be after the answer.
    let limit = lattice_node::testing::PATIENCE;
    let trace = eventually("both hosts keep their piece", limit, async || {
        let here = ask(&lattice, &here, through("ping")).await;
        let there = ask(&lattice, &there, through("pong")).await;
        // What was ordered is there as well, in traces of its own.
        let call = |reply: &TracesReply| {
            reply
                .traces
                .iter()
                .find(|trace| !trace.name.starts_with("control"))
                .cloned()
        };
        match (call(&here), call(&there)) {
            (Some(one), Some(other)) if one.top == TraceTop::Root => {
                assert_eq!((one.trace_id, other.top), (other.trace_id, TraceTop::Entry));
                Ok(one.trace_id)
            }
            _ => Err(format!("{here:?}, {there:?}")),
        }
    })
    .await;
    let mut spans = Vec::new();
    for host in [&here, &there] {
        let piece = ask(&lattice, host, TracesWanted::Spans(trace)).await;
        assert_eq!((piece.host.as_str(), piece.left_out), (host.name(), 0));
        assert!(!piece.spans.is_empty(), "{piece:?}");
        spans.extend(piece.spans);
    }
    let missing = |parent: &_| !spans.iter().any(|span| span.span_id == *parent);
    let orphans: Vec<_> = spans
        .iter()
        .filter(|span| span.parent_id.as_ref().is_some_and(missing))
        .collect();
    assert!(orphans.is_empty(), "{orphans:?}");
    let nowhere = ask(&lattice, &there, through("nobody")).await;
    assert!(nowhere.traces.is_empty(), "{nowhere:?}");
}
