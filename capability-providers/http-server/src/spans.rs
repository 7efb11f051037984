//! The span of a request: OpenTelemetry's semantic conventions for HTTP servers, version 1.44.

use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use lattice_core::Fault;
use provider_sdk::capability::TraceContext;
use provider_sdk::telemetry::conventions as is;
use provider_sdk::telemetry::{KeyValue, Span, SpanKind, Status, Tracer};

use crate::exchange::Target;

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// What is remembered of a request until its end.
pub(crate) struct Seen {
    method: Method,
    path: String,
}

/// Begins the span of a request that has a route.
pub(crate) fn begin<B>(tracer: &Tracer, target: &Target, request: &Request<B>) -> (Span, Seen) {
    let parent = trace_of(request.headers());
    let (name, path) = match tracer.is_on() {
        true => (
            format!("{} {}", request.method(), target.route),
            request.uri().path().to_owned(),
        ),
        false => (String::new(), String::new()),
    };
    let span = tracer.start(name, SpanKind::Server, parent.as_ref());
    let method = request.method().clone();
    (span, Seen { method, path })
}

/// Tells the actor of the span, in the headers of its request.
pub(crate) fn tell(span: &Span, headers: &mut HeaderMap) {
    let Some(context) = span.context() else { return };
    if let Ok(value) = HeaderValue::from_str(&context.traceparent()) {
        headers.insert(TRACEPARENT, value);
    }
    if context.tracestate().is_none() {
        headers.remove(TRACESTATE);
    }
}

/// Notes the fault that became an answer.
pub(crate) fn failed(span: &mut Span, fault: &Fault) {
    span.event(
        "fault",
        vec![
            KeyValue::new(is::ERROR_TYPE, fault.kind.code()),
            KeyValue::new(is::ERROR_MESSAGE, fault.message.clone()),
        ],
    );
}

/// Ends the span. Only what is the server's fault is an error, as the conventions ask.
pub(crate) fn end(span: Span, target: &Target, seen: &Seen, code: StatusCode) {
    let status = match code.is_server_error() {
        true => Status::error(code.as_u16().to_string(), code.canonical_reason().unwrap_or("failed")),
        false => Status::Ok,
    };
    span.end(status, || {
        vec![
            KeyValue::new("http.request.method", seen.method.to_string()),
            KeyValue::new("http.route", target.route.clone()),
            KeyValue::new("url.path", seen.path.clone()),
            KeyValue::new("http.response.status_code", i64::from(code.as_u16())),
            KeyValue::new(is::LINK, target.link.to_string()),
        ]
    });
}

fn trace_of(headers: &HeaderMap) -> Option<TraceContext> {
    let traceparent = headers.get(TRACEPARENT)?.to_str().ok()?;
    let state = headers.get(TRACESTATE).and_then(|state| state.to_str().ok());
    TraceContext::parse(traceparent, state)
}
