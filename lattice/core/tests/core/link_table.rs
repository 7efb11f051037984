//! The link table, one rule at a time. `link_model` checks the same rules in any order.

use lattice_core::link_table::{Change, Gone, LinkTable};
use lattice_core::token::{Draft, Validity, sign};
use lattice_core::trust::{Issuer, Role, Trust, TrustBundle};
use lattice_core::{LinkClaims, LinkId, Refusal, UnixSeconds, UnlinkClaims};
use nkeys::KeyPair;

use crate::support::{
    DAY, NOW, admit_bundle, bundle, claims, day, empty_trust, issuer, issuer_id, lattice, stranger, trust, trust_in,
};

fn id() -> LinkId {
    claims(1).id(&lattice())
}

fn key() -> String {
    id().link_key()
}

fn link(generation: u64) -> String {
    claims(generation).sign(&issuer(), &lattice(), day()).expect("signs")
}

fn tombstone(generation: u64) -> String {
    UnlinkClaims { generation }
        .sign(&issuer(), &id(), day())
        .expect("signs")
}

fn admit(table: &mut LinkTable, token: &str) -> Result<Change, Refusal> {
    table.admit(&key(), token.as_bytes(), &trust(), NOW)
}

fn refused(table: &mut LinkTable, token: &str) -> &'static str {
    admit(table, token).expect_err("refused").code()
}

fn generation_in_force(table: &LinkTable) -> Option<u64> {
    table.get(&id()).map(|link| link.generation)
}

fn table_with(token: &str) -> LinkTable {
    let mut table = LinkTable::new();
    admit(&mut table, token).expect("a good token");
    table
}

#[test]
fn a_newer_generation_replaces_and_an_older_never_does() {
    let mut table = table_with(&link(2));
    assert_eq!(refused(&mut table, &link(1)), "older-generation");
    assert_eq!(admit(&mut table, &link(2)), Ok(Change::Unchanged));
    assert!(matches!(admit(&mut table, &link(7)), Ok(Change::Linked(link)) if link.generation == 7));
    assert_eq!(refused(&mut table, &link(2)), "older-generation");
    assert_eq!(generation_in_force(&table), Some(7));
}

#[test]
fn another_token_of_the_same_generation_is_refused() {
    let mut table = table_with(&link(2));
    let other = LinkClaims {
        target: "provider/evil".parse().expect("party"),
        ..claims(2)
    };
    let other = other.sign(&issuer(), &lattice(), day()).expect("signs");
    assert_eq!(refused(&mut table, &other), "same-generation-differs");
    assert_eq!(table.get(&id()).expect("still there").target.to_string(), "provider/kv");
}

#[test]
fn a_tombstone_ends_a_link_and_everything_up_to_its_generation() {
    let mut table = table_with(&link(2));
    assert_eq!(refused(&mut table, &tombstone(1)), "older-generation");
    assert_eq!(
        admit(&mut table, &tombstone(3)),
        Ok(Change::Unlinked(id(), Gone::Tombstone))
    );
    assert_eq!(admit(&mut table, &tombstone(3)), Ok(Change::Unchanged));
    assert_eq!(refused(&mut table, &link(2)), "older-generation");
    assert_eq!(refused(&mut table, &link(3)), "same-generation-differs");
    assert_eq!(generation_in_force(&table), None);
    assert!(
        matches!(admit(&mut table, &link(4)), Ok(Change::Linked(_))),
        "a new grant is a new grant"
    );
}

#[test]
fn a_tombstone_wins_over_a_link_of_the_same_generation_in_either_order() {
    let mut table = table_with(&link(3));
    assert_eq!(
        admit(&mut table, &tombstone(3)),
        Ok(Change::Unlinked(id(), Gone::Tombstone))
    );
    let mut other_order = table_with(&tombstone(3));
    assert_eq!(refused(&mut other_order, &link(3)), "same-generation-differs");
    assert_eq!(
        (generation_in_force(&table), generation_in_force(&other_order)),
        (None, None)
    );
}

#[test]
fn a_bare_deletion_changes_nothing() {
    let mut table = table_with(&link(2));
    let still_there = table
        .note_deleted(&key())
        .expect("in force, so somebody should put it back");
    assert_eq!(still_there.generation, 2);
    assert_eq!(generation_in_force(&table), Some(2));
    assert_eq!(table.note_deleted("SOMETHINGELSE"), None);
}

#[test]
fn bad_tokens_are_refused_with_their_reason_and_the_good_one_stays() {
    let mut table = table_with(&link(2));
    let sign_by = |key: &KeyPair, claims: &LinkClaims, validity| claims.sign(key, &lattice(), validity).expect("signs");
    let mut tampered = link(3).into_bytes();
    let middle = tampered.len() - 10;
    tampered[middle] = if tampered[middle] == b'A' { b'B' } else { b'A' };
    let other_lattice = claims(3)
        .sign(&issuer(), &"other".parse().expect("lattice"), day())
        .expect("signs");
    let renamed = Draft {
        subject: id().to_string(),
        lattice: lattice(),
        validity: day(),
        body: LinkClaims {
            source: "actor/evil".parse().expect("party"),
            ..claims(3)
        },
    };
    let elsewhere = LinkClaims {
        label: "elsewhere".parse().expect("label"),
        ..claims(3)
    };
    let cases = [
        (String::from_utf8(tampered).expect("ascii"), "bad-signature"),
        (sign_by(&stranger(), &claims(3), day()), "unknown-issuer"),
        (
            sign_by(&issuer(), &claims(3), Validity::lasting(NOW.before(DAY * 2), DAY)),
            "expired",
        ),
        (
            sign_by(&issuer(), &claims(3), Validity::lasting(NOW.after(DAY), DAY)),
            "not-yet-valid",
        ),
        (
            sign_by(
                &issuer(),
                &claims(3),
                Validity {
                    not_before: Some(NOW.after(DAY / 2)),
                    ..day()
                },
            ),
            "not-yet-valid",
        ),
        (other_lattice, "wrong-audience"),
        (sign(&issuer(), &renamed).expect("signs"), "subject-mismatch"),
        (sign_by(&issuer(), &elsewhere, day()), "key-mismatch"),
        (
            bundle(3)
                .sign(&crate::support::operator(), &lattice(), day())
                .expect("signs"),
            "wrong-kind",
        ),
        ("rubbish".to_owned(), "malformed"),
        (String::new(), "malformed"),
        ("x".repeat(9000), "too-large"),
    ];
    for (token, expect) in cases {
        assert_eq!(refused(&mut table, &token), expect);
        assert_eq!(generation_in_force(&table), Some(2), "{expect}");
        let (at, rejected) = table.refusals().next().expect("listed");
        assert_eq!((at, rejected.refusal.code()), (key().as_str(), expect));
    }
    assert_eq!(
        admit(&mut table, &link(2)),
        Ok(Change::Unchanged),
        "someone put the good one back"
    );
    assert_eq!(table.refusals().count(), 0);
}

#[test]
fn clocks_may_differ_by_a_minute() {
    let mut table = LinkTable::new();
    let validity = Validity::lasting(NOW, DAY);
    let token = claims(1).sign(&issuer(), &lattice(), validity).expect("signs");
    assert!(
        table
            .admit(&key(), token.as_bytes(), &trust(), UnixSeconds::new(NOW.get() - 60))
            .is_ok()
    );
    let end = validity.expires_at.get();
    assert_eq!(table.next_wakeup(), Some(UnixSeconds::new(end + 61)));
    assert_eq!(table.tick(&trust(), UnixSeconds::new(end + 60)), []);
    let changes = table.tick(&trust(), UnixSeconds::new(end + 61));
    assert!(matches!(&changes[..], [Change::Unlinked(gone, Gone::Refused(Refusal::Expired { .. }))] if *gone == id()));
    assert_eq!(table.next_wakeup(), None);
}

#[test]
fn a_link_ends_with_its_issuers_time() {
    let end = NOW.after(DAY / 2);
    let issuers = vec![Issuer {
        expires_at: Some(end),
        ..Issuer::unlimited(issuer_id(&issuer()))
    }];
    let trust = trust_in(&TrustBundle {
        serial: 1,
        issuers,
        ..TrustBundle::default()
    });
    let mut table = LinkTable::new();
    table.admit(&key(), link(1).as_bytes(), &trust, NOW).expect("good");
    assert_eq!(table.tick(&trust, end.after(DAY / 4)).len(), 1);
}

#[test]
fn revoked_links_never_come_back() {
    let mut table = table_with(&link(2));
    let token_id = table.get(&id()).expect("in force").token_id.clone();
    let revoking = trust_in(&TrustBundle {
        revoked_ids: [token_id].into(),
        ..bundle(2)
    });
    let changes = table.recheck(&revoking, NOW);
    assert!(
        matches!(
            &changes[..],
            [Change::Unlinked(_, Gone::Refused(Refusal::Revoked { .. }))]
        ),
        "{changes:?}"
    );
    assert_eq!(table.refusals().next().expect("listed").1.refusal.code(), "revoked");
    // A later bundle forgets the revocation; the member does not, even over a restart.
    assert_eq!(table.recheck(&trust(), NOW), []);
    assert_eq!(refused(&mut table, &link(2)), "revoked");
    let mut restarted = LinkTable::restore(table.export());
    assert_eq!(restarted.recheck(&trust(), NOW), []);
    assert_eq!(refused(&mut restarted, &link(2)), "revoked");
    assert!(admit(&mut restarted, &link(3)).is_ok());
}

#[test]
fn a_minimum_generation_kills_what_lies_below() {
    let mut table = table_with(&link(2));
    let minimum = trust_in(&TrustBundle {
        minimum_generations: [(id(), 3)].into(),
        ..bundle(2)
    });
    assert_eq!(table.recheck(&minimum, NOW).len(), 1);
    let refusal = table
        .admit(&key(), link(2).as_bytes(), &minimum, NOW)
        .expect_err("below");
    assert_eq!(refusal, Refusal::BelowMinimumGeneration { minimum: 3, got: 2 });
    assert!(table.admit(&key(), link(3).as_bytes(), &minimum, NOW).is_ok());
}

#[test]
fn what_came_before_trust_is_taken_when_trust_arrives() {
    let (mut table, mut trust) = (LinkTable::new(), empty_trust());
    let refusal = table
        .admit(&key(), link(1).as_bytes(), &trust, NOW)
        .expect_err("no trust yet");
    assert_eq!(refusal, Refusal::NoTrust);
    admit_bundle(&mut trust, &bundle(1));
    assert!(matches!(&table.recheck(&trust, NOW)[..], [Change::Linked(_)]));
    assert_eq!(table.refusals().count(), 0);
}

#[test]
fn what_came_too_early_is_taken_in_time() {
    let mut table = LinkTable::new();
    let begin = NOW.after(DAY / 2);
    let token = claims(1)
        .sign(
            &issuer(),
            &lattice(),
            Validity {
                not_before: Some(begin),
                ..day()
            },
        )
        .expect("signs");
    assert_eq!(refused(&mut table, &token), "not-yet-valid");
    let wake = table.next_wakeup().expect("it will count");
    assert_eq!(table.tick(&trust(), UnixSeconds::new(wake.get() - 1)), []);
    assert!(matches!(&table.tick(&trust(), wake)[..], [Change::Linked(_)]));
}

#[test]
fn an_issuer_that_comes_back_brings_its_links_back() {
    let mut table = table_with(&link(2));
    let nobody = trust_in(&TrustBundle {
        issuers: Vec::new(),
        ..bundle(2)
    });
    assert_eq!(table.recheck(&nobody, NOW).len(), 1);
    assert_eq!(generation_in_force(&table), None);
    assert!(matches!(&table.recheck(&trust(), NOW)[..], [Change::Linked(link)] if link.generation == 2));
    assert_eq!(table.refusals().count(), 0);
}

#[test]
fn a_waiting_newer_token_is_not_forgotten_when_an_older_one_revives() {
    let mut table = table_with(&link(2));
    let newer = claims(3).sign(&stranger(), &lattice(), day()).expect("signs");
    assert_eq!(refused(&mut table, &newer), "unknown-issuer");
    table.recheck(
        &trust_in(&TrustBundle {
            issuers: Vec::new(),
            ..bundle(2)
        }),
        NOW,
    );
    table.recheck(&trust(), NOW);
    assert_eq!(generation_in_force(&table), Some(2));
    let mut both = bundle(4);
    both.issuers.push(Issuer {
        roles: [Role::Link].into(),
        ..Issuer::unlimited(issuer_id(&stranger()))
    });
    table.recheck(&trust_in(&both), NOW);
    assert_eq!(generation_in_force(&table), Some(3));
}

#[test]
fn a_restart_keeps_links_and_marks_even_offline_with_stale_trust() {
    let table = table_with(&link(5));
    let mut restarted = LinkTable::restore(table.export());
    assert_eq!(
        generation_in_force(&restarted),
        None,
        "nothing counts before it is checked again"
    );
    assert_eq!(refused(&mut restarted, &link(4)), "older-generation");
    // The bundle ran out while the member was down and offline; the link did not.
    let long = Validity::lasting(NOW, DAY * 30);
    let kept = claims(6).sign(&issuer(), &lattice(), long).expect("signs");
    admit(&mut restarted, &kept).expect("good");
    let later = NOW.after(DAY * 3);
    let mut offline = LinkTable::restore(restarted.export());
    assert!(matches!(&offline.recheck(&trust(), later)[..], [Change::Linked(link)] if link.generation == 6));
    let new = claims(7).sign(&issuer(), &lattice(), long).expect("signs");
    let refusal = offline
        .admit(&key(), new.as_bytes(), &trust(), later)
        .expect_err("nothing new without fresh trust");
    assert_eq!(refusal.code(), "trust-expired");
    // Taking a right away needs no fresh bundle.
    let end = UnlinkClaims { generation: 7 }
        .sign(&issuer(), &id(), long)
        .expect("signs");
    assert!(offline.admit(&key(), end.as_bytes(), &trust(), later).is_ok());
}

#[test]
fn a_restart_keeps_tombstones() {
    let mut restarted = LinkTable::restore(table_with(&tombstone(5)).export());
    assert_eq!(restarted.recheck(&trust(), NOW), []);
    assert_eq!(refused(&mut restarted, &link(4)), "older-generation");
    assert_eq!(refused(&mut restarted, &link(5)), "same-generation-differs");
}

#[test]
fn damaged_marks_still_hold_their_generation() {
    let mut saved = table_with(&link(5)).export();
    saved[0].token = "damaged".into();
    let mut restarted = LinkTable::restore(saved);
    assert_eq!(restarted.recheck(&trust(), NOW), []);
    assert_eq!(refused(&mut restarted, &link(4)), "older-generation");
    assert!(admit(&mut restarted, &link(6)).is_ok());
}

#[test]
fn a_flood_of_garbage_pushes_out_garbage_only() {
    let mut table = table_with(&link(1));
    for number in 0..3000 {
        let _refused = table.admit(&format!("K{number}"), b"garbage", &trust(), NOW);
    }
    assert!(table.refusals().count() <= 1024);
    assert_eq!(generation_in_force(&table), Some(1));
}

#[test]
fn a_link_issuer_signs_only_within_its_scope() {
    let scope = serde_json::from_str(r#"{"interfaces":["demo:*"]}"#).expect("a scope");
    let issuers = vec![Issuer {
        scope,
        ..Issuer::unlimited(issuer_id(&issuer()))
    }];
    let narrow: Trust = trust_in(&TrustBundle {
        serial: 1,
        issuers,
        ..TrustBundle::default()
    });
    let mut table = LinkTable::new();
    for token in [link(1), tombstone(1)] {
        let refusal = table
            .admit(&key(), token.as_bytes(), &narrow, NOW)
            .expect_err("outside");
        assert_eq!(refusal.code(), "out-of-scope");
    }
}
