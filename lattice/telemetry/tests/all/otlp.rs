//! What arrives over OTLP/HTTP.

use std::time::Duration;

use lattice_telemetry::testing::{OtlpReceiver, tree};
use lattice_telemetry::{AttributeValue, KeyValue, SpanKind, SpanRecord, Status};

use crate::support::{UNSAMPLED, all, remote, start};

const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn what_is_kept_arrives_as_it_is_in_memory() {
    let receiver = OtlpReceiver::start().await.expect("listens");
    let endpoint = receiver.endpoint();
    let telemetry = start(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=abc"),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
        ("OTEL_SERVICE_NAME", "named-by-the-user"),
    ]);
    let tracer = telemetry.tracer();
    let mut call = tracer.start("call", SpanKind::Server, None);
    call.link(&remote(UNSAMPLED));
    call.event("retried", vec![KeyValue::new("attempt", 2)]);
    let step = tracer.start_in("step", SpanKind::Client, call.handle().as_ref());
    step.end(Status::error("timeout", "too late"), Vec::new);
    call.end(Status::Ok, || vec![KeyValue::new("http.route", "/cart")]);
    // Not recorded, but an error.
    let other = tracer.start("other", SpanKind::Consumer, Some(&remote(UNSAMPLED)));
    other.end(Status::error("trap", "unreachable"), Vec::new);

    let came = receiver
        .wait_for(LONG, |spans| spans.len() == 3)
        .await
        .expect("all come");
    assert!(came.iter().all(|span| span.service() == "named-by-the-user"));
    assert_eq!(
        came[0].resource["lattice.id"],
        AttributeValue::Text("default".to_owned())
    );
    let mut came: Vec<SpanRecord> = came.into_iter().map(|received| received.span).collect();
    let mut kept = all(&telemetry);
    came.sort_by_key(|span| span.span_id);
    kept.sort_by_key(|span| span.span_id);
    assert_eq!(came, kept);
    let whole = came.iter().filter(|span| span.name != "other");
    assert_eq!(tree::check(whole), Ok(()));
    telemetry.shutdown(LONG).await.expect("nothing is left");
}

#[tokio::test]
async fn ending_sends_what_is_left() {
    let receiver = OtlpReceiver::start().await.expect("listens");
    let endpoint = receiver.endpoint();
    let telemetry = start(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_BSP_SCHEDULE_DELAY", "600000"),
    ]);
    let tracer = telemetry.tracer();
    for _ in 0..1_000 {
        tracer.start("call", SpanKind::Server, None).end(Status::Ok, Vec::new);
    }
    telemetry.shutdown(LONG).await.expect("is taken");
    assert_eq!(receiver.spans().len(), 1_000);
    // Late ones harm nobody.
    tracer.start("late", SpanKind::Server, None).end(Status::Ok, Vec::new);
}

#[test]
fn no_runtime_is_needed() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let receiver = runtime.block_on(OtlpReceiver::start()).expect("listens");
    let endpoint = receiver.endpoint();
    let telemetry = start(&[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str())]);
    telemetry
        .tracer()
        .start("call", SpanKind::Server, None)
        .end(Status::Ok, Vec::new);
    futures::executor::block_on(telemetry.shutdown(LONG)).expect("is taken");
    assert_eq!(receiver.spans().len(), 1);
}
