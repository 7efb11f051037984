//! What operators may want to know, told as [`Event`]s by whoever is part of this member.
//!
//! Telling never waits. One task sends, in order; what is told while NATS is away is sent when it is back, as far as it was kept. A host also
//! sees to it that the lattice keeps its events for a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use lattice_bus::{Bus, Headers};
use lattice_core::{Event, EventName, LatticeId, MemberId, subject};
use serde_json::Value;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use crate::buckets;

/// Events that wait to be sent. When full, further ones are dropped, which the log says once per episode.
const QUEUE: usize = 1024;

/// How long the first events wait for the stream that is to keep them. JetStream need not be there.
const STREAM_PATIENCE: Duration = Duration::from_secs(3);

/// How long until the stream is asked for again where it could not be made.
const STREAM_RETRY: Duration = Duration::from_secs(60);

/// Tells events of this member. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Events {
    source: Arc<str>,
    queue: mpsc::Sender<Event>,
    /// Whether events are being dropped.
    drops: Arc<AtomicBool>,
}

impl Events {
    /// Starts the task that sends. It ends after `closing`, with the last words.
    pub(crate) fn start(
        bus: Bus,
        lattice: LatticeId,
        member: MemberId,
        tasks: &TaskTracker,
        closing: &CancellationToken,
    ) -> Self {
        let (queue, told) = mpsc::channel(QUEUE);
        let source = Event::source(&lattice, &member).into();
        let keeping = match member.as_host() {
            Some(_) => Keeping::NotYet,
            None => Keeping::Done,
        };
        let sender = Sender {
            bus,
            lattice,
            member,
            told,
            keeping,
        };
        tasks.spawn(sender.run(closing.clone()));
        Self {
            source,
            queue,
            drops: Arc::default(),
        }
    }

    /// Begins an event of this member that happens now; [`Events::send`] tells it.
    pub fn event(&self, name: &'static str) -> Event {
        Event::new(name, &*self.source, Uuid::now_v7(), SystemTime::now())
    }

    /// Tells an event.
    pub fn send(&self, event: Event) {
        match self.queue.try_send(event) {
            Ok(()) => self.drops.store(false, Ordering::Relaxed),
            Err(TrySendError::Full(event)) if !self.drops.swap(true, Ordering::Relaxed) => {
                tracing::warn!(event = event.kind, "events are being dropped: too many wait to be sent");
            }
            // This member has left, or it was said already.
            Err(_) => {}
        }
    }

    /// How many events wait to be sent.
    pub fn waiting(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// Tells that `name` happened to `about`, or to this member.
    pub fn tell(&self, name: &'static str, about: Option<String>, data: Value) {
        self.send(self.event(name).about(about).with(data));
    }
}

/// Whether the lattice keeps its events.
#[derive(Debug, Clone, Copy)]
enum Keeping {
    NotYet,
    /// Not before then.
    RetryAt(Instant),
    /// It does, or others see to it.
    Done,
}

/// Sends events one by one.
struct Sender {
    bus: Bus,
    lattice: LatticeId,
    member: MemberId,
    told: mpsc::Receiver<Event>,
    keeping: Keeping,
}

impl Sender {
    async fn run(mut self, closing: CancellationToken) {
        closing
            .run_until_cancelled(async {
                while let Some(event) = self.told.recv().await {
                    if self.bus.connected().await.is_none() {
                        return;
                    }
                    self.see_to_stream().await;
                    send(&self.bus, &self.lattice, &self.member, &event).await;
                }
            })
            .await;
        // The last words, the member's own end among them. Into an outage they are lost.
        self.told.close();
        while let Ok(event) = self.told.try_recv() {
            if self.bus.is_connected() {
                send(&self.bus, &self.lattice, &self.member, &event).await;
            }
        }
    }

    async fn see_to_stream(&mut self) {
        match self.keeping {
            Keeping::NotYet => {}
            Keeping::RetryAt(at) if Instant::now() >= at => {}
            Keeping::RetryAt(_) | Keeping::Done => return,
        }
        let opening = self.bus.keep_journal(buckets::events(&self.lattice));
        self.keeping = match tokio::time::timeout(STREAM_PATIENCE, opening).await {
            Ok(Ok(_)) => Keeping::Done,
            Ok(Err(error)) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "events are told and not kept");
                Keeping::RetryAt(Instant::now() + STREAM_RETRY)
            }
            Err(_) => Keeping::RetryAt(Instant::now() + STREAM_RETRY),
        };
    }
}

async fn send(bus: &Bus, lattice: &LatticeId, member: &MemberId, event: &Event) {
    let Ok(name) = event.name().parse::<EventName>() else {
        return tracing::error!(event = event.kind, "not the name of an event");
    };
    let subject = subject::event(lattice, member, &name);
    if let Err(error) = bus
        .publish(subject, Headers::new(), Bytes::from(event.to_bytes()))
        .await
    {
        tracing::debug!(%error, %name, "an event was not sent");
    }
}
