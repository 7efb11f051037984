//! Tokens of components: an issuer with the role `image` says that one may run.
//!
//! The digest of the component is what counts: it is what a host was told to run and what it has hashed. Where the component lies in a
//! registry, and under which manifest, is said beside it and may be nowhere at all.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::claims::{Body, Draft, SignError, Validity, sign};
use super::unverified::{TokenError, Unverified};
use crate::id::{Digest, IssuerId, LatticeId};
use crate::refusal::Refusal;
use crate::time::UnixSeconds;
use crate::trust::{Ask, Freshness, Provenance, Trust};

/// How long a signature counts when nobody says. It was looked at and found good, and that does not wear off; what is no longer good is
/// revoked.
pub const IMAGE_LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// The most signatures of one component that are kept and looked at. More are somebody's attempt to keep hosts busy.
pub const IMAGE_TOKENS_MAX: usize = 16;

/// The claims of an `image` token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageClaims {
    /// The component.
    pub component: Digest,
    /// The manifest that names it in a registry, if it was pushed to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Digest>,
    /// Where it was pushed to, or which file it was. Shown, never compared.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub image: String,
}

impl Body for ImageClaims {
    const KIND: &'static str = "image";
    type Issuer = IssuerId;
}

impl ImageClaims {
    /// Signs that the component may run in `lattice`.
    ///
    /// # Errors
    /// When the key cannot sign it.
    pub fn sign(self, key: &nkeys::KeyPair, lattice: &LatticeId, validity: Validity) -> Result<String, SignError> {
        let draft = Draft {
            subject: subject(&self.component),
            lattice: lattice.clone(),
            validity,
            body: self,
        };
        sign(key, &draft)
    }
}

fn subject(component: &Digest) -> String {
    format!("image:{component}")
}

/// A component that somebody signed who may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedImage {
    /// What was signed.
    pub claims: ImageClaims,
    /// Who signed it.
    pub issuer: IssuerId,
    /// The id of the token, to revoke it by.
    pub token_id: String,
}

/// Why a component may not run under a policy that wants it signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageRefusal {
    /// Nobody signed it.
    #[error("it is not signed, and the lattice's policy demands that")]
    Unsigned,
    /// Its signature is for something else.
    #[error("its signature is for the component {signed}, this is {component}")]
    OtherComponent {
        /// What was signed.
        signed: Digest,
        /// What is to run.
        component: Digest,
    },
    /// Its signature is not good.
    #[error("its signature does not count: {0}")]
    Refused(#[from] Refusal),
}

impl From<TokenError> for ImageRefusal {
    fn from(error: TokenError) -> Self {
        Self::Refused(error.into())
    }
}

impl ImageRefusal {
    /// The stable word for logs, events and `-o json`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::OtherComponent { .. } => "other-component",
            Self::Refused(refusal) => refusal.code(),
        }
    }
}

impl ImageRefusal {
    /// Of two reasons the one that came closer to letting the component run, which is the one that tells somebody what to mend.
    #[must_use]
    pub fn or_closer(self, other: Self) -> Self {
        if other.closeness() >= self.closeness() {
            other
        } else {
            self
        }
    }

    const fn closeness(&self) -> u8 {
        match self {
            Self::Unsigned => 0,
            Self::Refused(Refusal::Token(error)) if !matches!(error, TokenError::BadSignature { .. }) => 1,
            Self::OtherComponent { .. } => 2,
            Self::Refused(Refusal::UnknownIssuer { .. } | Refusal::WrongAudience { .. }) => 3,
            Self::Refused(Refusal::RoleMissing { .. }) => 4,
            Self::Refused(_) => 5,
        }
    }
}

/// Checks that `token` lets `component` run.
///
/// # Errors
/// See [`ImageRefusal`].
pub fn verify_image(
    token: &str,
    component: &Digest,
    trust: &Trust,
    now: UnixSeconds,
    freshness: Freshness,
) -> Result<VerifiedImage, ImageRefusal> {
    let unverified = Unverified::parse(token)?;
    let claims = unverified.claims::<ImageClaims>()?;
    let signed = claims.body.component;
    if signed != *component {
        return Err(ImageRefusal::OtherComponent {
            signed,
            component: *component,
        });
    }
    if claims.subject != subject(&signed) {
        let told = format!("its subject `{}` is not its component", claims.subject);
        return Err(TokenError::Malformed(told).into());
    }
    trust.check_frame(&claims, now)?;
    let provenance = Provenance {
        issued_at: claims.issued_at,
        token_id: &claims.id,
        subject: &claims.subject,
    };
    trust.authorize(&claims.issuer, &Ask::Image, &provenance, now, freshness)?;
    let claims = unverified.verify_claims(claims)?.into_claims();
    Ok(VerifiedImage {
        claims: claims.body,
        issuer: claims.issuer,
        token_id: claims.id,
    })
}

/// Looks for a token among `tokens` that lets `component` run. When none does, the reason is that of the one that came closest: a token
/// for this component that is refused tells more than one for another.
///
/// # Errors
/// See [`ImageRefusal`].
pub fn verify_any_image<'t>(
    tokens: impl IntoIterator<Item = &'t str>,
    component: &Digest,
    trust: &Trust,
    now: UnixSeconds,
    freshness: Freshness,
) -> Result<VerifiedImage, ImageRefusal> {
    let mut closest = ImageRefusal::Unsigned;
    for token in tokens.into_iter().take(IMAGE_TOKENS_MAX) {
        match verify_image(token, component, trust, now, freshness) {
            Ok(verified) => return Ok(verified),
            Err(refusal) => closest = closest.or_closer(refusal),
        }
    }
    Err(closest)
}

/// The signatures of one component, as they are kept beside it: one a line. Nothing in them is verified, but that they are about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageTokens {
    component: Digest,
    tokens: Vec<String>,
}

impl ImageTokens {
    /// No signatures yet.
    pub const fn none(component: Digest) -> Self {
        Self {
            component,
            tokens: Vec::new(),
        }
    }

    /// Reads what is kept beside a component; what is no signature of it is passed over.
    pub fn read(component: Digest, bytes: &[u8]) -> Self {
        let mut tokens = Self::none(component);
        tokens.add(String::from_utf8_lossy(bytes).lines());
        tokens
    }

    /// Adds signatures of this component; says whether there was one that was not known. With [`IMAGE_TOKENS_MAX`] of them, the oldest
    /// make room.
    pub fn add<'t>(&mut self, tokens: impl IntoIterator<Item = &'t str>) -> bool {
        let before = self.tokens.clone();
        for token in tokens {
            if self.is_about_it(token) && !self.tokens.iter().any(|known| known == token) {
                self.tokens.push(token.to_owned());
            }
        }
        let surplus = self.tokens.len().saturating_sub(IMAGE_TOKENS_MAX);
        self.tokens.drain(..surplus);
        self.tokens != before
    }

    fn is_about_it(&self, token: &str) -> bool {
        let claims = Unverified::parse(token).and_then(|unverified| unverified.claims::<ImageClaims>());
        claims.is_ok_and(|claims| claims.body.component == self.component)
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.tokens.iter().map(String::as_str)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// As they are kept.
    pub fn encode(&self) -> Vec<u8> {
        self.tokens
            .iter()
            .flat_map(|token| [token.as_bytes(), b"\n"].concat())
            .collect()
    }

    /// Looks for one that lets the component run; see [`verify_any_image`].
    ///
    /// # Errors
    /// See [`ImageRefusal`].
    pub fn verify(&self, trust: &Trust, now: UnixSeconds, freshness: Freshness) -> Result<VerifiedImage, ImageRefusal> {
        verify_any_image(self.iter(), &self.component, trust, now, freshness)
    }
}
