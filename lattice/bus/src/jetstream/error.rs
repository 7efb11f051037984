//! What can go wrong with shared state.

use crate::RequestError;

/// An operation on a bucket, object store or lease that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The NATS system did not answer; see [`outcome_unknown`](Self::outcome_unknown).
    #[error("JetStream did not answer{}", hint(.0))]
    Request(#[source] RequestError),
    /// JetStream answered with an error.
    #[error("JetStream refuses: {description} (code {code})")]
    Refused {
        /// The stable error code of the JetStream API.
        code: u32,
        /// The server's words.
        description: String,
    },
    /// The answer is not one we understand.
    #[error("JetStream answered something unexpected")]
    Unexpected(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The name of a bucket or object store that cannot be one.
    #[error("`{0}` cannot be the name of a bucket: letters, digits, `-` and `_` only")]
    BadName(String),
    /// A key that cannot be one.
    #[error("`{0}` cannot be a key: letters, digits and `-/_=.` only, no dot at either end")]
    BadKey(String),
    /// A reader fell behind or lost its place.
    #[error("reading was interrupted: {0}")]
    Interrupted(&'static str),
}

impl StateError {
    /// Says whether the operation may have been done although it failed.
    pub fn outcome_unknown(&self) -> bool {
        match self {
            Self::Request(err) => err.was_sent(),
            Self::Unexpected(_) => true,
            Self::Refused { .. } | Self::BadName(_) | Self::BadKey(_) | Self::Interrupted(_) => false,
        }
    }

    /// Returns JetStream's own error code, when it is one of its errors.
    pub fn code(&self) -> Option<u32> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Says whether the state cannot be reached now, rather than being refused.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Request(err) if !matches!(err, RequestError::Publish(_) | RequestError::Denied { .. }))
    }

    pub(crate) fn unexpected(err: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unexpected(err.into())
    }
}

fn hint(err: &RequestError) -> &'static str {
    match err {
        RequestError::NoResponders { .. } => {
            "; is it enabled (`jetstream {}` in the server's configuration, and for this account)?"
        }
        _ => "",
    }
}

/// Error codes of the JetStream API.
pub(crate) mod code {
    pub(crate) const NO_SUITABLE_PEERS: u32 = 10005;
    pub(crate) const TEMPORARILY_UNAVAILABLE: u32 = 10008;
    pub(crate) const INSUFFICIENT_RESOURCES: u32 = 10023;
    pub(crate) const MESSAGE_NOT_FOUND: u32 = 10037;
    pub(crate) const STREAM_NAME_IN_USE: u32 = 10058;
    pub(crate) const STREAM_NOT_FOUND: u32 = 10059;
    pub(crate) const WRONG_LAST_SEQUENCE: u32 = 10071;
    pub(crate) const REPLICAS_NOT_SUPPORTED: u32 = 10074;
    pub(crate) const DUPLICATE_IN_PROCESS: u32 = 10158;
    /// The same as 10071, from servers that do not put numbers into the text.
    pub(crate) const WRONG_LAST_SEQUENCE_CONSTANT: u32 = 10164;
}
