//! The members this one talks to: the session with each, and whether it is still there.

mod connect;
mod registry;
mod watchdog;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use lattice_bus::Subject;
use lattice_core::{Fault, FaultKind};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

pub(crate) use registry::Peers;
use watchdog::Watched;
pub(crate) use watchdog::{CallWatch, PROBE_AFTER};

use crate::identity::Address;
use crate::session::Session;
use crate::wire::SessionId;

/// One run of one member, seen from here.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) address: Address,
    /// Where it hears calls.
    pub(crate) mailbox: Subject,
    /// The session this member calls it on.
    session: ArcSwapOption<Session>,
    /// Held while a session is made, so that a burst of calls makes one.
    handshake: tokio::sync::Mutex<Option<connect::FailedHandshake>>,
    /// Sessions that the peer said, under its signature, it does not have.
    disowned: Mutex<Vec<SessionId>>,
    gone: CancellationToken,
    why_gone: OnceLock<String>,
    in_flight: AtomicU32,
    watched: Mutex<Watched>,
}

impl Peer {
    fn new(address: Address, mailbox: Subject) -> Self {
        Self {
            address,
            mailbox,
            session: ArcSwapOption::empty(),
            handshake: tokio::sync::Mutex::default(),
            disowned: Mutex::default(),
            gone: CancellationToken::new(),
            why_gone: OnceLock::new(),
            in_flight: AtomicU32::new(0),
            watched: Mutex::default(),
        }
    }

    /// Returns when this run of the member is over, as far as can be told from here.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(crate) async fn gone(&self) {
        self.gone.cancelled().await;
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.gone.is_cancelled()
    }

    /// What to tell the callers whose calls were out when it went.
    pub(crate) fn gone_fault(&self) -> Fault {
        let why = self.why_gone.get().map_or("it is gone", String::as_str);
        let member = &self.address.member;
        Fault::new(
            FaultKind::Unreachable,
            format!("lost {member} while the call was out, it may have run: {why}"),
        )
    }

    fn declare_gone(&self, why: &str) {
        let _ = self.why_gone.set(why.to_owned());
        self.gone.cancel();
    }

    /// How many calls of ours it has.
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Counts a call for as long as the guard lives.
    pub(crate) fn count_call(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(self.clone())
    }
}

/// A call that a peer has.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Peer>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
