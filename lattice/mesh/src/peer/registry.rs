//! All peers of this member.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lattice_bus::{Bus, Subject};
use lattice_core::{LatticeId, MemberId, subject};
use parking_lot::{Mutex, RwLock};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Peer, watchdog};
use crate::identity::Address;
use crate::stream::Streams;

/// How long after a good-bye the member counts as gone for those who still wait for something of it.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// The latest known run of each member talked to. Bounded by the members that hold a token.
#[derive(Debug)]
pub(crate) struct Peers {
    lattice: LatticeId,
    pub(super) bus: Bus,
    streams: Arc<Streams>,
    tasks: TaskTracker,
    closing: CancellationToken,
    by_member: RwLock<HashMap<MemberId, Arc<Peer>>>,
    reconnected: Mutex<Option<Instant>>,
}

impl Peers {
    pub(crate) fn new(
        lattice: LatticeId,
        bus: Bus,
        streams: Arc<Streams>,
        tasks: TaskTracker,
        closing: CancellationToken,
    ) -> Arc<Self> {
        let by_member = RwLock::default();
        Arc::new(Self {
            lattice,
            bus,
            streams,
            tasks,
            closing,
            by_member,
            reconnected: Mutex::new(None),
        })
    }

    /// The peer at an address; `None` when a later run of the member is known.
    pub(crate) fn get(&self, address: &Address) -> Option<Arc<Peer>> {
        if let Some(peer) = self.by_member.read().get(&address.member)
            && peer.address.incarnation == address.incarnation
        {
            return Some(peer.clone());
        }
        let mut by_member = self.by_member.write();
        let known = by_member.get(&address.member).cloned();
        match known {
            Some(peer) if peer.address.incarnation == address.incarnation => return Some(peer),
            Some(peer) if peer.address.incarnation > address.incarnation => return None,
            _ => {}
        }
        let mailbox = Subject::from(subject::mailbox(&self.lattice, &address.member, address.incarnation));
        let peer = Arc::new(Peer::new(address.clone(), mailbox));
        by_member.insert(address.member.clone(), peer.clone());
        drop(by_member);
        if let Some(earlier) = known {
            self.forget(&earlier, "it was started anew");
        }
        Some(peer)
    }

    /// How many calls of ours a member has.
    pub(crate) fn in_flight(&self, member: &MemberId) -> u32 {
        self.by_member.read().get(member).map_or(0, |peer| peer.in_flight())
    }

    /// The member is gone, or this run of it: everything that waits for it fails now.
    pub(crate) fn declare_gone(&self, peer: &Arc<Peer>, why: &str) {
        let mut by_member = self.by_member.write();
        if by_member
            .get(&peer.address.member)
            .is_some_and(|current| Arc::ptr_eq(current, peer))
        {
            by_member.remove(&peer.address.member);
        }
        drop(by_member);
        self.forget(peer, why);
    }

    /// As [`declare_gone`](Self::declare_gone), for the run at `address` and all before it.
    pub(crate) fn declare_address_gone(&self, address: &Address, why: &str) {
        let peer = self.by_member.read().get(&address.member).cloned();
        if let Some(peer) = peer
            && peer.address.incarnation <= address.incarnation
        {
            self.declare_gone(&peer, why);
        }
    }

    /// The member at `address` said good-bye. It had answered everything before that, but its last words may still be queued here.
    pub(crate) fn part_from(self: &Arc<Self>, address: Address) {
        let (peers, closing) = (self.clone(), self.closing.clone());
        self.tasks.spawn(async move {
            if closing
                .run_until_cancelled(tokio::time::sleep(LAST_WORDS))
                .await
                .is_some()
            {
                peers.declare_address_gone(&address, "it left");
            }
        });
    }

    /// As [`declare_gone`](Self::declare_gone), for runs before the one at `address`.
    pub(crate) fn declare_earlier_gone(&self, address: &Address, why: &str) {
        let peer = self.by_member.read().get(&address.member).cloned();
        if let Some(peer) = peer
            && peer.address.incarnation < address.incarnation
        {
            self.declare_gone(&peer, why);
        }
    }

    /// Our own connection is new. Peers may need a moment for theirs.
    pub(crate) fn note_reconnect(&self) {
        *self.reconnected.lock() = Some(Instant::now());
    }

    pub(super) fn reconnected_within(&self, grace: Duration) -> bool {
        !self.bus.is_connected() || self.reconnected.lock().is_some_and(|at| at.elapsed() < grace)
    }

    pub(super) fn spawn_watchdog(self: &Arc<Self>, peer: Arc<Peer>) {
        let (peers, closing) = (self.clone(), self.closing.clone());
        self.tasks.spawn(async move {
            closing.run_until_cancelled(watchdog::run(peers, peer)).await;
        });
    }

    fn forget(&self, peer: &Peer, why: &str) {
        tracing::debug!(peer = %peer.address.member, incarnation = %peer.address.incarnation, why, "peer is gone");
        peer.declare_gone(why);
        self.streams.peer_gone(&peer.address, &peer.gone_fault());
    }
}
