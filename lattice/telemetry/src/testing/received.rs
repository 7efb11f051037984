//! Spans as they arrive in OTLP.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind as Kind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

use crate::record::{AttributeValue, Attributes, EventRecord, LinkRecord, SpanError, SpanRecord};
use crate::{SpanId, SpanKind, TraceId};

/// A span that came in, with who sent it.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceivedSpan {
    /// What is known of the process.
    pub resource: Attributes,
    /// The span.
    pub span: SpanRecord,
}

impl ReceivedSpan {
    /// The attribute `service.name` of the process.
    pub fn service(&self) -> &str {
        match self.resource.get("service.name") {
            Some(AttributeValue::Text(name)) => name,
            _ => "",
        }
    }

    /// Takes a request apart; `None` when something in it is not as OTLP has it.
    pub fn read_all(request: ExportTraceServiceRequest) -> Option<Vec<Self>> {
        let mut read = Vec::new();
        for process in request.resource_spans {
            let resource = attributes(process.resource.map(|resource| resource.attributes).unwrap_or_default());
            for span in process.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                let resource = resource.clone();
                read.push(Self {
                    resource,
                    span: record(span)?,
                });
            }
        }
        Some(read)
    }
}

fn record(span: Span) -> Option<SpanRecord> {
    let kind = match span.kind() {
        Kind::Internal => SpanKind::Internal,
        Kind::Server => SpanKind::Server,
        Kind::Client => SpanKind::Client,
        Kind::Producer => SpanKind::Producer,
        Kind::Consumer => SpanKind::Consumer,
        Kind::Unspecified => return None,
    };
    let attributes_of_span = attributes(span.attributes);
    let failed = span.status.filter(|status| status.code() == StatusCode::Error);
    let kind_of_error = match attributes_of_span.get("error.type") {
        Some(AttributeValue::Text(kind)) => kind.clone(),
        _ => String::new(),
    };
    let links = span.links.iter().map(|link| {
        Some(LinkRecord {
            trace_id: trace_id(&link.trace_id)?,
            span_id: span_id(&link.span_id)?,
        })
    });
    Some(SpanRecord {
        trace_id: trace_id(&span.trace_id)?,
        span_id: span_id(&span.span_id)?,
        parent_id: match span.parent_span_id.as_slice() {
            [] => None,
            id => Some(span_id(id)?),
        },
        parent_is_remote: span.flags & PARENT_IS_REMOTE != 0,
        name: span.name,
        kind,
        start_ns: span.start_time_unix_nano,
        end_ns: span.end_time_unix_nano,
        error: failed.map(|status| SpanError {
            kind: kind_of_error,
            message: status.message,
        }),
        links: links.collect::<Option<_>>()?,
        attributes: attributes_of_span,
        events: span
            .events
            .into_iter()
            .map(|event| EventRecord {
                at_ns: event.time_unix_nano,
                name: event.name,
                attributes: attributes(event.attributes),
            })
            .collect(),
    })
}

/// `SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK` of the protocol.
const PARENT_IS_REMOTE: u32 = 0x200;

fn trace_id(bytes: &[u8]) -> Option<TraceId> {
    TraceId::from_bytes(bytes.try_into().ok()?)
}

fn span_id(bytes: &[u8]) -> Option<SpanId> {
    SpanId::from_bytes(bytes.try_into().ok()?)
}

fn attributes(list: Vec<KeyValue>) -> Attributes {
    let read = list
        .into_iter()
        .map(|attribute| (attribute.key, value(attribute.value)));
    read.collect()
}

fn value(value_of: Option<AnyValue>) -> AttributeValue {
    match value_of.and_then(|value| value.value) {
        Some(Value::BoolValue(value)) => AttributeValue::Bool(value),
        Some(Value::IntValue(value)) => AttributeValue::Int(value),
        Some(Value::DoubleValue(value)) => AttributeValue::Float(value),
        Some(Value::StringValue(value)) => AttributeValue::Text(value),
        Some(Value::ArrayValue(list)) => {
            AttributeValue::List(list.values.into_iter().map(|each| value(Some(each))).collect())
        }
        // Nothing of ours.
        other => AttributeValue::Text(format!("{other:?}")),
    }
}
