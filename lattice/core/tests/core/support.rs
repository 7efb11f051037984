//! Fixed keys and times, so that every byte in these tests can be repeated.

use std::time::Duration;

use lattice_core::token::Validity;
use lattice_core::trust::{Issuer, Trust, TrustBundle};
use lattice_core::{IssuerId, LatticeId, LinkClaims, OperatorId, UnixSeconds};
use nkeys::{KeyPair, KeyPairType};

/// 2025-11-22T09:47:00Z.
pub(crate) const NOW: UnixSeconds = UnixSeconds::new(1_763_804_820);

pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);

pub(crate) fn key(kind: KeyPairType, number: u8) -> KeyPair {
    KeyPair::new_from_raw(kind, [number; 32]).expect("any 32 bytes are a seed")
}

pub(crate) fn operator() -> KeyPair {
    key(KeyPairType::Operator, 1)
}

pub(crate) fn issuer() -> KeyPair {
    key(KeyPairType::Account, 2)
}

/// An issuer that the usual bundle does not name.
pub(crate) fn stranger() -> KeyPair {
    key(KeyPairType::Account, 3)
}

pub(crate) fn host() -> KeyPair {
    key(KeyPairType::Server, 4)
}

pub(crate) fn provider() -> KeyPair {
    key(KeyPairType::Service, 5)
}

pub(crate) fn lattice() -> LatticeId {
    "default".parse().expect("a lattice id")
}

pub(crate) fn operator_id() -> OperatorId {
    operator().public_key().parse().expect("an operator")
}

pub(crate) fn issuer_id(key: &KeyPair) -> IssuerId {
    key.public_key().parse().expect("an issuer")
}

pub(crate) fn day() -> Validity {
    Validity::lasting(NOW, DAY)
}

/// A bundle that lets the usual issuer sign everything.
pub(crate) fn bundle(serial: u64) -> TrustBundle {
    TrustBundle {
        serial,
        issuers: vec![Issuer::unlimited(issuer_id(&issuer()))],
        ..TrustBundle::default()
    }
}

pub(crate) fn empty_trust() -> Trust {
    Trust::new(lattice(), [operator_id()])
}

pub(crate) fn trust_in(bundle: &TrustBundle) -> Trust {
    let mut trust = empty_trust();
    admit_bundle(&mut trust, bundle);
    trust
}

pub(crate) fn admit_bundle(trust: &mut Trust, bundle: &TrustBundle) {
    let token = bundle.sign(&operator(), &lattice(), day()).expect("signs");
    trust.admit(&token, NOW).expect("a good bundle");
}

pub(crate) fn trust() -> Trust {
    trust_in(&bundle(1))
}

pub(crate) fn claims(generation: u64) -> LinkClaims {
    let parse = "actor/counter".parse().expect("a party");
    let target = "provider/kv".parse().expect("a party");
    LinkClaims {
        generation,
        ..LinkClaims::new(parse, "wasi:keyvalue/store".parse().expect("an interface"), target)
    }
}
