//! A revision: one state of an application that somebody with the role `control` signed, and everything it takes to get there.
//!
//! It carries the tokens of its links, and those that would bring the revision before it back. So one write decides all of it, whoever
//! leads can put the links in force again when somebody takes them away, and can roll back without a key that signs links.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Application, Flaw, check};
use crate::id::{ActorName, AppName, Digest, IssuerId, LatticeId, ProviderName, Verb};
use crate::link::LinkId;
use crate::refusal::Refusal;
use crate::time::UnixSeconds;
use crate::token::{Body, Draft, SignError, Unverified, Validity, sign};
use crate::trust::{Ask, Freshness, Provenance, Trust};

/// How long a revision counts. It says what somebody wanted, and that does not wear off; a key that is no longer trusted ends it sooner.
pub const APP_LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// The largest revision that is stored or read: what fits in one message of a NATS server with its own defaults.
pub const REVISION_BYTES_MAX: usize = 1_000_000;

/// The claims of an `app` token; its subject is `app:<name>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppClaims {
    /// Grows with every change of the application.
    pub revision: u64,
    /// The digest of the revision's body.
    pub body: Digest,
}

impl Body for AppClaims {
    const KIND: &'static str = "app";
    type Issuer = IssuerId;
}

/// One state of an application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revision {
    /// Which one.
    pub number: u64,
    /// What shall run.
    pub application: Application,
    /// The token of each of its links, in their order.
    #[serde(default)]
    pub links: Vec<String>,
    /// Tombstones of links that it does not have any more, to be put in force once nobody needs those links.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unlinks: Vec<String>,
    /// Providers that it had once and has not now. Those that no application declares are stopped.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub withdrawn: BTreeSet<ProviderName>,
    /// Generations that were signed for its links once and stand in no token here: the next begins after them, so that no generation is
    /// ever signed twice.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub spent: BTreeMap<LinkId, u64>,
    /// What to go back to when this one does not become ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Box<Fallback>>,
    /// Why it was written.
    pub cause: Cause,
}

/// The revision before, ready to be put in force again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fallback {
    /// Which one it was.
    pub number: u64,
    /// What ran then.
    pub application: Application,
    /// Its links, signed in a generation above those of the revision that carries this.
    pub links: Vec<String>,
    /// Tombstones, in such a generation too, of the links it did not have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unlinks: Vec<String>,
}

/// Why a revision was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Cause {
    /// Somebody applied a manifest.
    Applied,
    /// Somebody changed the number of an actor's replicas.
    Scaled {
        /// Whose.
        actor: ActorName,
    },
    /// Somebody moved an actor.
    Moved {
        /// Which.
        actor: ActorName,
    },
    /// Somebody asked for an earlier revision.
    RolledBack {
        /// Which.
        to: u64,
    },
    /// A revision did not become ready, and the controller went back.
    Failed {
        /// Which one failed.
        revision: u64,
        /// To which it went back.
        to: u64,
        /// What did not become ready, and why.
        reason: String,
    },
    /// Somebody deleted the application.
    Deleted,
}

/// A revision as it is stored: its token, a line break, its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRevision {
    /// Who says so.
    pub token: String,
    /// What, as JSON: the very bytes that were signed.
    pub body: Bytes,
}

/// A revision that somebody signed who may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedRevision {
    /// What it says.
    pub revision: Revision,
    /// Who signed it.
    pub issuer: IssuerId,
    /// When.
    pub issued_at: UnixSeconds,
}

/// Why a stored revision is not believed, or cannot be stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RevisionError {
    /// It is longer than [`REVISION_BYTES_MAX`].
    #[error("the application takes {0} bytes with its links, {REVISION_BYTES_MAX} are the most: split it")]
    TooLarge(usize),
    /// It cannot be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// Its token is not good.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It is not a revision, or not the one its token is for.
    #[error("the stored application is not what its token promises: {0}")]
    Malformed(String),
    /// It is one no reader may act on.
    #[error("{0}")]
    Flawed(Flaw),
}

impl Revision {
    /// Signs the revision.
    ///
    /// # Errors
    /// When it is too large, or the key cannot sign it.
    pub fn sign(
        &self,
        key: &nkeys::KeyPair,
        lattice: &LatticeId,
        now: UnixSeconds,
    ) -> Result<StoredRevision, RevisionError> {
        let body = serde_json::to_vec(self).map_err(|error| RevisionError::Malformed(error.to_string()))?;
        let claims = AppClaims {
            revision: self.number,
            body: Digest::of(&body),
        };
        let draft = Draft {
            subject: subject(&self.application.name),
            lattice: lattice.clone(),
            validity: Validity::lasting(now, APP_LIFETIME),
            body: claims,
        };
        let stored = StoredRevision {
            token: sign(key, &draft)?,
            body: body.into(),
        };
        match stored.len() {
            ..=REVISION_BYTES_MAX => Ok(stored),
            too_large => Err(RevisionError::TooLarge(too_large)),
        }
    }

    /// Whether it asks for the end of the application.
    pub fn is_deletion(&self) -> bool {
        self.cause == Cause::Deleted
    }

    /// The providers that are withdrawn when `next` takes the place of this.
    pub fn withdrawn_for(&self, next: &Application) -> BTreeSet<ProviderName> {
        let had = self.application.providers.iter().map(|provider| &provider.spec.name);
        let mut withdrawn: BTreeSet<ProviderName> = had.chain(&self.withdrawn).cloned().collect();
        withdrawn.retain(|name| next.provider(name).is_none());
        withdrawn
    }

    /// The revision that takes the place of this one when it does not become ready; none when there is nothing to go back to.
    pub fn roll_back(&self, reason: String) -> Option<Revision> {
        let fallback = self.fallback.as_deref()?;
        Some(Revision {
            number: self.number + 1,
            withdrawn: self.withdrawn_for(&fallback.application),
            application: fallback.application.clone(),
            links: fallback.links.clone(),
            unlinks: fallback.unlinks.clone(),
            spent: self.spent.clone(),
            fallback: None,
            cause: Cause::Failed {
                revision: self.number,
                to: fallback.number,
                reason,
            },
        })
    }
}

impl StoredRevision {
    /// How many bytes it takes.
    fn len(&self) -> usize {
        self.token.len() + 1 + self.body.len()
    }

    /// The bytes as they are stored.
    pub fn encode(&self) -> Vec<u8> {
        [self.token.as_bytes(), b"\n", &self.body].concat()
    }

    /// Takes the bytes apart. Nothing is verified.
    ///
    /// # Errors
    /// When they are too many, or not text and a body.
    pub fn decode(bytes: &Bytes) -> Result<Self, RevisionError> {
        if bytes.len() > REVISION_BYTES_MAX {
            return Err(RevisionError::TooLarge(bytes.len()));
        }
        let malformed = || RevisionError::Malformed("it has no token".to_owned());
        let end = bytes.iter().position(|byte| *byte == b'\n').ok_or_else(malformed)?;
        let token = std::str::from_utf8(&bytes[..end]).map_err(|_| malformed())?;
        Ok(Self {
            token: token.to_owned(),
            body: bytes.slice(end + 1..),
        })
    }

    /// Checks that somebody who may has signed this for the application `name`.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn verify(&self, name: &AppName, trust: &Trust, now: UnixSeconds) -> Result<VerifiedRevision, RevisionError> {
        let unverified = Unverified::parse(&self.token).map_err(Refusal::from)?;
        let claims = unverified.claims::<AppClaims>().map_err(Refusal::from)?;
        trust.check_frame(&claims, now)?;
        if claims.subject != subject(name) {
            return Err(RevisionError::Malformed(format!("it is about {}", claims.subject)));
        }
        let provenance = Provenance {
            issued_at: claims.issued_at,
            token_id: &claims.id,
            subject: &claims.subject,
        };
        trust.authorize(
            &claims.issuer,
            &Ask::Command { verb: &put_verb() },
            &provenance,
            now,
            Freshness::MayBeStale,
        )?;
        let claims = unverified.verify_claims(claims).map_err(Refusal::from)?.into_claims();
        if Digest::of(&self.body) != claims.body.body {
            return Err(RevisionError::Malformed("its body is another".to_owned()));
        }
        let revision: Revision =
            serde_json::from_slice(&self.body).map_err(|error| RevisionError::Malformed(error.to_string()))?;
        if revision.number != claims.body.revision || revision.application.name != *name {
            return Err(RevisionError::Malformed(
                "its body is that of another revision".to_owned(),
            ));
        }
        if let Some(flaw) = check(&revision.application, trust.lattice()).into_iter().next() {
            return Err(RevisionError::Flawed(flaw));
        }
        Ok(VerifiedRevision {
            revision,
            issuer: claims.issuer,
            issued_at: claims.issued_at,
        })
    }
}

fn subject(name: &AppName) -> String {
    format!("app:{name}")
}

/// What the scope of an issuer must allow for it to sign revisions.
fn put_verb() -> Verb {
    "app-put".parse().expect("a subject token")
}
