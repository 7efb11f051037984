//! Progress of a command that is still at work.

use std::sync::Arc;

use lattice_core::{IssuerId, TraceContext};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// One step of a command at work. Also proof of life: a host repeats the last one at least every two seconds.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// What the host is doing, for a person: ``compiling `hello` ``.
    pub message: String,
    /// How much of it is done, when it can be counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<u64>,
    /// Out of how much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
}

impl Progress {
    /// Builds a step that cannot be counted.
    pub fn step(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            done: None,
            total: None,
        }
    }
}

/// Where a handler says how far it is, and from where it knows who wants to hear it. Cheap to clone; a report replaces the one before it.
#[derive(Clone, Debug)]
pub struct ProgressSink {
    latest: Arc<watch::Sender<Progress>>,
    by: Option<IssuerId>,
    trace: Option<TraceContext>,
}

impl ProgressSink {
    /// Builds a sink and the receiver that sees each report.
    pub fn channel() -> (Self, watch::Receiver<Progress>) {
        let (sender, receiver) = watch::channel(Progress::step("accepted"));
        (
            Self {
                latest: Arc::new(sender),
                by: None,
                trace: None,
            },
            receiver,
        )
    }

    /// Builds a sink that nobody reads.
    pub fn ignored() -> Self {
        Self::channel().0
    }

    /// The same sink, for a command that this issuer ordered.
    #[must_use]
    pub fn ordered_by(self, by: Option<IssuerId>) -> Self {
        Self { by, ..self }
    }

    /// Who ordered the command, if it was signed.
    pub fn by(&self) -> Option<&IssuerId> {
        self.by.as_ref()
    }

    /// The same sink, for work that is part of this trace.
    #[must_use]
    pub fn within(self, trace: Option<TraceContext>) -> Self {
        Self { trace, ..self }
    }

    /// What the work is part of, if whoever ordered it said so.
    pub fn trace(&self) -> Option<&TraceContext> {
        self.trace.as_ref()
    }

    /// Says what is being done now.
    pub fn step(&self, message: impl Into<String>) {
        self.report(Progress::step(message));
    }

    /// Says how much is done.
    pub fn report(&self, progress: Progress) {
        self.latest.send_replace(progress);
    }
}
