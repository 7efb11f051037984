//! Tokens of hosts and stand-alone providers.

use lattice_core::presence::MemberKind;
use lattice_core::token::{Draft, HostGrant, ProviderGrant, Validity, VerifiedMember, sign, verify_member};
use lattice_core::trust::TrustBundle;
use lattice_core::{Labels, Refusal};
use nkeys::KeyPair;

use crate::support::{DAY, NOW, bundle, day, host, issuer, lattice, provider, stranger, trust, trust_in};

fn labels(text: &str) -> Labels {
    text.parse().expect("labels")
}

fn host_token(by: &KeyPair, subject: &KeyPair, validity: Validity) -> String {
    let body = HostGrant {
        labels: labels("zone=eu"),
        ..HostGrant::default()
    };
    sign(
        by,
        &Draft {
            subject: subject.public_key(),
            lattice: lattice(),
            validity,
            body,
        },
    )
    .expect("signs")
}

fn provider_token(subject: &KeyPair) -> String {
    let provides = ["redis".parse().expect("a name")].into();
    let body = ProviderGrant {
        provides,
        labels: Labels::default(),
        user: None,
    };
    sign(
        &issuer(),
        &Draft {
            subject: subject.public_key(),
            lattice: lattice(),
            validity: day(),
            body,
        },
    )
    .expect("signs")
}

fn check(token: &str) -> Result<VerifiedMember, Refusal> {
    verify_member(token, &trust(), NOW)
}

#[test]
fn a_host_may_be_any_provider_and_a_provider_only_its_own() {
    let host_member = check(&host_token(&issuer(), &host(), day())).expect("a host");
    assert_eq!(
        (host_member.kind, host_member.id.as_str()),
        (MemberKind::Host, host().public_key().as_str())
    );
    let provider_member = check(&provider_token(&provider())).expect("a provider");
    assert_eq!(provider_member.kind, MemberKind::Provider);
    let name = |text: &str| text.parse().expect("a name");
    assert!(host_member.may_provide(&name("redis")) && host_member.may_provide(&name("http")));
    assert!(provider_member.may_provide(&name("redis")) && !provider_member.may_provide(&name("http")));
}

#[test]
fn refuses_what_is_not_a_members() {
    let code = |token: &str| check(token).expect_err("refused").code();
    assert_eq!(code(&host_token(&stranger(), &host(), day())), "unknown-issuer");
    assert_eq!(
        code(&host_token(&issuer(), &provider(), day())),
        "malformed",
        "a host's key begins with N"
    );
    assert_eq!(
        code(&provider_token(&host())),
        "malformed",
        "a provider's key begins with V"
    );
    assert_eq!(
        code(&host_token(
            &issuer(),
            &host(),
            Validity::lasting(NOW.before(DAY * 2), DAY)
        )),
        "expired"
    );
    assert_eq!(code("rubbish"), "malformed");
}

#[test]
fn a_revoked_host_is_out_at_the_next_recheck() {
    let member = check(&host_token(
        &issuer(),
        &host(),
        Validity::lasting(NOW.before(DAY), DAY * 3),
    ))
    .expect("a host");
    assert_eq!(member.recheck(&trust(), NOW), Ok(()));
    let revoked = TrustBundle {
        revoked_before: [(host().public_key(), NOW)].into(),
        ..bundle(1)
    };
    assert_eq!(
        member.recheck(&trust_in(&revoked), NOW).expect_err("revoked").code(),
        "revoked"
    );
    assert_eq!(
        member.recheck(&trust(), NOW.after(DAY * 3)).expect_err("over").code(),
        "expired"
    );
}

#[test]
fn placement_goes_by_the_tokens_labels() {
    let member = check(&host_token(&issuer(), &host(), day())).expect("a host");
    let reported = labels("arch=aarch64,compile=elsewhere,os=linux,zone=us,gpu=yes");
    assert_eq!(
        member.effective_labels(&reported),
        labels("arch=aarch64,compile=elsewhere,os=linux,zone=eu")
    );
}
