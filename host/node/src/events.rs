//! What happens on this host, told to the lattice as CloudEvents.

use bytes::Bytes;
use lattice_bus::{Bus, Headers};
use lattice_control::Event;
use lattice_core::{EventName, LatticeId, MemberId, subject};
use serde_json::Value;
use time::OffsetDateTime;
use tokio::sync::mpsc;
use tracing::{debug, warn};

use crate::tasks::Tasks;

/// Events that wait to be sent, such as while NATS is away. When full, further ones are dropped and counted in the log:
/// events inform, nothing hangs on them.
const QUEUE: usize = 256;

/// The names of the events a host tells. Stable: people build on them.
pub mod names {
    /// This host serves.
    pub const HOST_STARTED: &str = "host-started";
    /// This host takes nothing new.
    pub const HOST_DRAINING: &str = "host-draining";
    /// It was said whether more may be placed on this host.
    pub const HOST_SCHEDULING: &str = "host-scheduling";
    /// This host has left.
    pub const HOST_STOPPED: &str = "host-stopped";
    /// An actor serves here.
    pub const ACTOR_STARTED: &str = "actor-started";
    /// An actor could not be started here.
    pub const ACTOR_START_FAILED: &str = "actor-start-failed";
    /// An actor here has another number of replicas.
    pub const ACTOR_SCALED: &str = "actor-scaled";
    /// An actor here was replaced by another component.
    pub const ACTOR_REPLACED: &str = "actor-replaced";
    /// An actor is gone from here.
    pub const ACTOR_STOPPED: &str = "actor-stopped";
    /// Something happened to one stateful actor; the data says what.
    pub const KEYED_ACTOR: &str = "keyed-actor";
    /// A provider serves here.
    pub const PROVIDER_STARTED: &str = "provider-started";
    /// A provider here failed and is being restarted.
    pub const PROVIDER_FAILED: &str = "provider-failed";
    /// A provider here is well again.
    pub const PROVIDER_RECOVERED: &str = "provider-recovered";
    /// A provider is gone from here.
    pub const PROVIDER_STOPPED: &str = "provider-stopped";
    /// A provider on this host cannot serve a link.
    pub const LINK_FAILED: &str = "link-failed";
}

/// Tells events. Never waits: a full queue drops.
#[derive(Debug, Clone)]
pub(crate) struct Events {
    source: String,
    queue: mpsc::Sender<Event>,
}

impl Events {
    /// Starts the task that sends.
    pub(crate) fn start(bus: Bus, lattice: LatticeId, member: MemberId, tasks: &Tasks) -> Self {
        let (queue, mut waiting) = mpsc::channel(QUEUE);
        let source = format!("lattice/{lattice}/{member}");
        let stop = tasks.stopping();
        tasks.spawn("events", async move {
            let sender = Sender { bus, lattice, member };
            stop.run_until_cancelled(async {
                while let Some(event) = waiting.recv().await {
                    sender.send(event).await;
                }
            })
            .await;
            // The last words, the host's own end among them.
            while let Ok(event) = waiting.try_recv() {
                sender.send(event).await;
            }
        });
        Self { source, queue }
    }

    /// Tells that `name` happened to `about`.
    pub(crate) fn tell(&self, name: &'static str, about: Option<String>, data: Value) {
        let event = Event::now(name, self.source.clone(), about, data, OffsetDateTime::now_utc());
        if self.queue.try_send(event).is_err() {
            warn!(event = name, "an event was dropped: too many wait to be sent");
        }
    }
}

/// Sends events one by one.
struct Sender {
    bus: Bus,
    lattice: LatticeId,
    member: MemberId,
}

impl Sender {
    async fn send(&self, event: Event) {
        // Whoever comes later looks at the state; old news is no news.
        if !self.bus.is_connected() {
            return;
        }
        let (Ok(name), Ok(bytes)) = (event.name().parse::<EventName>(), serde_json::to_vec(&event)) else {
            warn!(event = event.kind, "an event cannot be sent as it is");
            return;
        };
        let subject = subject::event(&self.lattice, &self.member, &name);
        if let Err(error) = self.bus.publish(subject, Headers::new(), Bytes::from(bytes)).await {
            debug!(%error, event = event.kind, "an event was not sent");
        }
    }
}
