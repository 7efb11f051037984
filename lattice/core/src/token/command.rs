//! Tokens that order something: signed by an issuer with the role `control`, bound to verb, target and body, good for a minute,
//! and good once.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::claims::{Body, Draft, SignError, Validity, sign};
use super::unverified::{TokenError, Unverified};
use crate::id::{Digest, IssuerId, LatticeId, MemberId, ParseIdError, Verb};
use crate::refusal::Refusal;
use crate::time::{CLOCK_SKEW, UnixSeconds};
use crate::trust::{Ask, Freshness, Provenance, Trust};

/// How long a command counts.
pub const COMMAND_LIFETIME: Duration = Duration::from_secs(30);

/// The longest life of a command that is accepted. It bounds how long ids have to be remembered.
pub const COMMAND_LIFETIME_MAX: Duration = Duration::from_secs(60);

/// Orders `target` to do `verb` with one certain body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandClaims {
    /// What to do.
    pub verb: Verb,
    /// Who is to do it.
    pub target: CommandTarget,
    /// The digest of the request's body.
    pub body: Digest,
    /// Keeps two equal commands within one second apart.
    pub nonce: Uuid,
}

impl Body for CommandClaims {
    const KIND: &'static str = "cmd";
    type Issuer = IssuerId;
}

impl CommandClaims {
    /// A command with this body, from `now` for [`COMMAND_LIFETIME`].
    pub fn sign(self, key: &nkeys::KeyPair, lattice: LatticeId, now: UnixSeconds) -> Result<String, SignError> {
        let subject = format!("cmd:{}:{}", self.target, self.verb);
        sign(
            key,
            &Draft {
                subject,
                lattice,
                validity: Validity::lasting(now, COMMAND_LIFETIME),
                body: self,
            },
        )
    }
}

/// Who a command is for. Written `any`, `all` or the member's key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum CommandTarget {
    /// Whichever host takes it.
    Any,
    /// Every member.
    All,
    /// One member.
    Member(MemberId),
}

/// A command that may be carried out, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedCommand {
    /// Who ordered it.
    pub issuer: IssuerId,
    /// The id of the token; give it to [`ReplayGuard::admit`].
    pub token_id: String,
    /// Until when the id has to be remembered.
    pub remember_until: UnixSeconds,
}

/// Checks that `token` orders exactly this: `verb`, with `body`, of `target`.
pub fn verify_command(
    token: &str,
    verb: &Verb,
    target: &CommandTarget,
    body: &[u8],
    trust: &Trust,
    now: UnixSeconds,
) -> Result<VerifiedCommand, Refusal> {
    let unverified = Unverified::parse(token)?;
    let claims = unverified.claims::<CommandClaims>()?;
    trust.check_frame(&claims, now)?;
    if claims.expires_at > claims.issued_at.after(COMMAND_LIFETIME_MAX) {
        return Err(TokenError::Malformed("a command may not last longer than a minute".to_owned()).into());
    }
    if claims.body.verb != *verb || claims.body.target != *target {
        let ordered = format!("{} of {}", claims.body.verb, claims.body.target);
        return Err(Refusal::OtherCommand {
            ordered,
            asked: format!("{verb} of {target}"),
        });
    }
    if claims.body.body != Digest::of(body) {
        return Err(Refusal::OtherBody);
    }
    let provenance = Provenance {
        issued_at: claims.issued_at,
        token_id: &claims.id,
        subject: &claims.subject,
    };
    // A stale bundle still lets an operator act on an edge that is offline; a removed key is gone from it all the same.
    trust.authorize(
        &claims.issuer,
        &Ask::Command { verb },
        &provenance,
        now,
        Freshness::MayBeStale,
    )?;
    let claims = unverified.verify_claims(claims)?.into_claims();
    Ok(VerifiedCommand {
        issuer: claims.issuer,
        token_id: claims.id,
        remember_until: claims.expires_at.after(CLOCK_SKEW),
    })
}

/// Remembers the ids of commands that were carried out, for as long as they would still be accepted.
#[derive(Debug)]
pub struct ReplayGuard {
    seen: HashMap<String, UnixSeconds>,
    capacity: usize,
}

/// A command that will not be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Replayed {
    /// It was carried out before.
    #[error("this command was carried out already; sign a new one")]
    Before,
    /// More commands within two minutes than can be remembered.
    #[error("too many commands at a time; try again in a minute")]
    Full,
}

impl ReplayGuard {
    /// Remembers `capacity` ids at a time. When full, new commands are refused rather than old ones forgotten.
    pub fn new(capacity: usize) -> Self {
        Self {
            seen: HashMap::new(),
            capacity,
        }
    }

    /// Admits a command the first time.
    pub fn admit(&mut self, command: &VerifiedCommand, now: UnixSeconds) -> Result<(), Replayed> {
        if self.seen.contains_key(&command.token_id) {
            return Err(Replayed::Before);
        }
        if self.seen.len() >= self.capacity {
            self.seen.retain(|_, until| *until >= now);
        }
        if self.seen.len() >= self.capacity {
            return Err(Replayed::Full);
        }
        self.seen.insert(command.token_id.clone(), command.remember_until);
        Ok(())
    }
}

impl Default for ReplayGuard {
    /// Some five hundred commands a second.
    fn default() -> Self {
        Self::new(65_536)
    }
}

impl From<MemberId> for CommandTarget {
    fn from(member: MemberId) -> Self {
        Self::Member(member)
    }
}

impl FromStr for CommandTarget {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "any" => Ok(Self::Any),
            "all" => Ok(Self::All),
            member => member.parse().map(Self::Member),
        }
    }
}

impl TryFrom<String> for CommandTarget {
    type Error = ParseIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<CommandTarget> for String {
    fn from(target: CommandTarget) -> String {
        target.to_string()
    }
}

impl fmt::Display for CommandTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::All => f.write_str("all"),
            Self::Member(member) => f.write_str(member.as_str()),
        }
    }
}
