//! Code that was compiled elsewhere: whom a host believes about it, and what it reads without harm.

use lattice_core::aot::{Artifact, ArtifactError, Statement, is_artifact};
use lattice_core::token::{AotClaims, CodeFlavor, Unverified, Validity, VerifiedCode, verify_code};
use lattice_core::trust::{Freshness, Issuer, Role, Trust, TrustBundle};
use lattice_core::{Digest, Refusal, UnixSeconds};
use nkeys::KeyPair;
use proptest::prelude::*;

use crate::support::{DAY, NOW, bundle, day, empty_trust, issuer, issuer_id, lattice, stranger, trust, trust_in};

const CODE: &[u8] = b"\x7fELF and so on";

fn said() -> AotClaims {
    AotClaims {
        component: Digest::of(b"component"),
        code: Digest::of(CODE),
        target: "aarch64-edge64".parse().expect("a target"),
        flavor: CodeFlavor::Sequential,
        engine: "wasmtime-48.1".to_owned(),
    }
}

fn signed_by(key: &KeyPair) -> Unverified {
    let token = said().sign(key, &lattice(), day()).expect("signs");
    Unverified::parse(&token).expect("a token")
}

fn verify(token: &Unverified, trust: &Trust, now: UnixSeconds) -> Result<VerifiedCode, Refusal> {
    verify_code(token, &said().component, trust, now, Freshness::Required)
}

fn code(token: &Unverified, trust: &Trust) -> &'static str {
    verify(token, trust, NOW).expect_err("refused").code()
}

#[test]
fn an_issuer_with_the_role_is_believed() {
    let verified = verify(&signed_by(&issuer()), &trust(), NOW).expect("is believed");
    assert_eq!(verified.claims(), &said());
    assert_eq!(verified.issuer(), &issuer_id(&issuer()));
    assert_eq!(verified.expires_at(), NOW.after(DAY));
}

#[test]
fn nobody_else_is_believed() {
    assert_eq!(code(&signed_by(&stranger()), &trust()), "unknown-issuer");
    assert_eq!(code(&signed_by(&issuer()), &empty_trust()), "no-trust");
    let roles = Role::ALL.into_iter().filter(|role| *role != Role::Aot).collect();
    let without = TrustBundle {
        issuers: vec![Issuer {
            roles,
            ..Issuer::unlimited(issuer_id(&issuer()))
        }],
        ..bundle(1)
    };
    assert_eq!(code(&signed_by(&issuer()), &trust_in(&without)), "role-missing");
}

#[test]
fn what_was_revoked_is_not_believed_any_more() {
    let token = signed_by(&issuer());
    let mut by_id = bundle(1);
    by_id.revoked_ids.insert(token.head().id.clone());
    assert_eq!(code(&token, &trust_in(&by_id)), "revoked");
    let mut by_key = bundle(1);
    by_key.revoked_before.insert(issuer().public_key(), NOW.after(DAY));
    assert_eq!(code(&token, &trust_in(&by_key)), "revoked");
    // All code of one component, whoever signed it.
    let mut by_component = bundle(1);
    let subject = format!("aot:{}", said().component);
    by_component.revoked_before.insert(subject, NOW.after(DAY));
    assert_eq!(code(&token, &trust_in(&by_component)), "revoked");
}

#[test]
fn a_signature_is_for_one_component_one_lattice_and_its_time() {
    let token = signed_by(&issuer());
    let other = verify_code(&token, &Digest::of(b"other"), &trust(), NOW, Freshness::Required);
    assert_eq!(other.expect_err("refused").code(), "other-component");
    let elsewhere = said()
        .sign(&issuer(), &"elsewhere".parse().expect("an id"), day())
        .expect("signs");
    assert_eq!(
        code(&Unverified::parse(&elsewhere).expect("a token"), &trust()),
        "wrong-audience"
    );
    let late = verify(&token, &trust(), NOW.after(DAY * 2)).expect_err("refused");
    assert_eq!(late.code(), "expired");
}

#[test]
fn a_stale_bundle_will_do_for_what_was_believed_before() {
    let long = Validity::lasting(NOW, DAY * 30);
    let token = said().sign(&issuer(), &lattice(), long).expect("signs");
    let token = Unverified::parse(&token).expect("a token");
    let later = NOW.after(DAY * 7);
    assert_eq!(
        verify(&token, &trust(), later).expect_err("refused").code(),
        "trust-expired"
    );
    verify_code(&token, &said().component, &trust(), later, Freshness::MayBeStale).expect("goes on");
}

#[test]
fn an_artifact_reads_back_as_it_was_written() {
    let unsigned = Artifact {
        statement: Statement::Unsigned(said()),
        code: CODE,
    };
    let signed = Artifact {
        statement: Statement::Signed(signed_by(&issuer())),
        code: CODE,
    };
    for artifact in [unsigned, signed] {
        let bytes = artifact.write();
        assert!(is_artifact(&bytes));
        let read = Artifact::parse(&bytes).expect("reads");
        assert_eq!((read.statement.claims(), read.code), (Ok(said()), CODE));
        assert_eq!(read.write(), bytes);
    }
}

#[test]
fn what_is_no_artifact_is_told_apart() {
    let parse = |bytes: &[u8]| Artifact::parse(bytes).map(drop).expect_err("is none");
    assert_eq!(parse(b""), ArtifactError::NotAnArtifact);
    assert_eq!(parse(b"\0asm\x0d\0\x01\0"), ArtifactError::NotAnArtifact);
    assert_eq!(parse(b"LATTAOT"), ArtifactError::CutOff);
    assert_eq!(parse(b"LATTAOT\x02...."), ArtifactError::UnsupportedVersion(2));
    assert_eq!(parse(b"LATTAOT\x01\x05\0\0\0{"), ArtifactError::CutOff);
    assert!(matches!(
        parse(b"LATTAOT\x01\xff\xff\xff\xff"),
        ArtifactError::Statement(_)
    ));
    assert!(matches!(parse(b"LATTAOT\x01\x02\0\0\0{}"), ArtifactError::Statement(_)));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_harm(mut bytes in any::<Vec<u8>>(), magic: bool) {
        if magic {
            bytes.splice(0..0, *b"LATTAOT\x01");
        }
        let _read = Artifact::parse(&bytes).map(|artifact| artifact.statement.claims().map(drop));
    }

    #[test]
    fn nothing_that_was_changed_is_believed_to_be_the_code(position: prop::sample::Index, bit in 0u8..8) {
        let artifact = Artifact { statement: Statement::Signed(signed_by(&issuer())), code: CODE };
        let mut bytes = artifact.write();
        let position = position.index(bytes.len());
        bytes[position] ^= 1 << bit;
        if let Ok(Artifact { statement: Statement::Signed(token), code }) = Artifact::parse(&bytes)
            && let Ok(verified) = verify(&token, &trust(), NOW)
        {
            prop_assert_ne!(verified.claims().code, Digest::of(code));
        }
    }
}
