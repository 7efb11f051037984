//! Bundles: anti-rollback, operators, roles, scopes, revocation, and what a stale bundle still does.

use lattice_core::token::Validity;
use lattice_core::trust::{
    Admission, Ask, Freshness, Issuer, Provenance, Role, Trust, TrustBundle, TrustMark, TrustRefusal,
};
use lattice_core::{Digest, Refusal, UnixSeconds};
use nkeys::KeyPair;

use crate::support::{
    DAY, NOW, bundle, day, empty_trust, host, issuer, issuer_id, key, lattice, operator, operator_id, stranger, trust,
    trust_in,
};

fn signed(bundle: &TrustBundle) -> String {
    bundle.sign(&operator(), &lattice(), day()).expect("signs")
}

fn ask(trust: &Trust, by: &KeyPair, ask: &Ask<'_>, now: UnixSeconds) -> Result<UnixSeconds, Refusal> {
    let provenance = Provenance {
        issued_at: NOW,
        token_id: "T1",
        subject: "someone",
    };
    trust.authorize(&issuer_id(by), ask, &provenance, now, Freshness::Required)
}

fn code(trust: &Trust, by: &KeyPair, what: &Ask<'_>) -> &'static str {
    ask(trust, by, what, NOW).expect_err("refused").code()
}

#[test]
fn nothing_is_authorized_without_a_bundle() {
    assert_eq!(code(&empty_trust(), &issuer(), &Ask::Image), "no-trust");
}

#[test]
fn a_lower_serial_is_refused_even_after_a_restart() {
    let mut trust = empty_trust();
    assert_eq!(
        trust.admit(&signed(&bundle(5)), NOW),
        Ok(Admission::Changed { serial: 5 })
    );
    assert_eq!(trust.admit(&signed(&bundle(5)), NOW), Ok(Admission::Unchanged));
    assert_eq!(
        trust.admit(&signed(&bundle(4)), NOW),
        Err(TrustRefusal::OlderSerial { have: 5, got: 4 })
    );
    let other = TrustBundle {
        issuers: Vec::new(),
        ..bundle(5)
    };
    assert_eq!(
        trust.admit(&signed(&other), NOW),
        Err(TrustRefusal::SameSerialDiffers { serial: 5 })
    );
    assert_eq!(trust.serial(), Some(5));

    let mut restarted = empty_trust().resume(trust.mark());
    assert_eq!(
        restarted.admit(&signed(&bundle(4)), NOW),
        Err(TrustRefusal::OlderSerial { have: 5, got: 4 })
    );
    assert_eq!(
        restarted.admit(&signed(&other), NOW),
        Err(TrustRefusal::SameSerialDiffers { serial: 5 })
    );
    assert_eq!(
        restarted.admit(&signed(&bundle(5)), NOW),
        Ok(Admission::Changed { serial: 5 })
    );
    assert_eq!(
        restarted.admit(&signed(&bundle(6)), NOW),
        Ok(Admission::Changed { serial: 6 })
    );
}

#[test]
fn only_trusted_operators_sign_bundles() {
    let other = key(nkeys::KeyPairType::Operator, 9);
    let token = bundle(1).sign(&other, &lattice(), day()).expect("signs");
    assert!(matches!(
        empty_trust().admit(&token, NOW),
        Err(TrustRefusal::UnknownOperator(_))
    ));
    let both = [operator_id(), other.public_key().parse().expect("an operator")];
    assert!(
        Trust::new(lattice(), both).admit(&token, NOW).is_ok(),
        "rotation: two operators at a time"
    );
}

#[test]
fn a_refused_bundle_leaves_the_old_one_in_force() {
    let mut trust = trust();
    let mut tampered = signed(&bundle(2)).into_bytes();
    let last = tampered.len() - 5;
    tampered[last] = if tampered[last] == b'A' { b'B' } else { b'A' };
    let tampered = String::from_utf8(tampered).expect("ascii");
    let elsewhere = bundle(2)
        .sign(&operator(), &"other".parse().expect("a lattice"), day())
        .expect("signs");
    let over = bundle(2)
        .sign(&operator(), &lattice(), Validity::lasting(NOW.before(DAY * 3), DAY))
        .expect("signs");
    let early = bundle(2)
        .sign(&operator(), &lattice(), Validity::lasting(NOW.after(DAY), DAY))
        .expect("signs");
    let check = |trust: &mut Trust, token: &str, expect: &str| {
        let Err(TrustRefusal::Token(refusal)) = trust.admit(token, NOW) else {
            panic!("{expect}")
        };
        assert_eq!(refusal.code(), expect);
        assert_eq!(trust.serial(), Some(1));
    };
    check(&mut trust, &tampered, "bad-signature");
    check(&mut trust, &elsewhere, "wrong-audience");
    check(&mut trust, &over, "expired");
    check(&mut trust, &early, "not-yet-valid");
}

#[test]
fn a_stale_bundle_lets_nothing_new_in() {
    let later = NOW.after(DAY * 2);
    let trust = trust();
    assert_eq!(
        ask(&trust, &issuer(), &Ask::Image, later).expect_err("stale").code(),
        "trust-expired"
    );
    let provenance = Provenance {
        issued_at: NOW,
        token_id: "T1",
        subject: "someone",
    };
    let known = trust.authorize(
        &issuer_id(&issuer()),
        &Ask::Image,
        &provenance,
        later,
        Freshness::MayBeStale,
    );
    assert_eq!(known, Ok(UnixSeconds::MAX));
}

#[test]
fn a_stale_bundle_is_taken_back_after_a_restart_but_no_new_stale_one() {
    let (before, later) = (trust(), NOW.after(DAY * 2));
    let mut restarted = empty_trust().resume(before.mark());
    assert_eq!(
        restarted.admit(&signed(&bundle(1)), later),
        Ok(Admission::Changed { serial: 1 })
    );
    assert!(empty_trust().admit(&signed(&bundle(1)), later).is_err());
    let mark = TrustMark {
        serial: 1,
        digest: Digest::of(b"other"),
    };
    assert!(
        empty_trust()
            .resume(Some(mark))
            .admit(&signed(&bundle(1)), later)
            .is_err()
    );
}

#[test]
fn roles_times_and_scopes_narrow_an_issuer() {
    let entry = |roles: &[Role], scope: &str| Issuer {
        roles: roles.iter().copied().collect(),
        scope: serde_json::from_str(scope).expect("a scope"),
        ..Issuer::unlimited(issuer_id(&issuer()))
    };
    let issuers = vec![
        entry(&[Role::Link], r#"{"sources":["actor/shop-*"],"interfaces":["wasi:*"]}"#),
        entry(&[Role::Link], r#"{"targets":["provider/kv"]}"#),
        entry(
            &[Role::Host],
            r#"{"host_labels":{"zone":"eu"},"providers":["redis-*"]}"#,
        ),
        entry(&[Role::Control], r#"{"verbs":["ping","actor-*"]}"#),
        Issuer {
            expires_at: Some(NOW.before(DAY)),
            ..entry(&[Role::Image], "{}")
        },
        Issuer {
            not_before: Some(NOW.after(DAY)),
            ..entry(&[Role::Image], "{}")
        },
    ];
    let trust = trust_in(&TrustBundle {
        serial: 1,
        issuers,
        ..TrustBundle::default()
    });
    let link = |source: &str, interface: &str, target: &str| {
        let (source, target) = (source.parse().expect("party"), target.parse().expect("party"));
        let interface = interface.parse().expect("interface");
        let what = Ask::Link {
            source: &source,
            interface: &interface,
            target: &target,
        };
        ask(&trust, &issuer(), &what, NOW)
            .map(drop)
            .map_err(|refusal| refusal.to_string())
    };
    assert_eq!(link("actor/shop-cart", "wasi:http", "provider/web"), Ok(()));
    assert_eq!(link("actor/other", "demo:x/y", "provider/kv"), Ok(()));
    let refusal = link("actor/shop-cart", "demo:x/y", "provider/web").expect_err("neither entry");
    assert!(refusal.contains("is outside what the issuer"), "{refusal}");

    let labels = |text: &str| text.parse().expect("labels");
    assert!(
        ask(
            &trust,
            &issuer(),
            &Ask::Host {
                labels: &labels("zone=eu,a=b")
            },
            NOW
        )
        .is_ok()
    );
    assert_eq!(
        code(
            &trust,
            &issuer(),
            &Ask::Host {
                labels: &labels("zone=us")
            }
        ),
        "out-of-scope"
    );
    let names = |name: &str| [name.parse().expect("a name")].into();
    assert!(
        ask(
            &trust,
            &issuer(),
            &Ask::Provider {
                names: &names("redis-1")
            },
            NOW
        )
        .is_ok()
    );
    assert_eq!(
        code(&trust, &issuer(), &Ask::Provider { names: &names("http") }),
        "out-of-scope"
    );
    let verb = |text: &str| text.parse().expect("a verb");
    assert!(
        ask(
            &trust,
            &issuer(),
            &Ask::Command {
                verb: &verb("actor-start")
            },
            NOW
        )
        .is_ok()
    );
    assert_eq!(
        code(
            &trust,
            &issuer(),
            &Ask::Command {
                verb: &verb("host-stop")
            }
        ),
        "out-of-scope"
    );
    assert_eq!(code(&trust, &issuer(), &Ask::Image), "issuer-not-in-force");
    assert_eq!(code(&trust, &issuer(), &Ask::Aot), "role-missing");
    assert_eq!(code(&trust, &stranger(), &Ask::Image), "unknown-issuer");
}

#[test]
fn authority_ends_with_the_issuers_time() {
    let end = NOW.after(DAY);
    let issuers = vec![Issuer {
        expires_at: Some(end),
        ..Issuer::unlimited(issuer_id(&issuer()))
    }];
    let trust = trust_in(&TrustBundle {
        serial: 1,
        issuers,
        ..TrustBundle::default()
    });
    assert_eq!(ask(&trust, &issuer(), &Ask::Image, NOW), Ok(end));
}

#[test]
fn revocation_by_id_by_issuer_and_by_subject() {
    let host = host().public_key();
    let revoke = |bundle: TrustBundle, issued_at: UnixSeconds| {
        let provenance = Provenance {
            issued_at,
            token_id: "T1",
            subject: &host,
        };
        let trust = trust_in(&bundle);
        let asked = trust.authorize(
            &issuer_id(&issuer()),
            &Ask::Image,
            &provenance,
            NOW,
            Freshness::Required,
        );
        asked.map(drop).map_err(|refusal| refusal.code())
    };
    let by_id = TrustBundle {
        revoked_ids: ["T1".to_owned()].into(),
        ..bundle(1)
    };
    assert_eq!(revoke(by_id, NOW), Err("revoked"));
    for key in [issuer().public_key(), host.clone()] {
        let by_time = TrustBundle {
            revoked_before: [(key, NOW)].into(),
            ..bundle(1)
        };
        assert_eq!(revoke(by_time.clone(), NOW.before(DAY)), Err("revoked"));
        assert_eq!(revoke(by_time, NOW), Ok(()));
    }
}
