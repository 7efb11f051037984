//! What one host's runtime says to another's. No link grants it: that both are enrolled as hosts does.

use std::time::Instant;

use bytes::Bytes;
use lattice_core::{MemberId, Verb};
use lattice_telemetry::SpanRef;

use crate::Body;

/// Something to ask of a host.
#[derive(Debug)]
pub struct HostAsk {
    /// What is asked.
    pub verb: Verb,
    /// When the answer stops being of use.
    pub deadline: Instant,
    /// The span that it is asked in.
    pub trace: Option<SpanRef>,
    /// Whatever the two ends agree on besides the body. Travels in one message.
    pub head: Bytes,
    /// The bulk. Streamed when it does not fit in the message.
    pub body: Body,
}

/// Something that another host asks of this one.
#[derive(Debug)]
pub struct IncomingAsk {
    /// The host that asks, proved by its session and its token.
    pub origin: MemberId,
    /// What is asked.
    pub verb: Verb,
    /// When the answer stops being of use. The receiver is dropped then.
    pub deadline: Instant,
    /// The span of the question here.
    pub trace: Option<SpanRef>,
    /// See [`HostAsk::head`].
    pub head: Bytes,
    /// See [`HostAsk::body`].
    pub body: Body,
}
