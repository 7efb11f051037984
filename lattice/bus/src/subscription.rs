//! Subscriptions: bounded queues of incoming messages.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use futures::{Stream, StreamExt};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

use crate::connection::Renewing;
use crate::{Bus, Message, Subject, SubscribeError};

/// Messages the connection itself queues for one subscription.
///
/// A subscription of at least this capacity is served straight from that queue: no task and no copy lies between the socket and
/// the subscriber. Smaller ones have a task of their own that keeps to the smaller bound.
pub const DIRECT_CAPACITY: usize = 65_536;

/// A stream of the messages that come in on a subject. It survives reconnects and ends only when the bus or the subscription is
/// closed; messages sent during an outage are lost, as everywhere in core NATS.
///
/// When the queue is full the newest message is dropped and counted, since one slow reader must not hold up the connection that it
/// shares with all others. The first of an episode is a warning in the log.
#[derive(Debug)]
pub struct Subscription {
    subject: Subject,
    source: Source,
    /// Keeps the connection.
    _bus: Bus,
}

#[derive(Debug)]
enum Source {
    Direct(Renewing),
    Gated(Gate),
}

impl Subscription {
    pub(crate) async fn open(
        bus: Bus,
        subject: Subject,
        queue: Option<String>,
        capacity: usize,
    ) -> Result<Self, SubscribeError> {
        let renewing = Renewing::open(Arc::clone(bus.line()), subject.clone(), queue).await?;
        let source = if capacity >= DIRECT_CAPACITY {
            Source::Direct(renewing)
        } else {
            Source::Gated(Gate::new(renewing, capacity.max(1)))
        };
        Ok(Self {
            subject,
            source,
            _bus: bus,
        })
    }

    /// Returns the subject subscribed to.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Returns the next message; `None` when the subscription is over.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a message is either returned or still queued.
    pub async fn recv(&mut self) -> Option<Message> {
        self.next().await
    }

    /// Says how many messages this subscription dropped because its queue was full. A direct one does not know;
    /// [`Bus::dropped`] counts for all of them together.
    pub fn dropped(&self) -> u64 {
        match &self.source {
            Source::Direct(_) => 0,
            Source::Gated(gate) => gate.dropped.load(Ordering::Relaxed),
        }
    }

    /// Stops intake: the stream ends after the messages that the server has sent already.
    pub async fn drain(&mut self) {
        match &mut self.source {
            Source::Direct(renewing) => renewing.drain().await,
            Source::Gated(gate) => {
                // Nobody hears it when the gate has ended by itself.
                let _ = gate.drain.send(()).await;
            }
        }
    }
}

impl Stream for Subscription {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        match &mut self.source {
            Source::Direct(renewing) => renewing.poll_next_unpin(cx),
            Source::Gated(gate) => gate.queue.poll_recv(cx),
        }
    }
}

/// A task that moves messages from the connection's large queue to a small one.
#[derive(Debug)]
struct Gate {
    queue: mpsc::Receiver<Message>,
    drain: mpsc::Sender<()>,
    dropped: Arc<AtomicU64>,
    _task: AbortOnDropHandle<()>,
}

impl Gate {
    fn new(mut source: Renewing, capacity: usize) -> Self {
        let (tx, queue) = mpsc::channel(capacity);
        let (drain, mut drains) = mpsc::channel(1);
        let dropped = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&dropped);
        let task = tokio::spawn(async move {
            let mut full = false;
            loop {
                let message = tokio::select! {
                    message = source.next() => message,
                    Some(()) = drains.recv() => {
                        source.drain().await;
                        continue;
                    }
                };
                let Some(message) = message else { return };
                match tx.try_send(message) {
                    Ok(()) if full && tx.capacity() > capacity / 2 => full = false,
                    Ok(()) => {}
                    Err(mpsc::error::TrySendError::Full(message)) => {
                        count.fetch_add(1, Ordering::Relaxed);
                        if !full {
                            warn!(subject = %message.subject, capacity, "subscriber too slow: dropping messages");
                        }
                        full = true;
                    }
                    Err(mpsc::error::TrySendError::Closed(_)) => return,
                }
            }
        });
        Self {
            queue,
            drain,
            dropped,
            _task: AbortOnDropHandle::new(task),
        }
    }
}
