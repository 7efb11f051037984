//! A call that may have to be made more than once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{StreamExt, stream};
use lattice_core::{Fault, InvocationId};
use parking_lot::Mutex;

use crate::stream::{Untouched, settle};
use crate::wire::Aim;
use crate::{Body, ByteStream, TraceContext, size};

/// A call, and what is left of its body.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) id: InvocationId,
    pub(super) aim: Aim,
    pub(super) deadline: Instant,
    pub(super) trace: Option<TraceContext>,
    pub(super) head: Bytes,
    pub(super) body: Source,
}

/// The body of a call.
#[derive(Clone)]
pub(super) enum Source {
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

impl Source {
    pub(super) fn new(body: Body) -> Self {
        match settle(body, size::SETTLE_MAX) {
            Body::Empty => Self::Bytes(Bytes::new()),
            Body::Inline(bytes) => Self::Bytes(bytes),
            Body::Stream(chunks) => Self::Stream(Arc::new(Mutex::new(Some(chunks)))),
        }
    }
}

impl Attempt {
    /// The same once more, to be known by another id.
    pub(super) fn again(&self, id: InvocationId, aim: Aim) -> Self {
        Self {
            id,
            aim,
            deadline: self.deadline,
            trace: self.trace.clone(),
            head: self.head.clone(),
            body: self.body.clone(),
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

    /// Whether the body can be sent any number of times, also side by side.
    pub(super) fn is_repeatable(&self) -> bool {
        matches!(self.body, Source::Bytes(_))
    }

    /// The body for a receiver on this member. It stays whole until its reader asks for it.
    pub(super) fn body(&self) -> Body {
        match &self.body {
            Source::Bytes(bytes) => bytes.clone().into(),
            Source::Stream(chunks) => {
                let chunks = chunks.clone();
                Body::stream(stream::once(async move { take(&chunks) }).flatten())
            }
        }
    }
}

fn take(chunks: &Untouched) -> ByteStream {
    let taken = chunks.lock().take();
    taken.unwrap_or_else(|| Box::pin(stream::iter([Err(Fault::internal("the body was read already"))])))
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Stream(_) => f.write_str("stream"),
        }
    }
}
