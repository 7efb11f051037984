//! Heartbeats: only the member itself speaks for it, now, on this lattice.

use lattice_core::presence::{
    ActorPlacement, Load, MemberKind, MemberState, PRESENCE_BYTES_MAX, Presence, PresenceError, ProviderPlacement,
    Scheduling, SealError,
};
use lattice_core::{Digest, Incarnation};

use crate::support::{DAY, NOW, host, lattice, provider};

pub(crate) fn heartbeat() -> Presence {
    Presence {
        lattice: lattice(),
        member: host().public_key().parse().expect("a host"),
        kind: MemberKind::Host,
        name: "edge-1".into(),
        incarnation: Incarnation::from(7),
        seq: 42,
        sent_at: NOW,
        started_at: NOW.before(DAY),
        version: "0.1.0".into(),
        labels: "arch=aarch64,os=linux,zone=eu".parse().expect("labels"),
        site: None,
        state: MemberState::Ready,
        scheduling: Scheduling::Open,
        replicas_max: None,
        actors: vec![ActorPlacement {
            name: "hello".parse().expect("a name"),
            digest: Digest::of(b"hello"),
            replicas: 2,
            in_flight: 3,
            capacity: 256,
            fingerprint: None,
            app: None,
        }],
        providers: vec![ProviderPlacement {
            name: "http".parse().expect("a name"),
            kind: "http-server".parse().expect("a kind"),
            fingerprint: None,
            managed: false,
        }],
        load: Load {
            cpu_permille: 125,
            memory_bytes: 32 << 20,
            in_flight: 3,
        },
        token: "a.member.token".into(),
    }
}

#[test]
fn opens_what_the_member_sealed() {
    let sealed = heartbeat().seal(&host()).expect("seals");
    let opened = Presence::open(&sealed, &lattice(), NOW).expect("opens");
    assert_eq!(opened, heartbeat());
    assert!(opened.actor(&"hello".parse().expect("a name")).is_some());
    assert!(!opened.has_provider(&"other".parse().expect("a name")));
}

#[test]
fn nobody_else_seals_for_a_member() {
    assert_eq!(heartbeat().seal(&provider()), Err(SealError));
    let public = nkeys::KeyPair::from_public_key(&host().public_key()).expect("a key");
    assert_eq!(heartbeat().seal(&public), Err(SealError));
}

#[test]
fn any_changed_byte_breaks_it() {
    let sealed = heartbeat().seal(&host()).expect("seals");
    for position in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[position] ^= 1;
        let opened = Presence::open(&changed, &lattice(), NOW);
        assert!(opened.is_err(), "byte {position} of {}", sealed.len());
    }
}

#[test]
fn says_why_not() {
    let sealed = heartbeat().seal(&host()).expect("seals");
    let other = "other".parse().expect("a lattice");
    assert_eq!(
        Presence::open(&sealed, &other, NOW),
        Err(PresenceError::WrongLattice(lattice()))
    );
    for now in [NOW.after(DAY), NOW.before(DAY)] {
        assert!(matches!(
            Presence::open(&sealed, &lattice(), now),
            Err(PresenceError::Stale { .. })
        ));
    }
    let pretender = Presence {
        kind: MemberKind::Provider,
        ..heartbeat()
    }
    .seal(&host())
    .expect("seals");
    assert!(matches!(
        Presence::open(&pretender, &lattice(), NOW),
        Err(PresenceError::Malformed(_))
    ));
    let long = vec![0; PRESENCE_BYTES_MAX + 1];
    assert_eq!(Presence::open(&long, &lattice(), NOW), Err(PresenceError::TooLarge));
    assert!(matches!(
        Presence::open(b"", &lattice(), NOW),
        Err(PresenceError::Malformed(_))
    ));
}

#[test]
fn later_words_supersede_and_earlier_do_not() {
    let older = heartbeat();
    let newer = Presence { seq: 43, ..heartbeat() };
    let next_run = Presence {
        incarnation: Incarnation::from(8),
        seq: 0,
        ..heartbeat()
    };
    let other = Presence {
        member: provider().public_key().parse().expect("a member"),
        seq: 99,
        ..heartbeat()
    };
    assert!(newer.supersedes(&older) && next_run.supersedes(&newer));
    assert!(!older.supersedes(&newer) && !older.supersedes(&older) && !other.supersedes(&older));
}
