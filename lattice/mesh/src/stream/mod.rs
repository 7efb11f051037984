//! Bodies too large for one message, or not all there yet: chunks under a credit window.
//!
//! Each end of a body has a slot in [`Streams`], found by call and side. The sending end is a pump ([`writer`]), the receiving end a stream
//! ([`reader`]) that grants credit as it is read.

mod credit;
mod peek;
mod reader;
mod writer;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::{BufMut, Bytes};
use lattice_bus::Subject;
use lattice_core::{Fault, FaultKind, InvocationId};
use parking_lot::Mutex;

use crate::identity::Address;
use crate::outbox::Outbox;
use crate::session::Session;
use crate::wire::{Frame, FrameBuilder, FrameKind, Sealed};

pub(crate) use credit::CHUNK_MAX;
pub(crate) use peek::settle;
pub(crate) use reader::BodyReader;
use reader::ReaderSlot;
use writer::WriterSlot;
pub(crate) use writer::{Pump, Untouched};

/// Which end of a call a frame is for, so that a member may call itself. The number is on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum Side {
    /// The one that made it.
    Caller = 0,
    /// The one that serves it.
    Callee = 1,
}

impl Side {
    fn other(self) -> Self {
        match self {
            Self::Caller => Self::Callee,
            Self::Callee => Self::Caller,
        }
    }

    fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Caller),
            1 => Some(Self::Callee),
            _ => None,
        }
    }
}

/// One end of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct StreamKey {
    pub(crate) call: InvocationId,
    /// The side this process is on.
    pub(crate) side: Side,
}

/// What both directions of a call's bodies share.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) key: StreamKey,
    pub(crate) session: Arc<Session>,
    /// Where the peer hears frames of this call.
    pub(crate) peer_subject: Subject,
}

impl Route {
    /// Seals a body frame to the peer.
    fn frame(&self, kind: FrameKind, seq: u64, credit: Option<u64>, body: &[u8]) -> Bytes {
        let mut builder = FrameBuilder::new(kind, self.session.id, seq, body.len() + 16);
        builder.head().put_u8(self.key.side.other() as u8);
        if let Some(total) = credit {
            builder.head().put_u64(total);
        }
        builder.finish(&self.session.outbound, Sealed::to(&self.peer_subject), body)
    }
}

/// The bodies under way, in both directions. Bounded by the calls under way, which are.
#[derive(Debug)]
pub(crate) struct Streams {
    readers: Mutex<HashMap<StreamKey, Arc<ReaderSlot>>>,
    writers: Mutex<HashMap<StreamKey, Arc<WriterSlot>>>,
    outbox: Outbox,
}

impl Streams {
    pub(crate) fn new(outbox: Outbox) -> Arc<Self> {
        Arc::new(Self {
            readers: Mutex::default(),
            writers: Mutex::default(),
            outbox,
        })
    }

    /// Hands a frame to the end it is for. Frames for nobody are dropped: their call is over.
    pub(crate) fn deliver(&self, subject: &str, call: InvocationId, frame: Frame) {
        let Some(side) = frame.claimed_head().first().copied().and_then(Side::from_byte) else {
            return;
        };
        let key = StreamKey { call, side };
        match frame.kind {
            FrameKind::Data | FrameKind::Fin | FrameKind::Broken => {
                let slot = self.readers.lock().get(&key).cloned();
                if let Some(slot) = slot
                    && slot.take(subject, frame, &self.outbox).is_break()
                {
                    self.readers.lock().remove(&key);
                }
            }
            FrameKind::Credit | FrameKind::Stop => {
                let slot = self.writers.lock().get(&key).cloned();
                if let Some(slot) = slot {
                    slot.take(subject, frame);
                }
            }
            _ => {}
        }
    }

    /// Tells the reader of a body that no more of it will come.
    pub(crate) fn break_off(&self, route: &Route, why: &Fault) {
        self.outbox.post(
            &route.peer_subject,
            route.frame(FrameKind::Broken, 0, None, &why.encode()),
        );
    }

    /// Breaks off every body to or from a peer that is gone.
    pub(crate) fn peer_gone(&self, peer: &Address, fault: &Fault) {
        self.readers.lock().retain(|_, slot| {
            let lost = slot.route.session.peer == *peer;
            if lost {
                slot.fail(fault.clone());
            }
            !lost
        });
        for slot in self
            .writers
            .lock()
            .values()
            .filter(|slot| slot.route.session.peer == *peer)
        {
            slot.stop();
        }
    }
}

/// The fault of a body that broke off for reasons of the network.
fn broke_off(reason: impl std::fmt::Display) -> Fault {
    Fault::new(FaultKind::Unreachable, format!("the body broke off: {reason}"))
}
