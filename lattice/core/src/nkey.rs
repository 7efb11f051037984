//! Identities that are public keys. A key's text is its name: `N…` a host, `V…` a provider, `A…` an issuer, `O…` an operator,
//! `U…` a user of NATS.

use ed25519_dalek::{Signature, VerifyingKey};

use crate::id::{ParseIdError, text_id};

// The prefix byte that each first letter stands for (five bits, shifted past the three that begin the key).
const ACCOUNT: u8 = 0;
const OPERATOR: u8 = 14 << 3;
const SERVER: u8 = 13 << 3;
const SERVICE: u8 = 21 << 3;
const USER: u8 = 20 << 3;

/// Gives an nkey newtype its raw bytes and signature check.
macro_rules! key_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:path) => {
        text_id! { $(#[$doc])* $name, $what, $check }

        impl $name {
            /// The 32 bytes of the Ed25519 public key.
            pub fn key_bytes(&self) -> [u8; 32] {
                decode(&self.0).map(|(_, bytes)| bytes).expect("checked when it was made")
            }

            /// Whether `signature` is this key's over `message`: Ed25519, strict, so that no second signature of the same
            /// message and no weak key passes.
            pub fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
                verify_strict(&self.key_bytes(), message, signature)
            }
        }
    };
}

key_id! {
    /// An account of NATS.
    AccountId, "an account id (A…)", check_issuer
}
key_id! {
    /// A host: the key that its process keeps on disk and never shows.
    HostId, "a host id (N…)", check_host
}
key_id! {
    /// An issuer: a key that the trust bundle allows to sign links, hosts, images or commands.
    IssuerId, "an issuer id (A…)", check_issuer
}
key_id! {
    /// A process with a mailbox on the lattice: a host, or a provider that runs on its own.
    MemberId, "a member id (N… or V…)", check_member
}
key_id! {
    /// An operator: the offline root that signs trust bundles.
    OperatorId, "an operator id (O…)", check_operator
}
key_id! {
    /// A provider that runs as its own process.
    ProviderKey, "a provider key (V…)", check_provider
}
key_id! {
    /// A user of NATS: the key that a credentials file proves.
    UserId, "a user id (U…)", check_user
}

impl MemberId {
    /// The host this member is, if it is one.
    pub fn as_host(&self) -> Option<HostId> {
        self.0.starts_with('N').then(|| HostId(self.0.clone()))
    }

    /// The stand-alone provider this member is, if it is one.
    pub fn as_provider(&self) -> Option<ProviderKey> {
        self.0.starts_with('V').then(|| ProviderKey(self.0.clone()))
    }
}

impl From<HostId> for MemberId {
    fn from(host: HostId) -> Self {
        Self(host.0)
    }
}

impl From<&HostId> for MemberId {
    fn from(host: &HostId) -> Self {
        Self(host.0.clone())
    }
}

impl From<ProviderKey> for MemberId {
    fn from(provider: ProviderKey) -> Self {
        Self(provider.0)
    }
}

impl From<&ProviderKey> for MemberId {
    fn from(provider: &ProviderKey) -> Self {
        Self(provider.0.clone())
    }
}

impl TryFrom<MemberId> for HostId {
    type Error = ParseIdError;

    fn try_from(member: MemberId) -> Result<Self, Self::Error> {
        member
            .as_host()
            .ok_or_else(|| ParseIdError::new("a host id (N…)", member.as_str(), "it is a provider's key"))
    }
}

/// Strict Ed25519 verification: small-order keys and non-canonical signatures fail.
pub(crate) fn verify_strict(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    VerifyingKey::from_bytes(key).is_ok_and(|key| key.verify_strict(message, &Signature::from_bytes(signature)).is_ok())
}

fn check_host(text: &str) -> Result<(), &'static str> {
    check(text, &[SERVER], "it must begin with N")
}

fn check_issuer(text: &str) -> Result<(), &'static str> {
    check(text, &[ACCOUNT], "it must begin with A")
}

fn check_member(text: &str) -> Result<(), &'static str> {
    check(text, &[SERVER, SERVICE], "it must begin with N or V")
}

fn check_operator(text: &str) -> Result<(), &'static str> {
    check(text, &[OPERATOR], "it must begin with O")
}

fn check_provider(text: &str) -> Result<(), &'static str> {
    check(text, &[SERVICE], "it must begin with V")
}

fn check_user(text: &str) -> Result<(), &'static str> {
    check(text, &[USER], "it must begin with U")
}

fn check(text: &str, prefixes: &[u8], otherwise: &'static str) -> Result<(), &'static str> {
    // Also catches a seed pasted where a public key belongs: seeds are longer and begin with S. It is not echoed further.
    let (prefix, _) = decode(text).ok_or("it is not a public nkey (56 characters of A-Z and 2-7 with a checksum)")?;
    if prefixes.contains(&prefix) {
        Ok(())
    } else {
        Err(otherwise)
    }
}

fn decode(text: &str) -> Option<(u8, [u8; 32])> {
    nkeys::from_public_key(text).ok()
}

#[cfg(test)]
mod tests {
    use nkeys::KeyPair;

    use super::*;

    #[test]
    fn each_kind_takes_its_own_prefix_only() {
        let keys = [
            KeyPair::new_server(),
            KeyPair::new_service(),
            KeyPair::new_account(),
            KeyPair::new_operator(),
        ];
        let accepts = |parses: fn(&str) -> bool| keys.each_ref().map(|key| parses(&key.public_key()));
        assert_eq!(
            accepts(|text| text.parse::<HostId>().is_ok()),
            [true, false, false, false]
        );
        assert_eq!(
            accepts(|text| text.parse::<ProviderKey>().is_ok()),
            [false, true, false, false]
        );
        assert_eq!(
            accepts(|text| text.parse::<MemberId>().is_ok()),
            [true, true, false, false]
        );
        assert_eq!(
            accepts(|text| text.parse::<IssuerId>().is_ok()),
            [false, false, true, false]
        );
        assert_eq!(
            accepts(|text| text.parse::<OperatorId>().is_ok()),
            [false, false, false, true]
        );
    }

    #[test]
    fn a_changed_character_fails_the_checksum() {
        let key = KeyPair::new_server().public_key();
        let mut changed = key.clone();
        let last = changed.pop().expect("56 characters");
        changed.push(if last == 'A' { 'B' } else { 'A' });
        assert!(changed.parse::<HostId>().is_err());
        assert!(key.to_lowercase().parse::<HostId>().is_err());
    }

    #[test]
    fn verifies_own_signatures_only() {
        let (key, other) = (KeyPair::new_server(), KeyPair::new_server());
        let id: HostId = key.public_key().parse().expect("a server key");
        let sign = |key: &KeyPair| <[u8; 64]>::try_from(key.sign(b"hi").expect("has a seed")).expect("64 bytes");
        assert!(id.verifies(b"hi", &sign(&key)));
        assert!(!id.verifies(b"ho", &sign(&key)));
        assert!(!id.verifies(b"hi", &sign(&other)));
    }
}
