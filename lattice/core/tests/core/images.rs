//! Signatures of components: which of them let one run, and what is said when none does.

use lattice_core::token::{ImageClaims, ImageRefusal, Validity, verify_any_image, verify_image};
use lattice_core::trust::{Freshness, ImagePolicy, Issuer, Role, Trust, TrustBundle};
use lattice_core::{Digest, UnixSeconds};
use nkeys::KeyPair;

use crate::support::{
    DAY, NOW, bundle, claims, day, empty_trust, issuer, issuer_id, lattice, operator, stranger, trust, trust_in,
};

fn component() -> Digest {
    Digest::of(b"a component")
}

fn claims_of(component: Digest) -> ImageClaims {
    ImageClaims {
        component,
        manifest: Some(Digest::of(b"a manifest")),
        image: "ghcr.io/shop/web:1.0".to_owned(),
    }
}

fn token(key: &KeyPair, component: Digest) -> String {
    claims_of(component).sign(key, &lattice(), day()).expect("signs")
}

fn refused(token: &str, trust: &Trust) -> &'static str {
    let verified = verify_image(token, &component(), trust, NOW, Freshness::Required);
    verified.expect_err("refused").code()
}

#[test]
fn a_signature_by_an_issuer_with_the_role_lets_a_component_run() {
    let token = token(&issuer(), component());
    let verified = verify_image(&token, &component(), &trust(), NOW, Freshness::Required).expect("good");
    assert_eq!(verified.claims, claims_of(component()));
    assert_eq!(verified.issuer, issuer_id(&issuer()));
}

#[test]
fn every_refusal_names_its_reason() {
    let (good, other) = (token(&issuer(), component()), token(&issuer(), Digest::of(b"another")));
    assert_eq!(refused(&good, &empty_trust()), "no-trust");
    assert_eq!(refused(&other, &trust()), "other-component");
    assert_eq!(refused(&token(&stranger(), component()), &trust()), "unknown-issuer");
    let mut tampered = good.clone().into_bytes();
    let last = tampered.len() - 2;
    tampered[last] = if tampered[last] == b'A' { b'B' } else { b'A' };
    assert_eq!(
        refused(&String::from_utf8(tampered).expect("text"), &trust()),
        "bad-signature"
    );
    let link = claims(1).sign(&issuer(), &lattice(), day()).expect("signs");
    assert_eq!(refused(&link, &trust()), "wrong-kind");
    let elsewhere = claims_of(component()).sign(&issuer(), &"elsewhere".parse().expect("an id"), day());
    assert_eq!(refused(&elsewhere.expect("signs"), &trust()), "wrong-audience");
    let linker = Issuer {
        roles: [Role::Link].into(),
        ..Issuer::unlimited(issuer_id(&issuer()))
    };
    let without_role = TrustBundle {
        issuers: vec![linker],
        ..bundle(1)
    };
    assert_eq!(refused(&good, &trust_in(&without_role)), "role-missing");
    let mut revoking = bundle(1);
    let later = UnixSeconds::new(NOW.get() + 1);
    revoking.revoked_before.insert(issuer().public_key(), later);
    assert_eq!(refused(&good, &trust_in(&revoking)), "revoked");
    let id = verify_image(&good, &component(), &trust(), NOW, Freshness::Required)
        .expect("good")
        .token_id;
    let mut revoking = bundle(1);
    revoking.revoked_ids.insert(id);
    assert_eq!(refused(&good, &trust_in(&revoking)), "revoked");
}

#[test]
fn an_expired_signature_is_refused() {
    let token = token(&issuer(), component());
    let later = NOW.after(DAY * 2);
    let stale = bundle(1)
        .sign(&operator(), &lattice(), Validity::lasting(NOW, DAY * 9))
        .expect("signs");
    let mut trust = empty_trust();
    trust.admit(&stale, NOW).expect("a good bundle");
    let refusal = verify_image(&token, &component(), &trust, later, Freshness::Required).expect_err("refused");
    assert_eq!(refusal.code(), "expired");
}

#[test]
fn one_good_signature_is_enough_and_the_closest_reason_is_told() {
    let (good, bad) = (token(&issuer(), component()), token(&stranger(), component()));
    let other = token(&stranger(), Digest::of(b"another"));
    let check = |tokens: &[&str]| {
        let tokens = tokens.iter().copied();
        verify_any_image(tokens, &component(), &trust(), NOW, Freshness::Required).map_err(|refusal| refusal.code())
    };
    assert!(check(&["garbage", &other, &bad, &good]).is_ok());
    assert_eq!(check(&[]).map(drop), Err("unsigned"));
    assert_eq!(check(&["garbage"]).map(drop), Err("malformed"));
    assert_eq!(check(&[&other, "garbage"]).map(drop), Err("other-component"));
    assert_eq!(check(&["garbage", &bad, &other]).map(drop), Err("unknown-issuer"));
    // One that an issuer took back tells more than one that nobody knows.
    let id = lattice_core::token::Unverified::parse(&good)
        .expect("a token")
        .head()
        .id
        .clone();
    let mut revoking = bundle(1);
    revoking.revoked_ids.insert(id);
    let tokens = [good.as_str(), bad.as_str()];
    let refused = verify_any_image(tokens, &component(), &trust_in(&revoking), NOW, Freshness::Required);
    assert_eq!(refused.expect_err("refused").code(), "revoked");
    let none: Result<_, ImageRefusal> = verify_any_image([], &component(), &empty_trust(), NOW, Freshness::Required);
    assert_eq!(none, Err(ImageRefusal::Unsigned));
}

#[test]
fn the_policy_is_signed_and_silent_bundles_demand_nothing() {
    assert_eq!(trust().image_policy(), ImagePolicy::Any);
    let signed = TrustBundle {
        images: ImagePolicy::Signed,
        ..bundle(1)
    };
    assert_eq!(trust_in(&signed).image_policy(), ImagePolicy::Signed);
    let text = |bundle: &TrustBundle| serde_json::to_string(bundle).expect("JSON");
    assert!(
        !text(&bundle(1)).contains("images"),
        "bundles without a policy are what they were"
    );
    assert!(text(&signed).contains(r#""images":"signed""#));
}
