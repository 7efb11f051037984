//! What happens in a lattice, told as CloudEvents 1.0 in JSON.

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

/// Prefix of every event type: `dev.lattice.actor-started`.
pub const EVENT_TYPE_PREFIX: &str = "dev.lattice.";

/// One event, as it travels on `lat.<lattice>.evt.<member>.<event>`.
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
    /// To whom it happened: `actor/hello`, a link id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Always `application/json`.
    pub datacontenttype: String,
    /// The rest, per type.
    #[serde(default)]
    pub data: serde_json::Value,
}

impl Event {
    /// Builds an event that happens now. `name` is its stable name, `actor-started`.
    pub fn now(
        name: &str,
        source: impl Into<String>,
        subject: Option<String>,
        data: serde_json::Value,
        at: OffsetDateTime,
    ) -> Self {
        Self {
            specversion: "1.0".to_owned(),
            id: Uuid::now_v7().to_string(),
            source: source.into(),
            kind: format!("{EVENT_TYPE_PREFIX}{name}"),
            time: at.format(&Rfc3339).unwrap_or_default(),
            subject,
            datacontenttype: "application/json".to_owned(),
            data,
        }
    }

    /// The stable name, without the prefix.
    pub fn name(&self) -> &str {
        self.kind.strip_prefix(EVENT_TYPE_PREFIX).unwrap_or(&self.kind)
    }
}
