//! Tokens that have just arrived, and those whose signature held.

use std::sync::Arc;

use serde::Deserialize;

use super::claims::{Body, Claims, IssuerKey};
use super::compact::{self, TOKEN_BYTES_MAX};
use super::tagged::{self, Tag};
use crate::time::UnixSeconds;

/// A token of the right form. Nothing in it is proven.
#[derive(Clone, Debug)]
pub struct Unverified {
    token: Arc<str>,
    signed_length: usize,
    payload: Vec<u8>,
    signature: [u8; 64],
    head: Head,
}

/// What a token says of itself, before anything is proven: for choosing how to read on, and for showing it to people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The key that it says signed it.
    pub issuer: String,
    /// What it is about.
    pub subject: String,
    /// The lattice it is for.
    pub audience: String,
    /// Its own id.
    pub id: String,
    /// When it was made.
    pub issued_at: UnixSeconds,
    /// When it ends.
    pub expires_at: UnixSeconds,
    /// Its kind: `link`, `unlink`, `trust`, `host`, `provider`, `image`, `cmd`, `aot`.
    pub kind: String,
}

/// Why a text is not a token, or not one of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Longer than [`TOKEN_BYTES_MAX`].
    #[error("the token has {bytes} bytes, {TOKEN_BYTES_MAX} are allowed")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// Not a token, or not the claims it should have.
    #[error("the token cannot be read: {0}")]
    Malformed(String),
    /// Made by a newer program.
    #[error("the token has version {0}, this program reads version 1")]
    UnsupportedVersion(u64),
    /// Another kind of token.
    #[error("the token is of type `{got}` where `{expected}` belongs")]
    WrongKind {
        /// What was asked for.
        expected: &'static str,
        /// What it is.
        got: String,
    },
    /// Changed after it was signed, or signed by another key.
    #[error("the signature is not that of {issuer}")]
    BadSignature {
        /// The key that it says signed it.
        issuer: String,
    },
}

impl TokenError {
    /// The stable word for logs, events and `-o json`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too-large",
            Self::Malformed(_) => "malformed",
            Self::UnsupportedVersion(_) => "unsupported-version",
            Self::WrongKind { .. } => "wrong-kind",
            Self::BadSignature { .. } => "bad-signature",
        }
    }
}

impl Unverified {
    /// Takes a token apart: size, header, encodings, and the claims that every token has.
    pub fn parse(token: &str) -> Result<Self, TokenError> {
        let parts = compact::split(token)?;
        let head: WireHead = serde_json::from_slice(&parts.payload).map_err(|error| malformed(&error))?;
        if head.lattice.v != tagged::VERSION {
            return Err(TokenError::UnsupportedVersion(head.lattice.v));
        }
        Ok(Self {
            signed_length: parts.signed.len(),
            payload: parts.payload,
            signature: parts.signature,
            head: head.into(),
            token: token.into(),
        })
    }

    /// Like [`Unverified::parse`], for bytes from a bucket or the network.
    pub fn parse_bytes(bytes: &[u8]) -> Result<Self, TokenError> {
        if bytes.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::TooLarge { bytes: bytes.len() });
        }
        let text = std::str::from_utf8(bytes).map_err(|_| TokenError::Malformed("it is not text".to_owned()))?;
        Self::parse(text)
    }

    /// What the token says of itself.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The token as it arrived.
    pub fn token(&self) -> &Arc<str> {
        &self.token
    }

    /// All claims, unproven: for looking at them and for cheap checks before the signature.
    pub fn claims<B: Body>(&self) -> Result<Claims<B>, TokenError> {
        if self.head.kind != B::KIND {
            return Err(TokenError::WrongKind {
                expected: B::KIND,
                got: self.head.kind.clone(),
            });
        }
        serde_json::from_slice(&self.payload).map_err(|error| malformed(&error))
    }

    /// Checks that the issuer which the token names signed it.
    pub fn verify<B: Body>(&self) -> Result<Verified<B>, TokenError> {
        let claims = self.claims::<B>()?;
        self.verify_claims(claims)
    }

    /// Like [`Unverified::verify`] when the claims were read already.
    pub(crate) fn verify_claims<B: Body>(&self, claims: Claims<B>) -> Result<Verified<B>, TokenError> {
        let signed = &self.token.as_bytes()[..self.signed_length];
        if !claims.issuer.verifies(signed, &self.signature) {
            return Err(TokenError::BadSignature {
                issuer: self.head.issuer.clone(),
            });
        }
        Ok(Verified {
            claims,
            token: self.token.clone(),
        })
    }
}

/// Claims that the issuer they name has signed. Whether that issuer may is another question.
#[derive(Clone, Debug)]
pub struct Verified<B: Body> {
    claims: Claims<B>,
    token: Arc<str>,
}

impl<B: Body> Verified<B> {
    /// What the token asserts.
    pub fn claims(&self) -> &Claims<B> {
        &self.claims
    }

    /// Takes the claims out.
    pub fn into_claims(self) -> Claims<B> {
        self.claims
    }

    /// The token as it arrived.
    pub fn token(&self) -> &Arc<str> {
        &self.token
    }
}

#[derive(Deserialize)]
struct WireHead {
    iss: String,
    sub: String,
    aud: String,
    #[serde(default)]
    jti: String,
    iat: UnixSeconds,
    exp: UnixSeconds,
    lattice: Tag,
}

impl From<WireHead> for Head {
    fn from(head: WireHead) -> Self {
        Self {
            issuer: head.iss,
            subject: head.sub,
            audience: head.aud,
            id: head.jti,
            issued_at: head.iat,
            expires_at: head.exp,
            kind: head.lattice.r#type,
        }
    }
}

fn malformed(error: &serde_json::Error) -> TokenError {
    TokenError::Malformed(error.to_string())
}
