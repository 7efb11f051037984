//! What happened, told to whoever operates the lattice: CloudEvents 1.0 in JSON.
//!
//! Hosts publish them on `lat.<lattice>.evt.<member>.<event>`, and a stream of JetStream keeps them for a day. Events inform, nothing hangs on
//! them: whoever must know looks at the state.

pub mod names;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::id::{LatticeId, MemberId};
use crate::text::date;
use crate::trace::TraceContext;

/// Prefix of every event type: `dev.lattice.actor-started`.
pub const EVENT_TYPE_PREFIX: &str = "dev.lattice.";

/// How long events are kept.
pub const EVENTS_KEPT_FOR: Duration = Duration::from_secs(24 * 3600);

/// The most bytes of events that are kept; the oldest go first.
pub const EVENTS_BYTES_MAX: u64 = 64 << 20;

/// The largest event.
pub const EVENT_BYTES_MAX: u32 = 64 << 10;

/// One event, as it travels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Version of CloudEvents: `1.0`.
    pub specversion: String,
    /// Unique per event.
    pub id: String,
    /// Who says so: `lattice/<lattice>/<member>`.
    pub source: String,
    /// What happened: `dev.lattice.actor-started`.
    #[serde(rename = "type")]
    pub kind: String,
    /// When, in RFC 3339.
    pub time: String,
    /// To whom it happened: `actor/hello`, `actor/cart/alice`, `app/shop`, a link id. Without one, to whom says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Always `application/json`.
    pub datacontenttype: String,
    /// What it was part of, by the CloudEvents extension for distributed tracing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// The rest, per type. `by` in it is who ordered what led to it.
    #[serde(default)]
    pub data: Value,
}

impl Event {
    /// Begins an event that happened at `at`. `name` is its stable name, one of [`names`].
    pub fn new(name: &str, source: impl Into<String>, id: Uuid, at: SystemTime) -> Self {
        Self {
            specversion: "1.0".to_owned(),
            id: id.to_string(),
            source: source.into(),
            kind: format!("{EVENT_TYPE_PREFIX}{name}"),
            time: rfc_3339(at),
            subject: None,
            datacontenttype: "application/json".to_owned(),
            traceparent: None,
            data: Value::Null,
        }
    }

    /// How a member calls itself in the events it tells.
    pub fn source(lattice: &LatticeId, member: &MemberId) -> String {
        format!("lattice/{lattice}/{member}")
    }

    /// Says to whom it happened.
    #[must_use]
    pub fn about(mut self, subject: Option<String>) -> Self {
        self.subject = subject;
        self
    }

    /// Says what there is to say of it.
    #[must_use]
    pub fn with(mut self, data: Value) -> Self {
        self.data = data;
        self
    }

    /// Says who ordered what led to it. Call it after [`Event::with`].
    #[must_use]
    pub fn by(mut self, who: Option<String>) -> Self {
        let Some(who) = who else { return self };
        if self.data.is_null() {
            self.data = Value::Object(Map::new());
        }
        if let Value::Object(fields) = &mut self.data {
            fields.insert("by".to_owned(), Value::String(who));
        }
        self
    }

    /// Says what trace it is part of.
    #[must_use]
    pub fn in_trace(mut self, trace: Option<&TraceContext>) -> Self {
        self.traceparent = trace.map(|trace| trace.traceparent().to_string());
        self
    }

    /// The stable name, without the prefix.
    pub fn name(&self) -> &str {
        self.kind.strip_prefix(EVENT_TYPE_PREFIX).unwrap_or(&self.kind)
    }

    /// The member that tells it.
    pub fn member(&self) -> Option<MemberId> {
        self.source.rsplit('/').next()?.parse().ok()
    }

    /// A text of its data.
    pub fn text(&self, field: &str) -> Option<&str> {
        self.data.get(field).and_then(Value::as_str)
    }

    /// The event as it travels. One that is larger than [`EVENT_BYTES_MAX`] loses its data, and says so.
    pub fn to_bytes(&self) -> Vec<u8> {
        let write = |event: &Self| serde_json::to_vec(event).expect("texts and JSON values can be written as JSON");
        let bytes = write(self);
        if bytes.len() <= EVENT_BYTES_MAX as usize {
            return bytes;
        }
        let mut lost = Map::new();
        lost.insert("too_large".to_owned(), Value::from(bytes.len()));
        write(&self.clone().with(Value::Object(lost)))
    }
}

/// A time as CloudEvents write it, to the millisecond.
fn rfc_3339(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut text = String::with_capacity(24);
    date::write_utc_millis(&mut text, since.as_secs(), since.subsec_millis()).expect("a string takes any text");
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event() -> Event {
        let at = UNIX_EPOCH + Duration::from_millis(1_763_804_820_042);
        let source = "lattice/default/NAQ";
        Event::new(names::ACTOR_STARTED, source, Uuid::nil(), at).about(Some("actor/hello".to_owned()))
    }

    #[test]
    fn an_event_is_a_cloud_event() {
        let event = event().with(json!({ "replicas": 2 })).by(Some("AB".to_owned()));
        let expect = json!({
            "specversion": "1.0", "id": "00000000-0000-0000-0000-000000000000", "source": "lattice/default/NAQ",
            "type": "dev.lattice.actor-started", "time": "2025-11-22T09:47:00.042Z", "subject": "actor/hello",
            "datacontenttype": "application/json", "data": { "replicas": 2, "by": "AB" },
        });
        assert_eq!(serde_json::to_value(&event).ok(), Some(expect));
        assert_eq!(
            serde_json::from_slice::<Event>(&event.to_bytes()).ok(),
            Some(event.clone())
        );
        assert_eq!((event.name(), event.text("by")), ("actor-started", Some("AB")));
    }

    #[test]
    fn who_did_it_is_told_even_where_there_is_nothing_else_to_say() {
        assert_eq!(event().by(Some("AB".to_owned())).data, json!({ "by": "AB" }));
        assert_eq!(event().by(None).data, Value::Null);
    }

    #[test]
    fn an_event_that_is_too_large_loses_its_data() {
        let large = event().with(json!({ "reason": "x".repeat(100_000) })).to_bytes();
        let read: Event = serde_json::from_slice(&large).expect("an event");
        assert!(large.len() < 1000 && read.data.get("too_large").is_some());
        assert_eq!(read.subject.as_deref(), Some("actor/hello"));
    }

    #[test]
    fn a_trace_travels_with_it() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let event = event().in_trace(TraceContext::parse(parent, None).as_ref());
        assert_eq!(event.traceparent.as_deref(), Some(parent));
    }
}
