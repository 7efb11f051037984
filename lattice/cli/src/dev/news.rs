//! The lattice's events about the application, each told on one line.

use anyhow::Result;
use lattice_bus::Subscription;
use lattice_control::Event;
use lattice_core::subject::{self, Purpose, Subject};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::{
    concern::Concern,
    say::{plain, say},
};
use crate::session::Session;

/// Events that wait to be told, heartbeats of a large lattice among them. When full, further ones are dropped: events inform.
const QUEUE: usize = 1024;

/// Tells events until it is dropped.
pub(super) struct News {
    _task: AbortOnDropHandle<()>,
}

impl News {
    /// Starts to tell events about whatever is of concern at the time.
    ///
    /// # Errors
    /// When the connection is closed.
    pub(super) async fn start(session: &Session, concern: watch::Receiver<Concern>) -> Result<Self> {
        let events = subject::event_wildcard(session.client.lattice());
        let events = session.client.bus().subscribe(events, None, QUEUE).await?;
        Ok(Self {
            _task: AbortOnDropHandle::new(tokio::spawn(tell(events, concern))),
        })
    }
}

async fn tell(mut events: Subscription, concern: watch::Receiver<Concern>) {
    while let Some(message) = events.recv().await {
        let is_event = matches!(
            Subject::parse(&message.subject),
            Some(Subject {
                purpose: Purpose::Event(..),
                ..
            })
        );
        if !is_event {
            continue;
        }
        // Whoever may publish there may publish anything.
        let Ok(event) = serde_json::from_slice::<Event>(&message.payload) else {
            continue;
        };
        let about = event.subject.as_deref().filter(|about| concern.borrow().covers(about));
        if let Some(about) = about {
            say(&line(&event, about));
        }
    }
}

/// `12:03:04 actor-replaced actor/hello: sha256:ab12…`
fn line(event: &Event, about: &str) -> String {
    // Hours, minutes and seconds of `2026-11-22T12:03:04.5Z`.
    let time = event.time.get(11..19).unwrap_or("--:--:--");
    let data = &event.data;
    let text = |key: &str| data.get(key).and_then(|value| value.as_str());
    let replicas = || data.get("replicas").map(|count| format!("replicas {count}"));
    let more = text("reason").or(text("digest")).map(str::to_owned).or_else(replicas);
    let more = more.map(|more| format!(": {more}")).unwrap_or_default();
    plain(&format!("{time} {} {about}{more}", event.name()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn an_event_is_one_line() {
        let check = |name: &str, data: Value, expect: &str| {
            let event = json!({
                "specversion": "1.0", "id": "1", "source": "lattice/default/N", "type": format!("dev.lattice.{name}"),
                "time": "2026-11-22T12:03:04.5Z", "datacontenttype": "application/json", "data": data,
            });
            let event: Event = serde_json::from_value(event).expect("an event");
            assert_eq!(line(&event, "actor/hello"), expect);
        };
        check(
            "actor-start-failed",
            json!({ "reason": "no\nlink\u{1b}[2J" }),
            "12:03:04 actor-start-failed actor/hello: no link [2J",
        );
        check(
            "actor-scaled",
            json!({ "replicas": 3 }),
            "12:03:04 actor-scaled actor/hello: replicas 3",
        );
        check("actor-stopped", json!(null), "12:03:04 actor-stopped actor/hello");
    }
}
