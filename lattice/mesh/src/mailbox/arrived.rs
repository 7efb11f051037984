//! A call as it came in, authenticated.

use std::sync::Arc;

use bytes::Bytes;
use lattice_bus::Subject;
use lattice_core::{CallAddress, LinkId, Verb};

use crate::TraceContext;
use crate::session::Session;
use crate::wire::{Aim, CallHead, CallRoute, DecodedRoutes, HeadError};

/// A call as it came in, authenticated.
pub(super) struct Arrived {
    pub(super) session: Arc<Session>,
    pub(super) seq: u64,
    pub(super) reply: Subject,
    pub(super) head: CallHead,
    pub(super) wanted: Wanted,
    pub(super) rest: Bytes,
    pub(super) trace: Option<TraceContext>,
}

/// What the caller wants, or says it may.
pub(super) enum Wanted {
    /// Something of a party, and with a stateful actor: of which one.
    Call(Arc<CallRoute>, Option<CallAddress>),
    /// Something of this host itself.
    Ask(Verb),
}

impl Wanted {
    pub(super) fn read(aim: Aim, routes: &DecodedRoutes) -> Result<Self, HeadError> {
        Ok(match aim {
            Aim::Party(route) => Self::Call(routes.decode(&route)?, None),
            Aim::Actor(address, route) => Self::Call(routes.decode(&route)?, Some(address)),
            Aim::Host(verb) => Self::Ask(verb),
        })
    }

    /// The link it is to go by.
    pub(super) fn link(&self) -> Option<&LinkId> {
        match self {
            Self::Call(route, _) => Some(&route.link),
            Self::Ask(_) => None,
        }
    }
}
