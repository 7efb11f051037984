//! A call that may have to be made more than once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::stream;
use lattice_core::{Fault, InvocationId};
use parking_lot::Mutex;

use crate::stream::{Untouched, settle};
use crate::wire::CallRoute;
use crate::{Body, ByteStream, OutgoingCall, TraceContext, size};

/// A call, and what is left of its body.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) id: InvocationId,
    pub(super) route: CallRoute,
    pub(super) deadline: Instant,
    pub(super) trace: Option<TraceContext>,
    pub(super) head: Bytes,
    body: Source,
}

enum Source {
    /// Can be sent as often as needed.
    Bytes(Bytes),
    /// Can be sent once it is asked for; until then it can be offered elsewhere.
    Stream(Arc<Untouched>),
}

/// The body for one exchange.
pub(super) enum Outgoing {
    Inline(Bytes),
    Stream(Arc<Untouched>),
}

impl Attempt {
    pub(super) fn new(call: OutgoingCall) -> Self {
        let OutgoingCall {
            id,
            source,
            target,
            link,
            interface,
            function,
            deadline,
            trace,
            head,
            body,
        } = call;
        let body = match settle(body, size::SETTLE_MAX) {
            Body::Empty => Source::Bytes(Bytes::new()),
            Body::Inline(bytes) => Source::Bytes(bytes),
            Body::Stream(chunks) => Source::Stream(Arc::new(Mutex::new(Some(chunks)))),
        };
        Self {
            id,
            route: CallRoute::new(source, target, link, interface, function),
            deadline,
            trace,
            head,
            body,
        }
    }

    /// What is left until the deadline; a fault when that is nothing.
    pub(super) fn remaining(&self) -> Result<Duration, Fault> {
        super::remaining(self.deadline)
    }

    /// The body for the next exchange, inline if it is at most `room` bytes.
    pub(super) fn outgoing(&self, room: usize) -> Outgoing {
        match &self.body {
            Source::Bytes(bytes) if bytes.len() <= room => Outgoing::Inline(bytes.clone()),
            Source::Bytes(bytes) => {
                let chunks: ByteStream = Box::pin(stream::iter([Ok(bytes.clone())]));
                Outgoing::Stream(Arc::new(Mutex::new(Some(chunks))))
            }
            Source::Stream(chunks) => Outgoing::Stream(chunks.clone()),
        }
    }

    /// Whether all of the body is still there, so that the call can be made again.
    pub(super) fn is_whole(&self) -> bool {
        match &self.body {
            Source::Bytes(_) => true,
            Source::Stream(chunks) => chunks.lock().is_some(),
        }
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Stream(_) => f.write_str("stream"),
        }
    }
}
