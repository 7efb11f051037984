//! Which spans are kept.

use std::cell::Cell;

use lattice_telemetry::{AttributeValue, KeyValue, SpanKind, Status, Telemetry, Tracer};

use crate::support::{UNSAMPLED, all, names, remote, sampling, start};

const OFF_UNLESS_ASKED: &str = "parentbased_always_off";

fn failed() -> Status {
    Status::error("timeout", "too late")
}

#[test]
fn a_tracer_that_is_off_has_nothing_to_tell() {
    let disabled = start(&[
        ("OTEL_SDK_DISABLED", "true"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:1"),
    ]);
    for tracer in [Tracer::off(), Telemetry::off().tracer(), disabled.tracer()] {
        let span = tracer.always("move", SpanKind::Internal, Some(&remote(UNSAMPLED)));
        assert!(span.context().is_none() && span.handle().is_none() && !span.recording());
        let child = tracer.start_in("child", SpanKind::Internal, span.handle().as_ref());
        child.end(failed(), || unreachable!("nobody asks"));
        span.end(failed(), Vec::new);
    }
    assert_eq!(names(&disabled), [""; 0]);
}

#[test]
fn a_recorded_trace_is_kept_whole() {
    let telemetry = sampling(OFF_UNLESS_ASKED);
    let tracer = telemetry.tracer();
    let parent = remote(&UNSAMPLED.replace("-00", "-01").replacen("01-", "00-", 1));
    let mut call = tracer.start("call", SpanKind::Server, Some(&parent));
    assert!(call.recording());
    let context = call.context().expect("on");
    assert_eq!((context.trace_id(), context.sampled()), (parent.trace_id(), true));
    call.event("retried", vec![KeyValue::new("attempt", 2)]);
    call.link(&remote(UNSAMPLED));
    let step = tracer.start_in("step", SpanKind::Client, call.handle().as_ref());
    step.end(Status::Ok, || vec![KeyValue::new("hop", 1)]);
    call.end(Status::Ok, Vec::new);

    let spans = telemetry.recent().trace(parent.trace_id());
    let [call, step] = spans.as_slice() else {
        panic!("{spans:?}")
    };
    assert_eq!((call.parent_id, call.parent_is_remote), (Some(parent.span_id()), true));
    assert_eq!((step.parent_id, step.parent_is_remote), (Some(call.span_id), false));
    assert_eq!(step.attributes["hop"], AttributeValue::Int(1));
    assert_eq!((call.events[0].name.as_str(), call.links.len()), ("retried", 1));
    assert!(call.start_ns <= step.start_ns && step.end_ns <= call.end_ns);
}

#[test]
fn what_nobody_records_costs_no_attributes() {
    let telemetry = sampling(OFF_UNLESS_ASKED);
    let span = telemetry
        .tracer()
        .start("call", SpanKind::Server, Some(&remote(UNSAMPLED)));
    assert!(!span.recording());
    let context = span.context().expect("on");
    assert_eq!(
        (context.trace_id(), context.sampled()),
        (remote(UNSAMPLED).trace_id(), false)
    );
    span.end(Status::Ok, || unreachable!("not kept"));
    assert_eq!(names(&telemetry), [""; 0]);
}

#[test]
fn an_error_keeps_what_led_to_it_and_nothing_else() {
    let telemetry = sampling(OFF_UNLESS_ASKED);
    let tracer = telemetry.tracer();
    let call = tracer.start("call", SpanKind::Server, Some(&remote(UNSAMPLED)));
    let before = tracer.start_in("before", SpanKind::Internal, call.handle().as_ref());
    before.end(Status::Ok, || unreachable!("not kept"));
    let step = tracer.start_in("step", SpanKind::Internal, call.handle().as_ref());
    let deep = tracer.start_in("deep", SpanKind::Client, step.handle().as_ref());
    assert!(!call.kept());
    deep.end(failed(), Vec::new);
    assert!(call.kept() && call.recording());
    step.end(Status::Ok, Vec::new);
    call.end(Status::Ok, Vec::new);

    assert_eq!(names(&telemetry), ["call", "deep", "step"]);
    let spans = all(&telemetry);
    let deep = spans.iter().find(|span| span.name == "deep").expect("kept");
    assert_eq!(
        deep.attributes["error.type"],
        AttributeValue::Text("timeout".to_owned())
    );
    assert_eq!(
        deep.error.as_ref().map(|error| error.message.as_str()),
        Some("too late")
    );
}

#[test]
fn a_callee_that_kept_something_keeps_the_caller() {
    let (here, there) = (sampling(OFF_UNLESS_ASKED), sampling(OFF_UNLESS_ASKED));
    let call = here.tracer().start("call", SpanKind::Server, None);
    let out = here.tracer().start_in("out", SpanKind::Client, call.handle().as_ref());
    let callee = there.tracer().start("callee", SpanKind::Server, out.context().as_ref());
    let handle = callee.handle().expect("on");
    callee.end(failed(), Vec::new);
    // Travels with the reply.
    if handle.kept() {
        out.keep();
    }
    out.end(Status::Ok, Vec::new);
    call.end(Status::Ok, Vec::new);
    let spans = [all(&here), all(&there)].concat();
    assert_eq!(spans.len(), 3);
    assert_eq!(lattice_telemetry::testing::tree::check(&spans), Ok(()));
}

#[test]
fn what_is_dropped_was_cancelled_which_is_no_reason_to_keep_it() {
    let telemetry = sampling("parentbased_always_on");
    drop(
        telemetry
            .tracer()
            .start("dropped", SpanKind::Internal, Some(&remote(UNSAMPLED))),
    );
    drop(telemetry.tracer().start("recorded", SpanKind::Internal, None));
    let spans = all(&telemetry);
    let [span] = spans.as_slice() else { panic!("{spans:?}") };
    assert_eq!(span.name, "recorded");
    assert_eq!(span.error.as_ref().map(|error| error.kind.as_str()), Some("cancelled"));
}

#[test]
fn some_spans_are_always_kept_and_never_hang_in_the_air() {
    let telemetry = sampling(OFF_UNLESS_ASKED);
    let tracer = telemetry.tracer();
    let parent = remote(UNSAMPLED);
    let moving = tracer.always("move", SpanKind::Internal, Some(&parent));
    let context = moving.context().expect("on");
    assert!(context.sampled() && context.trace_id() != parent.trace_id());
    let phase = tracer.start_in("freeze", SpanKind::Internal, moving.handle().as_ref());
    phase.end(Status::Ok, Vec::new);
    moving.end(Status::Ok, Vec::new);
    let spans = telemetry.recent().trace(context.trace_id());
    assert_eq!(spans.len(), 2);
    assert_eq!(spans[0].links[0].span_id, parent.span_id());
    assert_eq!(lattice_telemetry::testing::tree::check(&spans), Ok(()));
    let recorded = tracer.always("drain", SpanKind::Internal, Some(&context));
    assert_eq!(recorded.context().expect("on").trace_id(), context.trace_id());
}

#[test]
fn off_is_off_for_errors_too() {
    let telemetry = sampling("always_off");
    let tracer = telemetry.tracer();
    let asked = Cell::new(false);
    let attributes = || {
        asked.set(true);
        Vec::new()
    };
    tracer.start("call", SpanKind::Server, None).end(failed(), attributes);
    let moving = tracer.always("move", SpanKind::Internal, None);
    // The caller's trace goes on through here all the same.
    assert!(!moving.context().expect("on").sampled());
    moving.end(failed(), attributes);
    assert!(!asked.get());
    assert_eq!(names(&telemetry), [""; 0]);
}
