//! Members that never were, and what they say.

use std::{sync::LazyLock, time::Instant};

use lattice_control::{
    ActorState, ActorStatus, Flow, InventoryReply, LinkStatus, MemberSummary, ProviderState, ProviderStatus,
    RefusedLink,
};
use lattice_core::{
    ActorSpec, Digest, FunctionSet, LatticeId, LinkId, MemberId, Party, ProviderSpec, UnixSeconds,
    presence::{MemberKind, MemberState, Scheduling},
};
use nkeys::{KeyPair, KeyPairType};

use super::said::Said;

/// One moment, the same for all.
pub(crate) fn now() -> Instant {
    static NOW: LazyLock<Instant> = LazyLock::new(Instant::now);
    *NOW
}

pub(crate) fn member(seed: u8) -> MemberId {
    let key = KeyPair::new_from_raw(KeyPairType::Server, [seed; 32]).expect("32 bytes make a key");
    key.public_key().parse().expect("a server key")
}

fn party(text: &str) -> Party {
    text.parse().expect("a party")
}

/// The link from the HTTP server to somebody.
fn link(target: &str) -> LinkId {
    let lattice: LatticeId = "default".parse().expect("a lattice id");
    let (source, interface) = (target_source(target), "wasi:http".parse().expect("a pattern"));
    LinkId::new(&lattice, &source, &interface, &"default".parse().expect("a label"))
}

/// Each has a caller of its own, so that each has a link of its own.
fn target_source(target: &str) -> Party {
    party(&format!("actor/to-{}", party(target).name()))
}

pub(super) fn flow(target: &str, calls: u64, failed: u64, took: &[u64]) -> Flow {
    Flow {
        link: link(target),
        target: party(target),
        calls,
        failed,
        took: took.to_vec(),
    }
}

pub(super) fn link_status(target: &str, generation: u64) -> LinkStatus {
    let issuer = KeyPair::new_from_raw(KeyPairType::Account, [9; 32]).expect("32 bytes make a key");
    LinkStatus {
        id: link(target),
        generation,
        source: target_source(target),
        interface: "wasi:http".parse().expect("a pattern"),
        label: "default".parse().expect("a label"),
        target: party(target),
        functions: FunctionSet::All,
        issuer: issuer.public_key().parse().expect("an issuer"),
        issued_at: UnixSeconds::new(1),
        expires_at: UnixSeconds::new(1_800_000_000),
        problem: None,
    }
}

pub(super) fn refused(target: &str, message: &str) -> RefusedLink {
    RefusedLink {
        key: link(target).link_key(),
        claimed: Some(link(target).to_string()),
        generation: Some(9),
        code: "expired".to_owned(),
        message: message.to_owned(),
        at: UnixSeconds::new(1),
        digest: None,
    }
}

/// A host that runs the actor `cart` and the provider `kv`, sees the first three members, and tells nothing of traffic.
pub(super) fn said(seed: u8, name: &str) -> Said {
    let cart = ActorStatus {
        spec: ActorSpec::new(
            "cart".parse().expect("a name"),
            Digest::of(b"cart"),
            "file:///cart.wasm".to_owned(),
        ),
        state: ActorState::Ready,
        replicas: 2,
        in_flight: 1,
        capacity: 128,
        served: 0,
        failed: 0,
        ready_since: None,
        awake: None,
    };
    let kv = ProviderStatus {
        spec: ProviderSpec::new("kv".parse().expect("a name"), "keyvalue-nats".parse().expect("a kind")),
        state: ProviderState::Ready,
        detail: None,
        endpoints: Vec::new(),
        links: 1,
    };
    Said {
        inventory: InventoryReply {
            summary: MemberSummary {
                member: member(seed),
                incarnation: u64::from(seed).into(),
                name: name.to_owned(),
                kind: MemberKind::Host,
                state: MemberState::Ready,
                scheduling: Scheduling::Open,
                labels: Default::default(),
                version: "0.1.0".to_owned(),
                engine: "server".to_owned(),
                started_at: UnixSeconds::new(1),
                actors: 1,
                providers: 1,
                sees: vec![member(1), member(2)],
                token: String::new(),
            },
            actors: vec![cart],
            providers: vec![kv],
            facts: Default::default(),
        },
        links: None,
        traffic: None,
        keys: Default::default(),
    }
}
