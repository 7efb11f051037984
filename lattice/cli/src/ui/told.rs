//! An event as the page is told it: in words, and with what it changes about the picture.

use lattice_control::Event;
use lattice_core::{KeyedActor, MemberId, TraceContext, TraceId, event::names};
use serde::Serialize;

use crate::{
    happened::Happened,
    views::{EventRow, Names},
};

/// An event for the page.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Told {
    /// Unique per event.
    pub(crate) id: String,
    /// When the server heard it, in seconds since 1970.
    pub(crate) at: u64,
    #[serde(flatten)]
    pub(crate) row: EventRow,
    /// What it was part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trace: Option<TraceId>,
    /// What is to be seen of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) change: Option<Change>,
}

/// Something that is elsewhere now, so that the page need not wait for the next look at the lattice.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub(crate) enum Change {
    /// A stateful actor lives on another host.
    KeyMoved {
        actor: KeyedActor,
        from: MemberId,
        to: MemberId,
    },
    /// An actor serves on a host.
    ActorStarted { actor: String, on: MemberId },
    /// An actor is gone from a host.
    ActorStopped { actor: String, on: MemberId },
}

impl Told {
    /// Puts an event in words.
    pub(crate) fn new(happened: &Happened, names: &Names) -> Self {
        let event = &happened.event;
        let trace = event.traceparent.as_deref();
        Self {
            id: event.id.clone(),
            at: happened.at.get(),
            row: EventRow::new(event, names),
            trace: trace
                .and_then(|parent| TraceContext::parse(parent, None))
                .map(|context| context.trace_id()),
            change: Change::of(event),
        }
    }
}

impl Change {
    fn of(event: &Event) -> Option<Self> {
        let actor = event.subject.as_deref()?.strip_prefix("actor/")?;
        let member = event.member()?;
        match event.name() {
            names::KEYED_MOVED => Some(Self::KeyMoved {
                actor: actor.parse().ok()?,
                from: member,
                to: event.text("to")?.parse().ok()?,
            }),
            names::ACTOR_STARTED => Some(Self::ActorStarted {
                actor: actor.to_owned(),
                on: member,
            }),
            names::ACTOR_STOPPED => Some(Self::ActorStopped {
                actor: actor.to_owned(),
                on: member,
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use lattice_core::UnixSeconds;
    use serde_json::json;

    use super::*;

    fn told(name: &str, subject: &str, data: &serde_json::Value) -> serde_json::Value {
        let event = json!({
            "specversion": "1.0", "id": "7", "source": format!("lattice/default/{}", host()), "type": format!("dev.lattice.{name}"),
            "time": "2026-11-22T12:03:04.5Z", "subject": subject, "datacontenttype": "application/json", "data": data,
            "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        });
        let happened = Happened {
            at: UnixSeconds::new(1_763_804_820),
            event: serde_json::from_value(event).expect("an event"),
        };
        serde_json::to_value(Told::new(&happened, &Names::default())).expect("JSON")
    }

    fn host() -> String {
        let key = nkeys::KeyPair::new_from_raw(nkeys::KeyPairType::Server, [1; 32]).expect("32 bytes make a key");
        key.public_key()
    }

    #[test]
    fn a_move_says_from_where_to_where() {
        let moved = told(
            "keyed-moved",
            "actor/cart/alice",
            &json!({ "to": host(), "pause_us": "12300", "bytes": "2048" }),
        );
        assert_eq!(
            moved["change"],
            json!({ "what": "key-moved", "actor": "cart/alice", "from": host(), "to": host() })
        );
        assert_eq!(moved["trace"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(moved["name"], "keyed-moved");
        assert_eq!(moved["object"], "actor/cart/alice");
    }

    #[test]
    fn what_is_no_change_of_place_is_only_told() {
        assert_eq!(
            told("actor-scaled", "actor/cart", &json!({ "replicas": 2 })).get("change"),
            None
        );
        assert_eq!(
            told("keyed-moved", "actor/cart/alice", &json!({ "to": "nowhere" })).get("change"),
            None
        );
        let started = told("actor-started", "actor/cart", &json!({ "replicas": 2 }));
        assert_eq!(
            started["change"],
            json!({ "what": "actor-started", "actor": "cart", "on": host() })
        );
    }
}
