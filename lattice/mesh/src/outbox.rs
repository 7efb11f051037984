//! Messages from places that cannot wait: credit from inside a poll, a cancellation from inside a drop.

use std::time::Duration;

use bytes::Bytes;
use lattice_bus::{Bus, Headers, Subject};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// When full, a message is dropped: credit is a running total that the next one repeats, and a cancelled call ends at its deadline.
const CAPACITY: usize = 4096;

/// The longest wait for the bus to take a message.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);

/// The way out. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Outbox(mpsc::Sender<Post>);

/// The other end, for the task that sends.
#[derive(Debug)]
pub(crate) struct Posts(mpsc::Receiver<Post>);

#[derive(Debug)]
struct Post {
    subject: Subject,
    payload: Bytes,
}

/// Makes both ends.
pub(crate) fn outbox() -> (Outbox, Posts) {
    let (sender, receiver) = mpsc::channel(CAPACITY);
    (Outbox(sender), Posts(receiver))
}

impl Outbox {
    /// Sends soon, or not at all.
    pub(crate) fn post(&self, subject: &Subject, payload: Bytes) {
        if self
            .0
            .try_send(Post {
                subject: subject.clone(),
                payload,
            })
            .is_err()
        {
            tracing::debug!(%subject, "outbox full or closed: a message was dropped");
        }
    }
}

impl Posts {
    /// Sends what is posted until `closing`, then what is left.
    pub(crate) async fn run(mut self, bus: Bus, closing: CancellationToken) {
        loop {
            let post = tokio::select! {
                biased;
                post = self.0.recv() => post,
                () = closing.cancelled() => {
                    self.0.close();
                    self.0.recv().await
                }
            };
            let Some(Post { subject, payload }) = post else { return };
            // While NATS is away, what waits for it could fill the bus and hold us up for ever.
            let sending = tokio::time::timeout(SEND_TIMEOUT, bus.publish(&subject, Headers::new(), payload));
            match sending.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(%error, %subject, "not sent"),
                Err(_) => tracing::debug!(%subject, "not sent in time"),
            }
        }
    }
}
