//! Publishing and asking: what can go wrong.

use std::time::Duration;

/// A message that was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The subject cannot be published to.
    #[error("`{subject}` is not a subject that can be published to")]
    BadSubject {
        /// The subject.
        subject: String,
    },
    /// Larger than the server takes.
    #[error("a message of {size} bytes to `{subject}` is larger than the {max} bytes this NATS server takes")]
    TooLarge {
        /// The subject.
        subject: String,
        /// The message's size, headers included.
        size: usize,
        /// The server's limit.
        max: usize,
    },
    /// We hung up, or the client is being replaced.
    #[error("not connected to NATS")]
    Disconnected,
}

/// A request without an answer. What matters to the caller is whether somebody may have acted on it: see
/// [`was_sent`](Self::was_sent).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The server says that nobody listens there.
    #[error("nobody listens on `{subject}`")]
    NoResponders {
        /// The subject.
        subject: String,
    },
    /// No answer in time; somebody may have got the request.
    #[error("no answer from `{subject}` within {} ms", after.as_millis())]
    TimedOut {
        /// The subject.
        subject: String,
        /// How long we waited.
        after: Duration,
    },
    /// The server does not let us publish there.
    #[error("these NATS credentials may not publish to `{subject}`")]
    Denied {
        /// The subject.
        subject: String,
    },
    /// The server does not let us receive answers. The request may have got there all the same.
    #[error("these NATS credentials may not receive answers on `{inbox}`; set an inbox prefix that they cover")]
    NoInbox {
        /// Where answers would come in.
        inbox: String,
    },
    /// There was no connection in time, so nothing was sent.
    #[error("not connected to NATS")]
    Disconnected,
    /// The request could not be sent.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The connection's task stopped while we waited; somebody may have got the request.
    #[error("the connection to NATS was closed while waiting for an answer from `{subject}`")]
    Interrupted {
        /// The subject.
        subject: String,
    },
}

impl RequestError {
    /// Says whether anybody may have got the request. When not, asking again or elsewhere is safe.
    pub fn was_sent(&self) -> bool {
        match self {
            Self::TimedOut { .. } | Self::Interrupted { .. } | Self::NoInbox { .. } => true,
            Self::NoResponders { .. } | Self::Denied { .. } | Self::Disconnected | Self::Publish(_) => false,
        }
    }
}

/// A subscription that could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The subject or queue group cannot be subscribed to.
    #[error("`{subject}` is not a subject, or its queue group not a name, that can be subscribed to")]
    BadSubject {
        /// The subject.
        subject: String,
    },
    /// We hung up.
    #[error("not connected to NATS")]
    Disconnected,
}
