//! Ending takes no longer than it may, whatever the back end does.

use std::time::{Duration, Instant};

use lattice_telemetry::{SpanKind, Status, Telemetry, TelemetryError};

use crate::support::start;

/// What it may take.
const WITHIN: Duration = Duration::from_millis(300);
/// Machines of tests are slow.
const SLACK: Duration = Duration::from_secs(5);

fn with_work(endpoint: &str, protocol: &str) -> Telemetry {
    let telemetry = start(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
    ]);
    telemetry.meter().u64_counter("calls").build().add(1, &[]);
    telemetry
        .tracer()
        .start("call", SpanKind::Server, None)
        .end(Status::Ok, Vec::new);
    telemetry
}

fn check(ended: Result<(), TelemetryError>, began: Instant) {
    let error = ended.expect_err("nobody took it");
    let kinds = matches!(error, TelemetryError::FlushTooLate { .. } | TelemetryError::Flush(_));
    assert!(kinds, "{error:?}");
    assert!(began.elapsed() < WITHIN + SLACK, "took {:?}", began.elapsed());
}

#[tokio::test]
async fn with_a_back_end_that_never_answers() {
    // Accepts, as its queue does, and says nothing.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("listens");
    let endpoint = format!("http://{}", listener.local_addr().expect("is bound"));
    for protocol in ["http/protobuf", "grpc"] {
        let telemetry = with_work(&endpoint, protocol);
        let began = Instant::now();
        check(telemetry.shutdown(WITHIN).await, began);
    }
}

#[test]
fn with_no_back_end_and_no_runtime() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("listens");
    let endpoint = format!("http://{}", listener.local_addr().expect("is bound"));
    drop(listener);
    for protocol in ["http/protobuf", "grpc"] {
        let telemetry = with_work(&endpoint, protocol);
        let began = Instant::now();
        check(futures::executor::block_on(telemetry.shutdown(WITHIN)), began);
    }
}
