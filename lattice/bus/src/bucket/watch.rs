//! Watches a bucket for as long as anybody wants to know.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;
use tokio::sync::{mpsc, watch};
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, warn};

use super::reach::Reach;
use super::relist::Relist;
use super::{ALL, Bucket, Entry};
use crate::jetstream::{OrderedReader, Start, StateError, code};
use crate::{ConnectionState, connection};

/// Events that wait for the watcher. When full, reading waits, and through flow control so does the server.
const QUEUE: usize = 256;

/// Failures in a row after which a watch says that it has trouble.
const FAILURES_UNTIL_WARNING: usize = 5;

/// Something that happened in a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BucketEvent {
    /// A key was set, deleted or removed. After an outage only what differs from what was told before is told again.
    Entry(Entry),
    /// Everything the bucket held has been told; from here on changes follow. Comes again after each outage.
    CaughtUp,
}

/// A stream of what happens in a bucket. It outlives outages, restarts and the loss of the bucket itself, which it makes again; it ends
/// only when the bus is closed.
#[derive(Debug)]
pub struct Watch {
    events: mpsc::Receiver<BucketEvent>,
    _task: AbortOnDropHandle<()>,
}

impl Watch {
    pub(super) fn start(bucket: Bucket, filter: &str) -> Self {
        let (tx, events) = mpsc::channel(QUEUE);
        let task = Task {
            bucket,
            filter: filter.to_owned(),
            relist: Relist::default(),
            reach: None,
            events: tx,
        };
        Self {
            events,
            _task: AbortOnDropHandle::new(tokio::spawn(task.run())),
        }
    }

    /// Returns the next event; `None` when the bus is closed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn recv(&mut self) -> Option<BucketEvent> {
        self.events.recv().await
    }
}

impl Stream for Watch {
    type Item = BucketEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<BucketEvent>> {
        self.events.poll_recv(cx)
    }
}

struct Task {
    bucket: Bucket,
    filter: String,
    relist: Relist,
    /// How far the view reaches that was told; none until a listing was complete.
    reach: Option<Reach>,
    events: mpsc::Sender<BucketEvent>,
}

/// What is being read.
struct Source {
    reader: OrderedReader,
    created: String,
    /// Whether it starts with everything the bucket holds.
    lists: bool,
}

/// Why following a bucket stopped.
enum Stop {
    /// Nobody watches any more.
    Unwatched,
    /// There was another connection in between.
    Reconnected,
    /// Reading failed.
    Failed(StateError),
}

impl From<StateError> for Stop {
    fn from(err: StateError) -> Self {
        Self::Failed(err)
    }
}

impl Task {
    async fn run(mut self) {
        let mut failures = 0;
        while self.bucket.bus().connected().await.is_some() {
            let err = match self.follow(&mut failures).await {
                Stop::Unwatched => return,
                Stop::Reconnected => continue,
                Stop::Failed(err) => err,
            };
            failures += 1;
            let bucket = self.bucket.name();
            if failures == FAILURES_UNTIL_WARNING {
                warn!(
                    bucket,
                    error = &err as &dyn std::error::Error,
                    "cannot watch the bucket; going on trying"
                );
            } else {
                debug!(
                    bucket,
                    error = &err as &dyn std::error::Error,
                    "watch interrupted; listing again"
                );
            }
            if err.code() == Some(code::STREAM_NOT_FOUND)
                && let Err(err) = self.bucket.reopen().await
            {
                debug!(
                    bucket,
                    error = &err as &dyn std::error::Error,
                    "cannot make the bucket again"
                );
            }
            tokio::select! {
                () = tokio::time::sleep(connection::backoff::delay(failures, connection::backoff::random())) => {}
                () = self.events.closed() => return,
            }
        }
    }

    /// Lists the bucket unless nothing happened to it, then follows its changes until something stops it.
    async fn follow(&mut self, failures: &mut usize) -> Stop {
        let mut states = self.bucket.bus().states();
        let session = *states.borrow_and_update();
        let opening = tokio::select! {
            opening = self.open() => opening,
            () = self.events.closed() => return Stop::Unwatched,
        };
        let mut source = match opening {
            Ok(source) => source,
            Err(err) => return Stop::Failed(err),
        };
        if source.lists {
            self.relist.begin();
            self.reach = None;
        }
        let stop = self.read(&mut source, &mut states, session, failures).await;
        if matches!(stop, Stop::Unwatched) {
            source.reader.close().await;
        }
        stop
    }

    async fn open(&self) -> Result<Source, StateError> {
        let info = self.bucket.info().await?;
        // Of a part of the bucket we do not know where it ends.
        let unchanged = self
            .reach
            .as_ref()
            .filter(|reach| self.filter == ALL && reach.is_all_of(&info));
        let start = unchanged.map_or(Start::LastPerSubject, |reach| Start::After(reach.sequence()));
        Ok(Source {
            reader: self.bucket.reader(&self.filter, start, false).await?,
            created: info.created,
            lists: unchanged.is_none(),
        })
    }

    async fn read(
        &mut self,
        source: &mut Source,
        states: &mut watch::Receiver<ConnectionState>,
        session: ConnectionState,
        failures: &mut usize,
    ) -> Stop {
        let mut behind = !source.reader.starts_empty();
        if !behind && let Err(stop) = self.caught_up(failures).await {
            return stop;
        }
        loop {
            // Only waiting for a message may be cut short: an entry that `relist` has taken must also be told.
            let delivered = tokio::select! {
                _ = states.wait_for(|state| state.is_beyond(session)) => return Stop::Reconnected,
                delivered = source.reader.next() => match delivered {
                    Ok(delivered) => delivered,
                    Err(err) => return Stop::Failed(err),
                },
                () = self.events.closed() => return Stop::Unwatched,
            };
            let place = delivered.place;
            let news = Entry::delivered(delivered, &self.bucket.inner.prefix).and_then(|entry| self.relist.take(entry));
            if let Some(entry) = news
                && self.events.send(BucketEvent::Entry(entry)).await.is_err()
            {
                return Stop::Unwatched;
            }
            if behind && source.reader.is_caught_up(&place) {
                behind = false;
                if let Err(stop) = self.caught_up(failures).await {
                    return stop;
                }
            }
            match &mut self.reach {
                Some(reach) => reach.extend(&place),
                None if !behind => self.reach = Some(Reach::to(&source.created, &place)),
                None => {}
            }
        }
    }

    async fn caught_up(&mut self, failures: &mut usize) -> Result<(), Stop> {
        *failures = 0;
        for gone in self.relist.complete() {
            self.events
                .send(BucketEvent::Entry(gone))
                .await
                .map_err(|_| Stop::Unwatched)?;
        }
        self.events
            .send(BucketEvent::CaughtUp)
            .await
            .map_err(|_| Stop::Unwatched)
    }
}
