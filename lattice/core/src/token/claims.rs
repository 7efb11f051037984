//! What a token asserts, and the making of one.

use std::fmt;
use std::time::Duration;

use data_encoding::BASE32_NOPAD;
use nkeys::KeyPair;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha512_256};

use super::{TOKEN_BYTES_MAX, compact, tagged};
use crate::id::{IssuerId, LatticeId, OperatorId};
use crate::time::UnixSeconds;

/// The part of the claims that is special to one kind of token.
///
/// Implementations refuse unknown fields: a restriction that is not understood must not be ignored.
pub trait Body: Serialize + DeserializeOwned {
    /// What stands in `lattice.type`.
    const KIND: &'static str;
    /// Who signs this kind.
    type Issuer: IssuerKey;
}

/// A key that signs tokens.
pub trait IssuerKey: Serialize + DeserializeOwned + Clone + PartialEq + Eq + fmt::Debug + AsRef<str> {
    /// Whether `signature` is this key's over `message`.
    fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool;
}

impl IssuerKey for IssuerId {
    fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        IssuerId::verifies(self, message, signature)
    }
}

impl IssuerKey for OperatorId {
    fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        OperatorId::verifies(self, message, signature)
    }
}

/// All claims of a token. The field order here is the order in the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound = "B: Body")]
pub struct Claims<B: Body> {
    /// Identifies this token, for revocation: base32 of the SHA-512/256 of the other claims.
    #[serde(rename = "jti", default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Who signed it.
    #[serde(rename = "iss")]
    pub issuer: B::Issuer,
    /// What it is about.
    #[serde(rename = "sub")]
    pub subject: String,
    /// Where it counts.
    #[serde(rename = "aud")]
    pub lattice: LatticeId,
    /// From when until when.
    #[serde(rename = "iat")]
    pub issued_at: UnixSeconds,
    /// Not before this time.
    #[serde(rename = "nbf", default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<UnixSeconds>,
    /// Not after this time.
    #[serde(rename = "exp")]
    pub expires_at: UnixSeconds,
    /// What it says.
    #[serde(rename = "lattice", with = "tagged")]
    pub body: B,
}

/// When a token counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// When it was made.
    pub issued_at: UnixSeconds,
    /// Not before this time, if that is later than its making.
    pub not_before: Option<UnixSeconds>,
    /// Not after this time.
    pub expires_at: UnixSeconds,
}

impl Validity {
    /// From `now` for `lifetime`.
    pub fn lasting(now: UnixSeconds, lifetime: Duration) -> Self {
        Self {
            issued_at: now,
            not_before: None,
            expires_at: now.after(lifetime),
        }
    }
}

/// A token about to be signed. Issuer and id follow from the key and the content.
#[derive(Clone, Debug)]
pub struct Draft<B> {
    /// What it is about.
    pub subject: String,
    /// Where it counts.
    pub lattice: LatticeId,
    /// When it counts.
    pub validity: Validity,
    /// What it says.
    pub body: B,
}

/// Why a token could not be signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// A key of this kind does not sign tokens of that kind.
    #[error("the key {key} may not sign `{kind}` tokens")]
    WrongKey {
        /// The public key.
        key: String,
        /// The kind of token.
        kind: &'static str,
    },
    /// The key is only a public key.
    #[error("the key {0} has no seed here and cannot sign")]
    NoSeed(String),
    /// Every reader would refuse it.
    #[error("the token has {0} bytes, {TOKEN_BYTES_MAX} are allowed")]
    TooLarge(usize),
    /// The claims cannot be written as JSON.
    #[error("the claims cannot be written as JSON: {0}")]
    Encode(String),
}

/// Signs a token.
///
/// # Errors
/// Fails when the key is of the wrong kind or has no seed, and when the token would be too large for any reader.
pub fn sign<B: Body + Clone>(key: &KeyPair, draft: &Draft<B>) -> Result<String, SignError> {
    let public = key.public_key();
    let issuer = serde::de::value::StrDeserializer::<serde::de::value::Error>::new(&public);
    let issuer = B::Issuer::deserialize(issuer).map_err(|_| SignError::WrongKey {
        key: public.clone(),
        kind: B::KIND,
    })?;
    let mut claims = Claims {
        id: String::new(),
        issuer,
        subject: draft.subject.clone(),
        lattice: draft.lattice.clone(),
        issued_at: draft.validity.issued_at,
        not_before: draft.validity.not_before,
        expires_at: draft.validity.expires_at,
        body: draft.body.clone(),
    };
    claims.id = token_id(&claims)?;
    let token = sign_claims(key, &claims)?;
    if token.len() > TOKEN_BYTES_MAX {
        Err(SignError::TooLarge(token.len()))
    } else {
        Ok(token)
    }
}

/// The id of claims that do not have one yet: base32 of the SHA-512/256 of their JSON.
pub(super) fn token_id(claims: &impl Serialize) -> Result<String, SignError> {
    Ok(BASE32_NOPAD.encode(&Sha512_256::digest(to_json(claims)?)))
}

/// Signs any claims at all, ours or those of NATS.
pub(super) fn sign_claims(key: &KeyPair, claims: &impl Serialize) -> Result<String, SignError> {
    compact::join(key, &to_json(claims)?).ok_or_else(|| SignError::NoSeed(key.public_key()))
}

fn to_json(claims: &impl Serialize) -> Result<Vec<u8>, SignError> {
    serde_json::to_vec(claims).map_err(|error| SignError::Encode(error.to_string()))
}
