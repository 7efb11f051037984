//! The receiving end of a body.

use std::fmt;
use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::Stream;
use lattice_core::Fault;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::time::Sleep;

use super::credit::{ReadCredit, WINDOW};
use super::{Route, Streams, broke_off};
use crate::outbox::Outbox;
use crate::wire::{Frame, FrameKind, Sealed};

/// A sender that says nothing for this long is gone: it says something every [`super::writer::KEEP_ALIVE`].
const SILENCE_MAX: Duration = Duration::from_secs(20);

/// What the frames of a body go through.
#[derive(Debug)]
pub(super) struct ReaderSlot {
    pub(super) route: Route,
    credit: Mutex<ReadCredit>,
    /// Holds what the window allows and one last error, so that it is never full when there is a right to send.
    queue: mpsc::Sender<Result<Bytes, Fault>>,
    since: Instant,
    /// Milliseconds after `since`.
    last_heard: AtomicU64,
}

impl ReaderSlot {
    /// Takes a frame. Breaks when no more will come.
    pub(super) fn take(&self, subject: &str, frame: Frame, outbox: &Outbox) -> ControlFlow<()> {
        let (kind, seq) = (frame.kind, frame.seq);
        if frame.session != self.route.session.id {
            return ControlFlow::Continue(());
        }
        let Some((_, body)) = frame.open(&self.route.session.inbound, Sealed::to(subject)) else {
            return ControlFlow::Continue(());
        };
        self.last_heard.store(millis(self.since.elapsed()), Ordering::Relaxed);
        match self.account(kind, seq, body) {
            Ok(Some(Item::Chunk(bytes))) => match self.queue.try_send(Ok(bytes)) {
                Ok(()) => ControlFlow::Continue(()),
                // Nobody reads any more, or, against the credit, there is no room.
                Err(_) => ControlFlow::Break(()),
            },
            Ok(Some(Item::KeepAlive)) => {
                // The answer also replaces a credit frame that was lost.
                let total = self.credit.lock().granted();
                outbox.post(
                    &self.route.peer_subject,
                    self.route.frame(FrameKind::Credit, 0, Some(total), &[]),
                );
                ControlFlow::Continue(())
            }
            Ok(Some(Item::End)) => {
                let _ = self.queue.try_send(Ok(Bytes::new()));
                ControlFlow::Break(())
            }
            Ok(None) => ControlFlow::Continue(()),
            Err(fault) => {
                self.fail(fault);
                ControlFlow::Break(())
            }
        }
    }

    /// Ends the body with an error.
    pub(super) fn fail(&self, fault: Fault) {
        // When the queue is full or closed nobody is waiting; the silence ends the body then.
        let _ = self.queue.try_send(Err(fault));
    }

    fn account(&self, kind: FrameKind, seq: u64, body: Bytes) -> Result<Option<Item>, Fault> {
        let mut credit = self.credit.lock();
        match kind {
            FrameKind::Data if body.is_empty() => {
                credit.arrive_empty(seq).map_err(broke_off)?;
                Ok(Some(Item::KeepAlive))
            }
            FrameKind::Data => {
                let fresh = credit.arrive(seq, body.len()).map_err(broke_off)?;
                Ok(fresh.then_some(Item::Chunk(body)))
            }
            FrameKind::Fin => {
                credit.arrive_empty(seq).map_err(broke_off)?;
                Ok(Some(Item::End))
            }
            FrameKind::Broken => Err(Fault::decode(&body)),
            _ => Ok(None),
        }
    }
}

enum Item {
    Chunk(Bytes),
    KeepAlive,
    End,
}

/// A body as its reader sees it. Nothing flows before the first poll.
pub(crate) struct BodyReader {
    slot: Arc<ReaderSlot>,
    streams: Arc<Streams>,
    queue: mpsc::Receiver<Result<Bytes, Fault>>,
    silence: Pin<Box<Sleep>>,
    opened: bool,
    over: bool,
    /// It came to its end: its sender knows that as well.
    finished: bool,
}

impl BodyReader {
    /// Makes the slot for a body that is announced and not yet sent.
    pub(crate) fn open(streams: &Arc<Streams>, route: Route) -> Self {
        // One more for the end and one for an error.
        let (sender, queue) = mpsc::channel(ReadCredit::chunks_max(WINDOW) + 2);
        let slot = Arc::new(ReaderSlot {
            route,
            credit: Mutex::new(ReadCredit::new(WINDOW)),
            queue: sender,
            since: Instant::now(),
            last_heard: AtomicU64::new(0),
        });
        streams.readers.lock().insert(slot.route.key, slot.clone());
        let silence = Box::pin(tokio::time::sleep(SILENCE_MAX));
        Self {
            slot,
            streams: streams.clone(),
            queue,
            silence,
            opened: false,
            over: false,
            finished: false,
        }
    }

    fn grant(&self, total: u64) {
        let route = &self.slot.route;
        self.streams
            .outbox
            .post(&route.peer_subject, route.frame(FrameKind::Credit, 0, Some(total), &[]));
    }

    /// Checks the silence; ready when it lasted too long.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<Fault> {
        while self.silence.as_mut().poll(cx).is_ready() {
            let heard = self.slot.since + Duration::from_millis(self.slot.last_heard.load(Ordering::Relaxed));
            if heard.elapsed() >= SILENCE_MAX {
                return Poll::Ready(broke_off("its sender fell silent"));
            }
            self.silence.as_mut().reset((heard + SILENCE_MAX).into());
        }
        Poll::Pending
    }
}

impl Stream for BodyReader {
    type Item = Result<Bytes, Fault>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.over {
            return Poll::Ready(None);
        }
        if !self.opened {
            self.opened = true;
            self.slot
                .last_heard
                .store(millis(self.slot.since.elapsed()), Ordering::Relaxed);
            let total = self.slot.credit.lock().open();
            if let Some(total) = total {
                self.grant(total);
            }
        }
        match self.queue.poll_recv(cx) {
            Poll::Ready(Some(Ok(chunk))) if chunk.is_empty() => {
                (self.over, self.finished) = (true, true);
                Poll::Ready(None)
            }
            Poll::Ready(Some(Ok(chunk))) => {
                let total = self.slot.credit.lock().consume(chunk.len());
                if let Some(total) = total {
                    self.grant(total);
                }
                Poll::Ready(Some(Ok(chunk)))
            }
            Poll::Ready(Some(Err(fault))) => {
                self.over = true;
                Poll::Ready(Some(Err(fault)))
            }
            Poll::Ready(None) => {
                self.over = true;
                Poll::Ready(Some(Err(broke_off("it has no sender"))))
            }
            Poll::Pending => self.poll_silence(cx).map(|fault| {
                self.over = true;
                Some(Err(fault))
            }),
        }
    }
}

impl Drop for BodyReader {
    fn drop(&mut self) {
        let route = &self.slot.route;
        let mut readers = self.streams.readers.lock();
        if readers
            .get(&route.key)
            .is_some_and(|slot| Arc::ptr_eq(slot, &self.slot))
        {
            readers.remove(&route.key);
        }
        drop(readers);
        if !self.finished {
            self.streams
                .outbox
                .post(&route.peer_subject, route.frame(FrameKind::Stop, 0, None, &[]));
        }
    }
}

impl fmt::Debug for BodyReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyReader")
            .field("key", &self.slot.route.key)
            .field("over", &self.over)
            .finish_non_exhaustive()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
