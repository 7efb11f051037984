//! A span as it is kept in memory, and shown to people.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lattice_core::{SpanId, TraceId};
use opentelemetry::{Array, KeyValue, Value};
use serde::{Deserialize, Serialize};

use crate::ended::Ended;
use crate::span::{SpanKind, Status};

/// Attributes by name.
pub type Attributes = BTreeMap<String, AttributeValue>;

/// A span that ended. Ids are written in hexadecimal, times as nanoseconds since 1970.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpanRecord {
    /// The trace it belongs to.
    pub trace_id: TraceId,
    /// Its own id.
    pub span_id: SpanId,
    /// The span above it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<SpanId>,
    /// Whether the span above is one of another process.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub parent_is_remote: bool,
    /// What was done.
    pub name: String,
    /// Which side of a call it was.
    pub kind: SpanKind,
    /// When it started.
    pub start_ns: u64,
    /// When it ended.
    pub end_ns: u64,
    /// What went wrong, if anything did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<SpanError>,
    /// What is known of it.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
    /// What happened meanwhile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<EventRecord>,
    /// Spans it has to do with, which did not call it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<LinkRecord>,
}

/// What went wrong with a span.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpanError {
    /// The attribute `error.type`.
    pub kind: String,
    /// For people.
    pub message: String,
}

/// Something that happened during a span.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventRecord {
    /// When.
    pub at_ns: u64,
    /// What.
    pub name: String,
    /// What is known of it.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
}

/// A span that another one has to do with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkRecord {
    /// Its trace.
    pub trace_id: TraceId,
    /// Its own id.
    pub span_id: SpanId,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AttributeValue {
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(String),
    /// Several of one kind.
    List(Vec<AttributeValue>),
}

impl SpanRecord {
    /// How long it took.
    pub fn duration(&self) -> Duration {
        Duration::from_nanos(self.end_ns.saturating_sub(self.start_ns))
    }

    /// About how many bytes of memory it takes.
    pub(crate) fn weight(&self) -> usize {
        let attributes = |attributes: &Attributes| {
            attributes
                .iter()
                .map(|(k, v)| ENTRY + k.len() + v.weight())
                .sum::<usize>()
        };
        let events = self
            .events
            .iter()
            .map(|event| ENTRY + event.name.len() + attributes(&event.attributes));
        let error = self
            .error
            .as_ref()
            .map_or(0, |error| error.kind.len() + error.message.len());
        size_of::<Self>()
            + self.name.len()
            + error
            + attributes(&self.attributes)
            + events.sum::<usize>()
            + self.links.len() * size_of::<LinkRecord>()
    }
}

/// What an entry of a map or list takes besides its text.
const ENTRY: usize = 64;

impl From<&Ended> for SpanRecord {
    fn from(span: &Ended) -> Self {
        Self {
            trace_id: span.context.trace_id(),
            span_id: span.context.span_id(),
            parent_id: span.parent.map(|parent| parent.id),
            parent_is_remote: span.parent.is_some_and(|parent| parent.remote),
            name: span.name.to_string(),
            kind: span.kind,
            start_ns: unix_ns(span.wall_at(span.started)),
            end_ns: unix_ns(span.wall),
            error: match &span.status {
                Status::Ok => None,
                Status::Error { kind, message } => Some(SpanError {
                    kind: kind.to_string(),
                    message: message.to_string(),
                }),
            },
            attributes: record(&span.attributes),
            events: span
                .events
                .iter()
                .map(|moment| EventRecord {
                    at_ns: unix_ns(span.wall_at(moment.at)),
                    name: moment.name.to_string(),
                    attributes: record(&moment.attributes),
                })
                .collect(),
            links: span
                .links
                .iter()
                .map(|linked| LinkRecord {
                    trace_id: linked.trace_id(),
                    span_id: linked.span_id(),
                })
                .collect(),
        }
    }
}

impl AttributeValue {
    fn weight(&self) -> usize {
        match self {
            Self::Bool(_) | Self::Int(_) | Self::Float(_) => 0,
            Self::Text(text) => text.len(),
            Self::List(list) => list.iter().map(|value| ENTRY + value.weight()).sum(),
        }
    }
}

impl From<&Value> for AttributeValue {
    fn from(value: &Value) -> Self {
        fn list<T>(values: &[T], each: impl Fn(&T) -> AttributeValue) -> AttributeValue {
            AttributeValue::List(values.iter().map(each).collect())
        }
        match value {
            Value::Bool(value) => Self::Bool(*value),
            Value::I64(value) => Self::Int(*value),
            Value::F64(value) => Self::Float(*value),
            Value::String(value) => Self::Text(value.as_str().to_owned()),
            Value::Array(Array::Bool(values)) => list(values, |value| Self::Bool(*value)),
            Value::Array(Array::I64(values)) => list(values, |value| Self::Int(*value)),
            Value::Array(Array::F64(values)) => list(values, |value| Self::Float(*value)),
            Value::Array(Array::String(values)) => list(values, |value| Self::Text(value.as_str().to_owned())),
            // What the SDK may learn to say later.
            other => Self::Text(other.to_string()),
        }
    }
}

fn record(attributes: &[KeyValue]) -> Attributes {
    attributes
        .iter()
        .map(|attribute| (attribute.key.as_str().to_owned(), (&attribute.value).into()))
        .collect()
}

fn unix_ns(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice;

    #[test]
    fn survives_both_formats() {
        let span = SpanRecord {
            trace_id: dice::trace_id(),
            span_id: dice::span_id(),
            parent_id: Some(dice::span_id()),
            parent_is_remote: true,
            name: "GET /cart".to_owned(),
            kind: SpanKind::Server,
            start_ns: 1_763_804_820_000_000_000,
            end_ns: 1_763_804_820_000_000_007,
            error: Some(SpanError {
                kind: "timeout".to_owned(),
                message: "too late".to_owned(),
            }),
            attributes: record(&[
                KeyValue::new("ok", true),
                KeyValue::new("count", 3),
                KeyValue::new("rate", 0.5),
                KeyValue::new("name", "é"),
                KeyValue::new("list", Value::Array(vec![1, 2].into())),
            ]),
            events: vec![EventRecord {
                at_ns: 1,
                name: "retried".to_owned(),
                attributes: Attributes::new(),
            }],
            links: vec![LinkRecord {
                trace_id: dice::trace_id(),
                span_id: dice::span_id(),
            }],
        };
        let json = serde_json::to_value(&span).expect("can be written");
        assert_eq!(json["trace_id"], span.trace_id.to_string());
        assert_eq!(json["kind"], "server");
        assert_eq!(json["attributes"]["list"], serde_json::json!([1, 2]));
        assert_eq!(serde_json::from_value::<SpanRecord>(json).expect("can be read"), span);
        let packed = rmp_serde::to_vec_named(&span).expect("can be written");
        assert_eq!(rmp_serde::from_slice::<SpanRecord>(&packed).expect("can be read"), span);
        assert_eq!(span.duration(), Duration::from_nanos(7));
    }
}
