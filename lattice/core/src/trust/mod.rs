//! Whom a lattice believes: the trust bundle, signed by an operator, names issuers, what each may sign, and what is revoked.

mod ask;
mod bundle;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::ask::{Ask, Freshness, Provenance};
pub use self::bundle::{ImagePolicy, Issuer, Role, TrustBundle};
use crate::id::{Digest, IssuerId, LatticeId, OperatorId};
use crate::link::LinkId;
use crate::refusal::Refusal;
use crate::time::{CLOCK_SKEW, UnixSeconds};
use crate::token::{Body, Claims, TokenError, Unverified};

/// What a lattice believes now, and what it believed last: a lower serial is never accepted again.
#[derive(Clone, Debug)]
pub struct Trust {
    lattice: LatticeId,
    operators: BTreeSet<OperatorId>,
    mark: Option<TrustMark>,
    current: Option<Accepted>,
}

/// The highest bundle accepted so far; keep it on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustMark {
    /// Its serial.
    pub serial: u64,
    /// The digest of its token.
    pub digest: Digest,
}

#[derive(Clone, Debug)]
struct Accepted {
    bundle: TrustBundle,
    expires_at: UnixSeconds,
    token: Arc<str>,
}

/// Why a trust bundle was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustRefusal {
    /// It is no trust bundle, has the wrong signature, time or lattice.
    #[error(transparent)]
    Token(#[from] Refusal),
    /// Signed by an operator this member was not told to believe.
    #[error("the operator {0} is not one of the trusted operators of this member")]
    UnknownOperator(OperatorId),
    /// A later one was accepted before.
    #[error("the trust bundle has serial {got}, {have} was accepted before")]
    OlderSerial {
        /// The highest so far.
        have: u64,
        /// The bundle's.
        got: u64,
    },
    /// Another bundle with the same serial was accepted before.
    #[error("another trust bundle with serial {serial} was accepted before")]
    SameSerialDiffers {
        /// The serial of both.
        serial: u64,
    },
}

impl From<TokenError> for TrustRefusal {
    fn from(error: TokenError) -> Self {
        Self::Token(error.into())
    }
}

/// What came of a trust bundle that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The same bundle as before.
    Unchanged,
    /// A new one. Save [`Trust::mark`] and the token, then recheck everything that rests on trust.
    Changed {
        /// Its serial.
        serial: u64,
    },
}

impl Trust {
    /// Believes bundles for `lattice` signed by one of `operators`; until one is accepted, nothing is authorized.
    pub fn new(lattice: LatticeId, operators: impl IntoIterator<Item = OperatorId>) -> Self {
        Self {
            lattice,
            operators: operators.into_iter().collect(),
            mark: None,
            current: None,
        }
    }

    /// Goes on from a mark on disk: lower serials stay refused after a restart.
    #[must_use]
    pub fn resume(mut self, mark: Option<TrustMark>) -> Self {
        self.mark = mark;
        self
    }

    /// The lattice this is about.
    pub fn lattice(&self) -> &LatticeId {
        &self.lattice
    }

    /// The mark to keep on disk.
    pub fn mark(&self) -> Option<TrustMark> {
        self.mark
    }

    /// The bundle in force.
    pub fn bundle(&self) -> Option<&TrustBundle> {
        self.current.as_ref().map(|accepted| &accepted.bundle)
    }

    /// The token of the bundle in force, to keep on disk.
    pub fn token(&self) -> Option<&Arc<str>> {
        self.current.as_ref().map(|accepted| &accepted.token)
    }

    /// The serial of the bundle in force.
    pub fn serial(&self) -> Option<u64> {
        self.bundle().map(|bundle| bundle.serial)
    }

    /// When the bundle in force ends.
    pub fn expires_at(&self) -> Option<UnixSeconds> {
        self.current.as_ref().map(|accepted| accepted.expires_at)
    }

    /// What the bundle in force demands of components. Without a bundle, what every lattice demands that says nothing.
    pub fn image_policy(&self) -> ImagePolicy {
        self.bundle().map(|bundle| bundle.images).unwrap_or_default()
    }

    /// Accepts a bundle, or keeps what is in force and says why not.
    ///
    /// A bundle that was accepted once is accepted again after a restart even if it expired meanwhile: a member that is offline
    /// goes on with what it knew, and [`Trust::authorize`] refuses everything new.
    pub fn admit(&mut self, token: &str, now: UnixSeconds) -> Result<Admission, TrustRefusal> {
        let unverified = Unverified::parse(token)?;
        let claims = unverified.claims::<TrustBundle>()?;
        if !self.operators.contains(&claims.issuer) {
            return Err(TrustRefusal::UnknownOperator(claims.issuer));
        }
        let claims = unverified.verify_claims(claims)?.into_claims();
        let mark = TrustMark {
            serial: claims.body.serial,
            digest: Digest::of(token.as_bytes()),
        };
        let known = self.mark == Some(mark);
        match self.check_frame(&claims, now) {
            Err(Refusal::Expired { .. }) if known => {}
            checked => checked?,
        }
        match self.mark {
            Some(have) if mark.serial < have.serial => {
                return Err(TrustRefusal::OlderSerial {
                    have: have.serial,
                    got: mark.serial,
                });
            }
            Some(have) if mark.serial == have.serial && mark.digest != have.digest => {
                return Err(TrustRefusal::SameSerialDiffers { serial: mark.serial });
            }
            Some(_) if known && self.current.is_some() => return Ok(Admission::Unchanged),
            _ => {}
        }
        self.mark = Some(mark);
        self.current = Some(Accepted {
            bundle: claims.body,
            expires_at: claims.expires_at,
            token: unverified.token().clone(),
        });
        Ok(Admission::Changed { serial: mark.serial })
    }

    /// Whether `issuer` may say what is asked. Returns until when it may.
    pub fn authorize(
        &self,
        issuer: &IssuerId,
        ask: &Ask<'_>,
        provenance: &Provenance<'_>,
        now: UnixSeconds,
        freshness: Freshness,
    ) -> Result<UnixSeconds, Refusal> {
        let accepted = self.current.as_ref().ok_or(Refusal::NoTrust)?;
        if freshness == Freshness::Required && now > accepted.expires_at.after(CLOCK_SKEW) {
            return Err(Refusal::TrustExpired {
                at: accepted.expires_at,
            });
        }
        let until = accepted.bundle.permission(issuer, ask, now)?;
        accepted.bundle.check_revoked(issuer, provenance)?;
        Ok(until)
    }

    /// The lowest generation of a link that may be believed.
    pub fn minimum_generation(&self, link: &LinkId) -> u64 {
        self.bundle()
            .and_then(|bundle| bundle.minimum_generations.get(link))
            .copied()
            .unwrap_or(0)
    }

    /// Checks what every token has: the lattice and the times.
    pub(crate) fn check_frame<B: Body>(&self, claims: &Claims<B>, now: UnixSeconds) -> Result<(), Refusal> {
        if claims.lattice != self.lattice {
            return Err(Refusal::WrongAudience {
                expected: self.lattice.to_string(),
                got: claims.lattice.to_string(),
            });
        }
        // A token issued in the future would outlive a `revoked_before` of today.
        let from = claims
            .not_before
            .map_or(claims.issued_at, |begin| begin.max(claims.issued_at));
        if from > now.after(CLOCK_SKEW) {
            return Err(Refusal::NotYetValid { from, now });
        }
        if now > claims.expires_at.after(CLOCK_SKEW) {
            return Err(Refusal::Expired {
                at: claims.expires_at,
                now,
            });
        }
        Ok(())
    }
}
