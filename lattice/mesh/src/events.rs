//! What operators may want to know, as CloudEvents 1.0 in JSON.

use lattice_bus::{Bus, Headers};
use lattice_core::{EventName, LatticeId, MemberId, subject};
use serde::Serialize;
use serde_json::json;

/// Publishes events of this member. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Events {
    bus: Bus,
    lattice: LatticeId,
    member: MemberId,
}

impl Events {
    pub(crate) fn new(bus: Bus, lattice: LatticeId, member: MemberId) -> Self {
        Self { bus, lattice, member }
    }

    /// Publishes an event. Nobody waits for it; while there is no connection it is dropped, since whoever comes later looks at the state.
    pub async fn emit<T: Serialize>(&self, name: &str, data: &T) {
        let Ok(name) = name.parse::<EventName>() else {
            tracing::error!(name, "not an event name");
            return;
        };
        if !self.bus.is_connected() {
            return;
        }
        let event = json!({
            "specversion": "1.0",
            "id": uuid::Uuid::now_v7(),
            "source": format!("/lattice/{}/{}", self.lattice, self.member),
            "type": format!("dev.lattice.{name}"),
            "time": crate::trust::now().to_string(),
            "datacontenttype": "application/json",
            "data": data,
        });
        let subject = subject::event(&self.lattice, &self.member, &name);
        if let Err(error) = self
            .bus
            .publish(subject, Headers::new(), event.to_string().into())
            .await
        {
            tracing::debug!(%error, %name, "an event was not sent");
        }
    }
}
