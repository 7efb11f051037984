//! Why a token was not accepted.

use crate::id::Digest;
use crate::link::LinkId;
use crate::time::UnixSeconds;
use crate::token::TokenError;
use crate::trust::Role;

/// Why a token was not accepted. Shown by `lattice get links -o wide`, in logs and in events.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It is no token of the right kind, or its signature does not hold.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// No trust bundle was accepted yet.
    #[error("no trust bundle has been accepted yet")]
    NoTrust,
    /// The trust bundle has expired, and this token was not accepted before it did.
    #[error("the trust bundle expired at {at}; nothing new is accepted until the operator signs another")]
    TrustExpired {
        /// When.
        at: UnixSeconds,
    },
    /// The bundle does not name its issuer.
    #[error("the trust bundle does not name the issuer {issuer}")]
    UnknownIssuer {
        /// The key.
        issuer: String,
    },
    /// The issuer has other roles.
    #[error("the issuer {issuer} does not have the role `{role}`")]
    RoleMissing {
        /// The key.
        issuer: String,
        /// The role it would need.
        role: Role,
    },
    /// The issuer's time has not come or is over.
    #[error("the issuer {issuer} may not sign at this time")]
    IssuerNotInForce {
        /// The key.
        issuer: String,
    },
    /// The issuer has the role, for other things.
    #[error("{what} is outside what the issuer {issuer} may sign for")]
    OutOfScope {
        /// The key.
        issuer: String,
        /// What it signed for.
        what: String,
    },
    /// It was revoked, alone or with all of its issuer's older tokens.
    #[error("the token was revoked by the trust bundle: {why}")]
    Revoked {
        /// By which entry.
        why: String,
    },
    /// It is for another lattice.
    #[error("the token is for lattice `{got}`, this is `{expected}`")]
    WrongAudience {
        /// This lattice.
        expected: String,
        /// The token's.
        got: String,
    },
    /// It is over.
    #[error("the token expired at {at}; it is {now} now")]
    Expired {
        /// When it ended.
        at: UnixSeconds,
        /// The time of the check.
        now: UnixSeconds,
    },
    /// It has not begun, or was issued in the future.
    #[error("the token counts only from {from}; it is {now} now")]
    NotYetValid {
        /// When it begins.
        from: UnixSeconds,
        /// The time of the check.
        now: UnixSeconds,
    },
    /// Its subject and its fields name different links.
    #[error("the token is about `{subject}` but describes `{described}`")]
    SubjectMismatch {
        /// The subject.
        subject: String,
        /// What the fields add up to.
        described: LinkId,
    },
    /// It lies under the key of another link.
    #[error("the token is stored under the key `{key}`, its link belongs under `{expected}`")]
    KeyMismatch {
        /// Where it lies.
        key: String,
        /// Where it belongs.
        expected: String,
    },
    /// A later one was accepted before.
    #[error("generation {got} is older than {have}, which was accepted before")]
    OlderGeneration {
        /// The highest accepted so far.
        have: u64,
        /// The token's.
        got: u64,
    },
    /// Another token of the same generation was accepted before.
    #[error("another token of generation {generation} was accepted before; sign it again with a higher one")]
    SameGenerationDiffers {
        /// The generation of both.
        generation: u64,
    },
    /// The trust bundle demands a later one.
    #[error("the trust bundle demands generation {minimum} or later, this is {got}")]
    BelowMinimumGeneration {
        /// The bundle's.
        minimum: u64,
        /// The token's.
        got: u64,
    },
    /// The command is for something else than was asked.
    #[error("the command token orders `{ordered}`, the request asks for `{asked}`")]
    OtherCommand {
        /// What was signed.
        ordered: String,
        /// What came with it.
        asked: String,
    },
    /// The token vouches for code of another component.
    #[error("the token vouches for code of the component {got}, code of {asked} was asked for")]
    OtherComponent {
        /// What was asked for.
        asked: Digest,
        /// What it speaks of.
        got: Digest,
    },
    /// The command came with a body that was not the one signed.
    #[error("the command token was signed for another request body")]
    OtherBody,
}

impl Refusal {
    /// The stable word for logs, events and `-o json`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Token(error) => error.code(),
            Self::NoTrust => "no-trust",
            Self::TrustExpired { .. } => "trust-expired",
            Self::UnknownIssuer { .. } => "unknown-issuer",
            Self::RoleMissing { .. } => "role-missing",
            Self::IssuerNotInForce { .. } => "issuer-not-in-force",
            Self::OutOfScope { .. } => "out-of-scope",
            Self::Revoked { .. } => "revoked",
            Self::WrongAudience { .. } => "wrong-audience",
            Self::Expired { .. } => "expired",
            Self::NotYetValid { .. } => "not-yet-valid",
            Self::SubjectMismatch { .. } => "subject-mismatch",
            Self::KeyMismatch { .. } => "key-mismatch",
            Self::OlderGeneration { .. } => "older-generation",
            Self::SameGenerationDiffers { .. } => "same-generation-differs",
            Self::BelowMinimumGeneration { .. } => "below-minimum-generation",
            Self::OtherCommand { .. } => "other-command",
            Self::OtherComponent { .. } => "other-component",
            Self::OtherBody => "other-body",
        }
    }
}
