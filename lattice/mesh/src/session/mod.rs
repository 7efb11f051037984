//! Pairwise sessions: one signature per pair of members and hour, then a microsecond per message.

mod bytes;
mod handshake;
mod table;
mod window;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lattice_core::token::VerifiedMember;
use parking_lot::Mutex;

pub(crate) use bytes::Fixed;
pub(crate) use handshake::{Established, Handshake, Hello, HelloAck};
pub(crate) use table::{SessionTable, Standing};
pub(crate) use window::{Freshness, ReplayWindow};

use crate::identity::Address;
use crate::wire::{MacKey, SessionId};

/// How long a caller uses a session before it opens the next.
const USE_FOR: Duration = Duration::from_secs(50 * 60);
/// How long a callee accepts calls on it: longer, so that it is the caller who moves on.
const ACCEPT_FOR: Duration = Duration::from_secs(60 * 60);
/// How many frames a caller numbers in one session.
const FRAMES_MAX: u64 = 1 << 32;

/// An established session, on either side.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    /// The member at the other end, proved by its signature.
    pub(crate) peer: Address,
    /// Seals what this side sends.
    pub(crate) outbound: MacKey,
    /// Opens what it receives.
    pub(crate) inbound: MacKey,
    /// The token of a peer that made the session; checked again when trust changes. The peers we call are checked in the directory.
    pub(crate) token: Option<VerifiedMember>,
    window: Mutex<ReplayWindow>,
    next_seq: AtomicU64,
    since: Instant,
    /// Milliseconds after `since`.
    last_used: AtomicU64,
}

impl Session {
    /// A session that we made.
    pub(crate) fn asked(keys: Established) -> Self {
        Self::new(keys, None)
    }

    /// A session that a peer made.
    pub(crate) fn answered(keys: Established, token: VerifiedMember) -> Self {
        Self::new(keys, Some(token))
    }

    fn new(keys: Established, token: Option<VerifiedMember>) -> Self {
        Self {
            id: keys.id,
            peer: keys.peer,
            outbound: keys.outbound,
            inbound: keys.inbound,
            token,
            window: Mutex::new(ReplayWindow::new()),
            next_seq: AtomicU64::new(0),
            since: Instant::now(),
            last_used: AtomicU64::new(0),
        }
    }

    /// The number of the next frame this side sends.
    pub(crate) fn next_seq(&self) -> u64 {
        self.next_seq.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether a frame with this number may be looked at.
    pub(crate) fn check(&self, seq: u64) -> Freshness {
        self.window.lock().check(seq)
    }

    /// Marks an authenticated frame as seen.
    pub(crate) fn accept(&self, seq: u64) -> Freshness {
        let age = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_used.store(age, Ordering::Relaxed);
        self.window.lock().accept(seq)
    }

    /// Whether a caller should still use it.
    pub(crate) fn is_usable(&self) -> bool {
        self.since.elapsed() < USE_FOR && self.next_seq.load(Ordering::Relaxed) < FRAMES_MAX
    }

    /// Whether a callee still accepts calls on it.
    pub(crate) fn is_acceptable(&self) -> bool {
        self.since.elapsed() < ACCEPT_FOR
    }

    fn last_used(&self) -> Instant {
        self.since + Duration::from_millis(self.last_used.load(Ordering::Relaxed))
    }
}
