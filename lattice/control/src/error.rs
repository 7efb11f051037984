//! The error that crosses the wire: what failed, why, and what to do about it.

use serde::{Deserialize, Serialize};

/// What kind of failure a command met. Exit codes and retries hang on this, never on the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// The named host, actor, provider, link or artifact does not exist.
    NotFound,
    /// The command is not allowed, or what it names failed verification.
    Denied,
    /// The command makes no sense as asked: bad arguments, an unmet import, an impossible limit.
    Invalid,
    /// The state changed underneath, or something by that name already exists and differs.
    Conflict,
    /// The work did not finish in its time.
    Timeout,
    /// The peer is not there, or fell silent while working: the outcome is unknown.
    Unreachable,
    /// The peer has no room for this now.
    Overloaded,
    /// The guest failed: a trap, a limit.
    Guest,
    /// This member does not do that (a stand-alone provider starts no actors).
    Unsupported,
    /// Our own fault. Also what a kind from a newer version reads as.
    #[serde(other)]
    Internal,
}

impl ErrorKind {
    /// The word for it, which does not change: the `error.type` of traces.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::Denied => "denied",
            Self::Invalid => "invalid",
            Self::Conflict => "conflict",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Overloaded => "overloaded",
            Self::Guest => "guest",
            Self::Unsupported => "unsupported",
            Self::Internal => "internal",
        }
    }
}

/// A failure, told so that a person can act on it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ControlError {
    /// What kind of failure this is.
    pub kind: ErrorKind,
    /// What failed and why; lower case, no full stop, names the thing.
    pub message: String,
    /// What to do about it, when we know: often a command to type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl ControlError {
    /// Builds an error of the given kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            help: None,
        }
    }

    /// Adds what the reader can do about it.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Builds a "does not exist" error.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// Builds a "not allowed" error.
    pub fn denied(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Denied, message)
    }

    /// Builds a "makes no sense" error.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// Builds an error for our own faults.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// Builds an error for a verb that this member does not serve.
    pub fn unsupported(verb: &str) -> Self {
        Self::new(ErrorKind::Unsupported, format!("this member does not serve `{verb}`"))
            .with_help("send it to a host: `lattice get hosts` lists them")
    }
}
