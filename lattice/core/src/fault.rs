//! Why an invocation failed, and whose fault it was. This is what travels; internal detail goes to the log.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::MemberId;

/// A failed invocation.
///
/// ```
/// use lattice_core::{Blame, Fault, FaultKind};
/// let fault = Fault::new(FaultKind::Overloaded, "actor `hello` serves 8 calls and 8 wait");
/// assert_eq!(fault.blame, Blame::Host);
/// assert!(fault.is_safe_to_retry());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The version of this form. Later ones may add fields, and readers skip what they do not know.
    #[serde(rename = "v")]
    version: u8,
    /// Who has to change something.
    pub blame: Blame,
    /// What happened.
    pub kind: FaultKind,
    /// For people; programs look at the kind.
    pub message: String,
    /// With [`FaultKind::NotHere`]: the member that has it now, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<MemberId>,
}

/// Who has to change something for the call to succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Blame {
    /// Whoever made the call.
    Caller,
    /// The component that was called.
    Guest,
    /// The network between: NATS, a partition, a host that died.
    Lattice,
    /// The provider, or what stands behind it.
    Provider,
    /// The host that ran the call.
    Host,
    /// A newer peer blamed something this version has no word for.
    #[serde(other)]
    Unknown,
}

/// What happened to an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FaultKind {
    /// No such actor, function or route.
    NotFound,
    /// No link grants it, or the receiver's own link table says otherwise.
    Denied,
    /// The arguments do not fit the function.
    BadArguments,
    /// A body, request or response is over its limit.
    TooLarge,
    /// The guest trapped.
    Trap,
    /// The guest wanted more memory than its limit.
    LimitMemory,
    /// The deadline passed first.
    DeadlineExceeded,
    /// The caller went away.
    Cancelled,
    /// The actor serves and queues as many calls as it may. Nothing was run.
    Overloaded,
    /// No member runs the target, or its mailbox is gone. Nothing was run.
    NoResponders,
    /// The target moved away from the member that was asked. Nothing was run.
    NotHere,
    /// The member is stopping and takes nothing new. Nothing was run.
    Draining,
    /// Contact was lost while the call was out: it may or may not have run.
    Unreachable,
    /// The provider, or what stands behind it, failed.
    Backend,
    /// A defect of ours, or a peer that broke the protocol.
    Internal,
    /// A newer peer reported something this version has no word for.
    #[serde(other)]
    Unknown,
}

impl FaultKind {
    /// All kinds, for tables in docs and tests.
    pub const ALL: [FaultKind; 16] = [
        FaultKind::NotFound,
        FaultKind::Denied,
        FaultKind::BadArguments,
        FaultKind::TooLarge,
        FaultKind::Trap,
        FaultKind::LimitMemory,
        FaultKind::DeadlineExceeded,
        FaultKind::Cancelled,
        FaultKind::Overloaded,
        FaultKind::NoResponders,
        FaultKind::NotHere,
        FaultKind::Draining,
        FaultKind::Unreachable,
        FaultKind::Backend,
        FaultKind::Internal,
        FaultKind::Unknown,
    ];

    /// Whether it is certain that nothing was run, so that the same call may be made again elsewhere.
    pub const fn is_safe_to_retry(self) -> bool {
        self.is_redirect() || matches!(self, Self::Overloaded)
    }

    /// Whether it says no more than that the target is not there (any more), so that somebody else is to be asked.
    pub const fn is_redirect(self) -> bool {
        matches!(self, Self::NoResponders | Self::NotHere | Self::Draining)
    }

    /// Who is to blame unless the reporter knows better.
    pub const fn usual_blame(self) -> Blame {
        match self {
            Self::NotFound | Self::Denied | Self::BadArguments | Self::TooLarge | Self::Cancelled => Blame::Caller,
            Self::Trap | Self::LimitMemory | Self::DeadlineExceeded => Blame::Guest,
            Self::NoResponders | Self::NotHere | Self::Unreachable => Blame::Lattice,
            Self::Backend => Blame::Provider,
            Self::Overloaded | Self::Draining | Self::Internal => Blame::Host,
            Self::Unknown => Blame::Unknown,
        }
    }

    /// The HTTP status that tells a web client the same.
    pub const fn http_status(self) -> u16 {
        match self {
            Self::NotFound => 404,
            Self::Denied => 403,
            Self::BadArguments => 400,
            Self::TooLarge => 413,
            // 499 is what proxies log when the client hung up; nobody is there to read it.
            Self::Cancelled => 499,
            Self::Overloaded | Self::NoResponders | Self::NotHere | Self::Draining => 503,
            Self::DeadlineExceeded => 504,
            Self::Unreachable | Self::Backend => 502,
            Self::Trap | Self::LimitMemory | Self::Internal | Self::Unknown => 500,
        }
    }

    /// The stable word for logs, metrics and `-o json`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::Denied => "denied",
            Self::BadArguments => "bad-arguments",
            Self::TooLarge => "too-large",
            Self::Trap => "trap",
            Self::LimitMemory => "limit-memory",
            Self::DeadlineExceeded => "deadline-exceeded",
            Self::Cancelled => "cancelled",
            Self::Overloaded => "overloaded",
            Self::NoResponders => "no-responders",
            Self::NotHere => "not-here",
            Self::Draining => "draining",
            Self::Unreachable => "unreachable",
            Self::Backend => "backend",
            Self::Internal => "internal",
            Self::Unknown => "unknown",
        }
    }
}

impl Fault {
    /// A fault with its usual blame.
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self {
            version: 1,
            blame: kind.usual_blame(),
            kind,
            message: message.into(),
            moved_to: None,
        }
    }

    /// The same fault, blamed on someone else.
    #[must_use]
    pub fn blaming(mut self, blame: Blame) -> Self {
        self.blame = blame;
        self
    }

    /// The target moved away from the member that was asked.
    pub fn not_here(message: impl Into<String>, moved_to: Option<MemberId>) -> Self {
        Self {
            moved_to,
            ..Self::new(FaultKind::NotHere, message)
        }
    }

    /// A defect of ours, or a peer that broke the protocol.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(FaultKind::Internal, message)
    }

    /// No link grants it.
    pub fn denied(message: impl Into<String>) -> Self {
        Self::new(FaultKind::Denied, message)
    }

    /// Whether it is certain that nothing was run, so that the same call may be made again elsewhere.
    pub const fn is_safe_to_retry(&self) -> bool {
        self.kind.is_safe_to_retry()
    }

    /// MessagePack bytes.
    pub fn encode(&self) -> Vec<u8> {
        rmp_serde::to_vec_named(self).expect("a fault is made of strings")
    }

    /// Reads what [`Fault::encode`] wrote. A peer's broken bytes become a fault that says so.
    pub fn decode(bytes: &[u8]) -> Self {
        rmp_serde::from_slice(bytes).unwrap_or_else(|_| Self::internal("the peer reported a fault that cannot be read"))
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Caller => "caller",
            Self::Guest => "guest",
            Self::Lattice => "lattice",
            Self::Provider => "provider",
            Self::Host => "host",
            Self::Unknown => "unknown",
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.kind, self.blame, self.message)
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn travels_as_messagepack_and_json() {
        for kind in FaultKind::ALL {
            let fault = Fault::new(kind, "why");
            assert_eq!(Fault::decode(&fault.encode()), fault);
            let json = serde_json::to_string(&fault).expect("serializes");
            assert!(json.contains(&format!("\"kind\":\"{kind}\"")), "{json}");
            assert_eq!(serde_json::from_str::<Fault>(&json).expect("parses"), fault);
        }
    }

    #[test]
    fn a_newer_peers_words_are_kept_as_unknown() {
        let json = r#"{"v":2,"blame":"moon","kind":"eclipse","message":"dark","since":"noon"}"#;
        let fault: Fault = serde_json::from_str(json).expect("reads what it can");
        assert_eq!((fault.blame, fault.kind), (Blame::Unknown, FaultKind::Unknown));
        assert!(!fault.is_safe_to_retry());
    }

    #[test]
    fn only_what_never_ran_is_safe_to_retry() {
        let safe: Vec<_> = FaultKind::ALL
            .into_iter()
            .filter(|kind| kind.is_safe_to_retry())
            .collect();
        let never_ran = [
            FaultKind::Overloaded,
            FaultKind::NoResponders,
            FaultKind::NotHere,
            FaultKind::Draining,
        ];
        assert_eq!(safe, never_ran);
    }

    #[test]
    fn broken_bytes_become_an_internal_fault() {
        assert_eq!(Fault::decode(b"\xff\x00").kind, FaultKind::Internal);
    }
}
