//! Command tokens: one verb, one target, one body, one time.

use lattice_core::token::{
    COMMAND_LIFETIME_MAX, CommandClaims, CommandTarget, Draft, ReplayGuard, Replayed, Validity, VerifiedCommand, sign,
    verify_command,
};
use lattice_core::{Digest, Refusal, UnixSeconds, Verb};

use crate::support::{DAY, NOW, host, issuer, lattice, stranger, trust};

const BODY: &[u8] = b"the request";

fn verb(text: &str) -> Verb {
    text.parse().expect("a verb")
}

fn target() -> CommandTarget {
    host().public_key().parse().expect("a member")
}

fn claims(nonce: u128) -> CommandClaims {
    CommandClaims {
        verb: verb("actor-start"),
        target: target(),
        body: Digest::of(BODY),
        nonce: uuid::Uuid::from_u128(nonce),
    }
}

fn check(token: &str, now: UnixSeconds) -> Result<VerifiedCommand, Refusal> {
    verify_command(token, &verb("actor-start"), &target(), BODY, &trust(), now)
}

#[test]
fn a_command_counts_for_exactly_what_was_signed() {
    let token = claims(1).sign(&issuer(), lattice(), NOW).expect("signs");
    assert!(check(&token, NOW).is_ok());
    let code = |verb_text: &str, target: CommandTarget, body: &[u8]| {
        verify_command(&token, &verb(verb_text), &target, body, &trust(), NOW)
            .expect_err("refused")
            .code()
    };
    assert_eq!(code("actor-stop", target(), BODY), "other-command");
    assert_eq!(code("actor-start", CommandTarget::All, BODY), "other-command");
    assert_eq!(code("actor-start", target(), b"another request"), "other-body");
    let by_stranger = claims(1).sign(&stranger(), lattice(), NOW).expect("signs");
    assert_eq!(check(&by_stranger, NOW).expect_err("refused").code(), "unknown-issuer");
}

#[test]
fn a_command_counts_for_a_short_time() {
    let token = claims(1).sign(&issuer(), lattice(), NOW).expect("signs");
    assert_eq!(check(&token, NOW.after(DAY)).expect_err("over").code(), "expired");
    assert_eq!(
        check(&token, NOW.before(DAY)).expect_err("early").code(),
        "not-yet-valid"
    );
    let lasting = |lifetime| {
        let validity = Validity::lasting(NOW, lifetime);
        sign(
            &issuer(),
            &Draft {
                subject: "x".into(),
                lattice: lattice(),
                validity,
                body: claims(1),
            },
        )
        .expect("signs")
    };
    assert!(check(&lasting(COMMAND_LIFETIME_MAX), NOW).is_ok());
    assert_eq!(check(&lasting(DAY), NOW).expect_err("long-lived").code(), "malformed");
}

#[test]
fn a_command_counts_once() {
    let mut guard = ReplayGuard::default();
    let command = |nonce| check(&claims(nonce).sign(&issuer(), lattice(), NOW).expect("signs"), NOW).expect("good");
    assert_eq!(guard.admit(&command(1), NOW), Ok(()));
    assert_eq!(guard.admit(&command(1), NOW), Err(Replayed::Before));
    assert_eq!(
        guard.admit(&command(2), NOW),
        Ok(()),
        "the same order again is a new command"
    );
}

#[test]
fn a_full_guard_refuses_rather_than_forgets() {
    let mut guard = ReplayGuard::new(1);
    let command =
        |nonce, now| check(&claims(nonce).sign(&issuer(), lattice(), now).expect("signs"), now).expect("good");
    assert_eq!(guard.admit(&command(1, NOW), NOW), Ok(()));
    assert_eq!(guard.admit(&command(2, NOW), NOW), Err(Replayed::Full));
    let later = NOW.after(DAY / 2);
    assert_eq!(
        guard.admit(&command(3, later), later),
        Ok(()),
        "what could not be replayed any more makes room"
    );
}
