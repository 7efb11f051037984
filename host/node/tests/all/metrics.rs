//! What hosts count, as Prometheus reads it.

use lattice_node::testing::PATIENCE;
use lattice_telemetry::metric::{self, Metric};
use lattice_telemetry::{Telemetry, TraceSettings};
use lattice_testkit::eventually;

use crate::support::{Http, lattice, ping_pong};

/// There only once something has happened that does not happen here.
const RARE: [Metric; 5] = [
    metric::MOVES,
    metric::MOVE_PAUSE,
    metric::MOVE_PHASE_DURATION,
    metric::NATS_RECONNECTS,
    metric::CONTROLLER_APPS,
];

fn telemetry() -> Telemetry {
    let settings = TraceSettings::from_lookup(|_| None).expect("settings");
    Telemetry::start(&settings, Vec::new()).expect("starts")
}

/// The number of the series of that name that has all these labels.
fn number(text: &str, name: &str, labels: &[&str]) -> Option<f64> {
    let is_wanted = |line: &&str| {
        let series = line.strip_prefix(name).filter(|rest| rest.starts_with(['{', ' ']));
        series.is_some_and(|series| labels.iter().all(|label| series.contains(label)))
    };
    let line = text.lines().find(is_wanted)?;
    line.rsplit(' ').next()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_counted_once_where_they_are_served() {
    let (_nats, lattice) = lattice().await;
    let (one, other) = (telemetry(), telemetry());
    let (_here, _there, url) = ping_pong(&lattice, &one, &other).await;
    for _ in 0..3 {
        Http::new().get(&url).await.ok();
    }

    let calls = "lattice_call_duration_seconds_count";
    let pong = [
        "actor=\"pong\"",
        "interface=\"example:ping-pong/pong\"",
        "outcome=\"ok\"",
    ];
    let ping = [
        "actor=\"ping\"",
        "interface=\"wasi:http/incoming-handler\"",
        "outcome=\"ok\"",
    ];
    // A call is counted when it has ended, which may be after the answer.
    eventually("three calls each", PATIENCE, async || {
        let counted = (
            number(&one.prometheus_text(), calls, &ping),
            number(&other.prometheus_text(), calls, &pong),
        );
        (counted == (Some(3.0), Some(3.0)))
            .then_some(())
            .ok_or_else(|| format!("{counted:?}"))
    })
    .await;
    let (text, elsewhere) = (one.prometheus_text(), other.prometheus_text());
    assert_eq!(number(&text, calls, &["actor=\"pong\""]), None);
    assert_eq!(number(&elsewhere, calls, &["actor=\"ping\""]), None);

    assert_eq!(number(&text, "lattice_actor_replicas", &["actor=\"ping\""]), Some(1.0));
    assert_eq!(number(&text, "lattice_nats_connected", &[]), Some(1.0));
    assert_eq!(number(&text, "lattice_members", &[]), Some(2.0));
    assert!(number(&text, "process_memory_usage_bytes", &[]) > Some(1e6));
    assert!(number(&text, "lattice_link_verifications_total", &["verdict=\"accepted\""]) >= Some(1.0));
    eventually("the way to NATS is measured", PATIENCE, async || {
        let text = one.prometheus_text();
        let measured = number(&text, "lattice_nats_round_trip_seconds_count", &[]);
        measured.map(drop).ok_or_else(|| "not yet".to_owned())
    })
    .await;
    let text = one.prometheus_text();
    for metric in metric::ALL.iter().filter(|metric| !RARE.contains(metric)) {
        let line = format!("# TYPE {} {}\n", metric.prometheus_name(), metric.kind);
        assert!(text.contains(&line), "no {line} in\n{text}");
    }
}
