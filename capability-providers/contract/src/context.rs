//! What travels with every call: who asks, by which link, until when.

use std::time::{Duration, Instant};

use lattice_core::{InvocationId, LinkId, Party};

use crate::SpanRef;

/// Says who makes a call, on which grant, and how long it may take. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CallContext {
    /// When the answer stops being of use. Set once by the first caller and passed down.
    pub deadline: Instant,
    /// The actor (or provider) that makes the call.
    pub source: Party,
    /// The link that grants it.
    pub link: LinkId,
    /// The invocation this call is part of.
    pub invocation: InvocationId,
    /// The trace to continue, if the caller is being traced.
    pub trace: Option<SpanRef>,
}

impl CallContext {
    /// Returns the time left until the deadline, zero when it has passed.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}
