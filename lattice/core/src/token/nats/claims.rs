//! The claims of operators, accounts and users, in the form of version 2 that nats-server reads.

use nkeys::{KeyPair, KeyPairType};
use serde::Serialize;

use super::permissions::Permissions;
use crate::id::{AccountId, UserId};
use crate::time::UnixSeconds;
use crate::token::SignError;
use crate::token::claims::{sign_claims, token_id};

/// No limit, as NATS writes it.
const UNLIMITED: i64 = -1;

/// A token in which an operator names itself and its system account.
pub fn operator_token(
    operator: &KeyPair,
    name: &str,
    system_account: &AccountId,
    now: UnixSeconds,
) -> Result<String, SignError> {
    let body = OperatorBody {
        system_account,
        kind: "operator",
        version: 2,
    };
    issue(
        operator,
        &KeyPairType::Operator,
        &operator.public_key(),
        name,
        now,
        None,
        body,
    )
}

/// A token in which an operator admits an account.
pub fn account_token(
    operator: &KeyPair,
    account: &AccountId,
    name: &str,
    limits: AccountLimits,
    now: UnixSeconds,
) -> Result<String, SignError> {
    let body = AccountBody {
        limits: limits.into(),
        kind: "account",
        version: 2,
    };
    issue(
        operator,
        &KeyPairType::Operator,
        account.as_str(),
        name,
        now,
        None,
        body,
    )
}

/// A token in which an operator admits its system account, which needs no JetStream.
pub fn system_account_token(operator: &KeyPair, account: &AccountId, now: UnixSeconds) -> Result<String, SignError> {
    account_token(operator, account, "SYS", AccountLimits { jetstream: false }, now)
}

/// A token in which an account admits a user, for ever or until `expires_at`.
pub fn user_token(
    account: &KeyPair,
    user: &UserId,
    name: &str,
    permissions: &Permissions,
    now: UnixSeconds,
    expires_at: Option<UnixSeconds>,
) -> Result<String, SignError> {
    let body = UserBody {
        permissions,
        subs: UNLIMITED,
        data: UNLIMITED,
        payload: UNLIMITED,
        kind: "user",
        version: 2,
    };
    issue(
        account,
        &KeyPairType::Account,
        user.as_str(),
        name,
        now,
        expires_at,
        body,
    )
}

/// What an account may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountLimits {
    /// Whether it may use JetStream, then without limits.
    pub jetstream: bool,
}

impl AccountLimits {
    /// Everything, without limits.
    pub const UNLIMITED: AccountLimits = AccountLimits { jetstream: true };
}

fn issue<B: Serialize>(
    key: &KeyPair,
    must_be: &KeyPairType,
    subject: &str,
    name: &str,
    now: UnixSeconds,
    expires_at: Option<UnixSeconds>,
    nats: B,
) -> Result<String, SignError> {
    if key.key_pair_type() != *must_be {
        return Err(SignError::WrongKey {
            key: key.public_key(),
            kind: "nats",
        });
    }
    let issuer = key.public_key();
    let mut claims = NatsClaims {
        exp: expires_at,
        jti: String::new(),
        iat: now,
        iss: &issuer,
        name,
        sub: subject,
        nats,
    };
    claims.jti = token_id(&claims)?;
    sign_claims(key, &claims)
}

#[derive(Serialize)]
struct NatsClaims<'a, B> {
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<UnixSeconds>,
    #[serde(skip_serializing_if = "String::is_empty")]
    jti: String,
    iat: UnixSeconds,
    iss: &'a str,
    name: &'a str,
    sub: &'a str,
    nats: B,
}

#[derive(Serialize)]
struct OperatorBody<'a> {
    system_account: &'a AccountId,
    #[serde(rename = "type")]
    kind: &'static str,
    version: u8,
}

#[derive(Serialize)]
struct AccountBody {
    limits: WireLimits,
    #[serde(rename = "type")]
    kind: &'static str,
    version: u8,
}

#[derive(Serialize)]
struct WireLimits {
    subs: i64,
    data: i64,
    payload: i64,
    imports: i64,
    exports: i64,
    wildcards: bool,
    conn: i64,
    leaf: i64,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    jetstream: Option<JetStreamLimits>,
}

#[derive(Serialize)]
struct JetStreamLimits {
    mem_storage: i64,
    disk_storage: i64,
    streams: i64,
    consumer: i64,
}

impl From<AccountLimits> for WireLimits {
    fn from(limits: AccountLimits) -> Self {
        let all = JetStreamLimits {
            mem_storage: UNLIMITED,
            disk_storage: UNLIMITED,
            streams: UNLIMITED,
            consumer: UNLIMITED,
        };
        Self {
            subs: UNLIMITED,
            data: UNLIMITED,
            payload: UNLIMITED,
            imports: UNLIMITED,
            exports: UNLIMITED,
            wildcards: true,
            conn: UNLIMITED,
            leaf: UNLIMITED,
            jetstream: limits.jetstream.then_some(all),
        }
    }
}

#[derive(Serialize)]
struct UserBody<'a> {
    #[serde(flatten)]
    permissions: &'a Permissions,
    subs: i64,
    data: i64,
    payload: i64,
    #[serde(rename = "type")]
    kind: &'static str,
    version: u8,
}
