//! Puts the increments of a key that come at the same time into one write.
//!
//! A write to JetStream takes a round trip and, on a careful server, a flush to disk; and of several writers that compare and swap
//! at once all but one must try again. So at most one task per key writes, and takes with it all that have come meanwhile.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lattice_bus::{Bucket, CasError, Entry, StateError};
use parking_lot::Mutex;
use provider_sdk::capability::KvError;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tracing::debug;

use crate::store::translate;
use crate::tally::tally;

/// Pauses between tries against other hosts grow to this.
const PAUSE_MAX: Duration = Duration::from_millis(64);

/// The increments that are on their way, of all keys of one bucket.
#[derive(Clone)]
pub(crate) struct Counters {
    bucket: Bucket,
    tasks: TaskTracker,
    waiting: Arc<Mutex<HashMap<String, Vec<Increment>>>>,
}

struct Increment {
    delta: i64,
    deadline: Instant,
    done: oneshot::Sender<Result<i64, KvError>>,
}

impl Counters {
    pub(crate) fn new(bucket: Bucket, tasks: TaskTracker) -> Self {
        Self {
            bucket,
            tasks,
            waiting: Arc::default(),
        }
    }

    /// Adds `delta` to the number at `key`, which is in its NATS form.
    ///
    /// # Cancel safety
    ///
    /// An increment whose future is dropped before it is written is not written.
    pub(crate) async fn add(&self, key: &str, delta: i64, deadline: Instant) -> Result<i64, KvError> {
        let (done, outcome) = oneshot::channel();
        let increment = Increment { delta, deadline, done };
        let is_first = {
            let mut waiting = self.waiting.lock();
            match waiting.get_mut(key) {
                Some(queue) => {
                    queue.push(increment);
                    false
                }
                None => {
                    waiting.insert(key.to_owned(), vec![increment]);
                    true
                }
            }
        };
        if is_first {
            self.tasks.spawn(self.clone().write_all(key.to_owned()));
        }
        match tokio::time::timeout_at(deadline, outcome).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(KvError::Other("the provider was stopped".to_owned())),
            Err(_) => Err(KvError::Other(
                "the store did not answer in time; whether it counted is unknown".to_owned(),
            )),
        }
    }

    /// Writes until nothing is left to write. The key is in `waiting` for as long as this runs.
    async fn write_all(self, key: String) {
        loop {
            let batch = {
                let mut waiting = self.waiting.lock();
                match waiting.get_mut(&key) {
                    Some(queue) if !queue.is_empty() => std::mem::take(queue),
                    _ => {
                        waiting.remove(&key);
                        return;
                    }
                }
            };
            self.write(&key, batch).await;
        }
    }

    /// Writes one batch, again and again while other hosts are quicker.
    async fn write(&self, key: &str, mut batch: Vec<Increment>) {
        let mut pause = Duration::from_millis(1);
        loop {
            // Nobody waits for these any more, and they must not count.
            let now = Instant::now();
            batch.retain(|increment| !increment.done.is_closed() && increment.deadline > now);
            if batch.is_empty() {
                return;
            }
            match self.try_write(key, &batch).await {
                Ok(outcomes) => {
                    for (increment, outcome) in batch.into_iter().zip(outcomes) {
                        // Who stopped waiting in between does not hear it.
                        let _ = increment.done.send(outcome.map_err(KvError::Other));
                    }
                    return;
                }
                Err(CasError::Conflict { .. }) => {
                    tokio::time::sleep(jittered(pause)).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
                Err(CasError::State(error)) => {
                    debug!(
                        bucket = self.bucket.name(),
                        key,
                        error = &error as &dyn std::error::Error,
                        "cannot count"
                    );
                    for increment in batch {
                        let _ = increment.done.send(Err(translate(&error)));
                    }
                    return;
                }
            }
        }
    }

    async fn try_write(&self, key: &str, batch: &[Increment]) -> Result<Vec<Result<i64, String>>, CasError> {
        let now: Option<Entry> = self
            .bucket
            .last(key)
            .await
            .map_err(|error: StateError| CasError::State(error))?;
        let revision = now.as_ref().map_or(0, |entry| entry.revision);
        let value = now.as_ref().filter(|entry| entry.is_live()).map(|entry| &*entry.value);
        let deltas: Vec<i64> = batch.iter().map(|increment| increment.delta).collect();
        let tally = tally(value, &deltas);
        if let Some(sum) = tally.sum {
            self.bucket.update(key, Bytes::from(sum.to_string()), revision).await?;
        }
        Ok(tally.outcomes)
    }
}

/// Between half of a pause and all of it; need not be hard to guess.
fn jittered(pause: Duration) -> Duration {
    use std::hash::BuildHasher as _;
    let random = std::collections::hash_map::RandomState::new().hash_one(0u8);
    pause.mul_f64(0.5 + f64::from(u32::try_from(random & 0xffff).unwrap_or_default()) / 131_072.0)
}
