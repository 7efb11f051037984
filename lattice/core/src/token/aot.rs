//! Tokens that vouch for machine code: signed by an issuer with the role `aot`, bound to the component, to every byte of the code,
//! and to the engine it is for.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::claims::{Body, Draft, SignError, Validity, sign};
use super::unverified::{TokenError, Unverified};
use crate::aot::CodeTarget;
use crate::id::{Digest, IssuerId, LatticeId};
use crate::refusal::Refusal;
use crate::time::UnixSeconds;
use crate::trust::{Ask, Freshness, Provenance, Trust};

/// How long a token for code lasts unless someone says otherwise: an edge that nobody visits starts its actors from it.
pub const AOT_LIFETIME: Duration = Duration::from_secs(365 * 24 * 3600);

/// Says that this code was made of that component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AotClaims {
    /// The component.
    pub component: Digest,
    /// The code.
    pub code: Digest,
    /// The machine it is for.
    pub target: CodeTarget,
    /// How instances of it live.
    pub flavor: CodeFlavor,
    /// The engine it is for, with the revision of its settings, such as `wasmtime-48.1`.
    pub engine: String,
}

/// How instances live that run some code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CodeFlavor {
    /// They serve one call at a time.
    Sequential,
    /// They serve one at a time, and stay.
    Resident,
    /// They serve several at a time.
    Concurrent,
}

impl Body for AotClaims {
    const KIND: &'static str = "aot";
    type Issuer = IssuerId;
}

impl AotClaims {
    /// Vouches for the code.
    ///
    /// # Errors
    ///
    /// Fails when the key is of the wrong kind or has no seed.
    pub fn sign(&self, key: &nkeys::KeyPair, lattice: &LatticeId, validity: Validity) -> Result<String, SignError> {
        sign(
            key,
            &Draft {
                subject: format!("aot:{}", self.component),
                lattice: lattice.clone(),
                validity,
                body: self.clone(),
            },
        )
    }
}

/// What an issuer that may has said of some code. There is no other way to one than [`verify_code`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedCode {
    claims: AotClaims,
    issuer: IssuerId,
    expires_at: UnixSeconds,
}

impl VerifiedCode {
    /// What was said.
    #[must_use]
    pub fn claims(&self) -> &AotClaims {
        &self.claims
    }

    /// Who said it.
    #[must_use]
    pub fn issuer(&self) -> &IssuerId {
        &self.issuer
    }

    /// Until when it counts.
    #[must_use]
    pub fn expires_at(&self) -> UnixSeconds {
        self.expires_at
    }
}

/// Checks that `token` vouches for code of `component`. Whether some bytes are that code, their digest says.
///
/// # Errors
///
/// [`Refusal`] says why it is not believed.
pub fn verify_code(
    token: &Unverified,
    component: &Digest,
    trust: &Trust,
    now: UnixSeconds,
    freshness: Freshness,
) -> Result<VerifiedCode, Refusal> {
    let claims = token.claims::<AotClaims>()?;
    trust.check_frame(&claims, now)?;
    if claims.subject != format!("aot:{}", claims.body.component) {
        return Err(TokenError::Malformed("its subject is not the component it speaks of".to_owned()).into());
    }
    if claims.body.component != *component {
        return Err(Refusal::OtherComponent {
            asked: *component,
            got: claims.body.component,
        });
    }
    let provenance = Provenance {
        issued_at: claims.issued_at,
        token_id: &claims.id,
        subject: &claims.subject,
    };
    let until = trust.authorize(&claims.issuer, &Ask::Aot, &provenance, now, freshness)?;
    let claims = token.verify_claims(claims)?.into_claims();
    Ok(VerifiedCode {
        issuer: claims.issuer,
        expires_at: claims.expires_at.min(until),
        claims: claims.body,
    })
}
