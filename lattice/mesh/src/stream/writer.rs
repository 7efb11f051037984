//! The sending end of a body: a pump that takes from a stream as fast as its reader grants credit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures::{FutureExt, StreamExt};
use lattice_bus::{Bus, Headers};
use lattice_core::Fault;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::credit::SendCredit;
use super::{Route, Streams, broke_off};
use crate::wire::{Frame, FrameKind, Sealed};
use crate::{ByteStream, size};

/// How often a sender that has nothing to send, or may not, shows that it is there.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// A reader that answers nothing for this long is gone: it answers every sign of life.
const SILENCE_MAX: Duration = Duration::from_secs(20);
/// Chunks below this size are joined with those that are ready too.
const JOIN_BELOW: usize = 16 * 1024;

/// What a reader's frames change.
#[derive(Debug)]
pub(super) struct WriterSlot {
    pub(super) route: Route,
    credit: Mutex<SendCredit>,
    stopped: AtomicBool,
    changed: Notify,
    since: Instant,
    /// Milliseconds after `since`.
    last_heard: AtomicU64,
}

impl WriterSlot {
    pub(super) fn take(&self, subject: &str, frame: Frame) {
        let kind = frame.kind;
        if frame.session != self.route.session.id {
            return;
        }
        let Some((head, _)) = frame.open(&self.route.session.inbound, Sealed::to(subject)) else {
            return;
        };
        let age = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_heard.store(age, Ordering::Relaxed);
        match (kind, head.get(1..9).and_then(|bytes| bytes.try_into().ok())) {
            (FrameKind::Credit, Some(total)) => {
                self.credit.lock().grant(u64::from_be_bytes(total));
                self.changed.notify_one();
            }
            (FrameKind::Stop, _) => self.stop(),
            _ => {}
        }
    }

    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    fn silence(&self) -> Duration {
        let heard = self.since + Duration::from_millis(self.last_heard.load(Ordering::Relaxed));
        heard.elapsed()
    }
}

/// How a pump ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PumpEnd {
    /// All of it was sent.
    Finished,
    /// The reader wants no more, or is gone.
    Stopped,
    /// The source failed; the reader was told.
    Broken,
}

/// Sends one body.
#[derive(Debug)]
pub(crate) struct Pump {
    slot: Arc<WriterSlot>,
    streams: Arc<Streams>,
    bus: Bus,
    /// The number of the next chunk.
    seq: u64,
}

/// A body that stays whole until its reader asks for it.
pub(crate) type Untouched = Mutex<Option<ByteStream>>;

impl Pump {
    /// Makes the slot for a body that is about to be announced.
    pub(crate) fn open(streams: &Arc<Streams>, bus: Bus, route: Route) -> Self {
        let slot = Arc::new(WriterSlot {
            route,
            credit: Mutex::default(),
            stopped: AtomicBool::new(false),
            changed: Notify::new(),
            since: Instant::now(),
            last_heard: AtomicU64::new(0),
        });
        streams.writers.lock().insert(slot.route.key, slot.clone());
        Self {
            slot,
            streams: streams.clone(),
            bus,
            seq: 0,
        }
    }

    /// Sends all of `source`. Takes nothing from it before there is credit.
    pub(crate) async fn run(mut self, source: &Untouched) -> PumpEnd {
        if self.wait_for_room().await.is_none() {
            return PumpEnd::Stopped;
        }
        let Some(body) = source.lock().take() else {
            return PumpEnd::Stopped;
        };
        let mut source = Source { body, ahead: None };
        loop {
            let mut chunk = match self.next_chunk(&mut source).await {
                Next::Chunk(chunk) => chunk,
                Next::End => {
                    self.send(FrameKind::Fin, &[]).await;
                    return PumpEnd::Finished;
                }
                Next::Failed(fault) => {
                    self.send(FrameKind::Broken, &fault.encode()).await;
                    return PumpEnd::Broken;
                }
                Next::Stopped => return PumpEnd::Stopped,
            };
            while !chunk.is_empty() {
                let Some(room) = self.wait_for_room().await else {
                    return PumpEnd::Stopped;
                };
                let piece = chunk.split_to(room.min(chunk.len()).min(size::chunk(self.bus.max_payload())));
                self.slot.credit.lock().spend(piece.len());
                self.send(FrameKind::Data, &piece).await;
                self.seq += 1;
            }
        }
    }

    /// Waits for credit; `None` when the reader stopped or is gone.
    async fn wait_for_room(&self) -> Option<usize> {
        loop {
            if self.slot.is_stopped() {
                return None;
            }
            if let Some(room) = self.slot.credit.lock().room() {
                return Some(room);
            }
            if tokio::time::timeout(KEEP_ALIVE, self.slot.changed.notified())
                .await
                .is_err()
                && !self.keep_alive().await
            {
                return None;
            }
        }
    }

    /// Takes the next bytes from the source. Says that it is there while the source is slow.
    async fn next_chunk(&self, source: &mut Source) -> Next {
        loop {
            tokio::select! {
                biased;
                next = source.next() => return next,
                () = self.slot.changed.notified() => {
                    if self.slot.is_stopped() {
                        return Next::Stopped;
                    }
                }
                () = tokio::time::sleep(KEEP_ALIVE) => {
                    if !self.keep_alive().await {
                        return Next::Failed(broke_off("its reader fell silent"));
                    }
                }
            }
        }
    }

    async fn keep_alive(&self) -> bool {
        if self.slot.silence() > SILENCE_MAX {
            return false;
        }
        self.send(FrameKind::Data, &[]).await;
        true
    }

    async fn send(&self, kind: FrameKind, body: &[u8]) {
        let route = &self.slot.route;
        let frame = route.frame(kind, self.seq, None, body);
        if let Err(error) = self.bus.publish(&route.peer_subject, Headers::new(), frame).await {
            // The reader notices the gap, or the silence.
            tracing::debug!(%error, call = %route.key.call, "a chunk was not sent");
        }
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        // A later attempt of the same call may have its own slot there by now.
        let mut writers = self.streams.writers.lock();
        if writers
            .get(&self.slot.route.key)
            .is_some_and(|slot| Arc::ptr_eq(slot, &self.slot))
        {
            writers.remove(&self.slot.route.key);
        }
    }
}

/// What comes next out of a body.
enum Next {
    Chunk(Bytes),
    End,
    Failed(Fault),
    Stopped,
}

/// A body that joins small chunks.
struct Source {
    body: ByteStream,
    /// Taken from the body while joining, and not bytes.
    ahead: Option<Next>,
}

impl Source {
    /// Cancel safe: bytes are only taken from the body in the poll that returns them.
    async fn next(&mut self) -> Next {
        if let Some(ahead) = self.ahead.take() {
            return ahead;
        }
        loop {
            match classify(self.body.next().await) {
                Next::Chunk(chunk) if chunk.is_empty() => {}
                Next::Chunk(chunk) if chunk.len() < JOIN_BELOW => return Next::Chunk(self.join(chunk)),
                next => return next,
            }
        }
    }

    /// Joins a small chunk with what is ready behind it.
    fn join(&mut self, first: Bytes) -> Bytes {
        let mut joined: Option<BytesMut> = None;
        while joined.as_ref().map_or(first.len(), BytesMut::len) < JOIN_BELOW {
            match self.body.next().now_or_never().map(classify) {
                Some(Next::Chunk(chunk)) => {
                    joined
                        .get_or_insert_with(|| BytesMut::from(&first[..]))
                        .extend_from_slice(&chunk);
                }
                Some(end) => {
                    self.ahead = Some(end);
                    break;
                }
                None => break,
            }
        }
        joined.map_or(first, BytesMut::freeze)
    }
}

fn classify(item: Option<Result<Bytes, Fault>>) -> Next {
    match item {
        None => Next::End,
        Some(Ok(chunk)) => Next::Chunk(chunk),
        Some(Err(fault)) => Next::Failed(fault),
    }
}
