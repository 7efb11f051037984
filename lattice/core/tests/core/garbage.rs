//! Nothing that arrives from outside makes us panic, and nothing unsigned gets in.

use data_encoding::BASE64URL_NOPAD;
use lattice_core::link_table::LinkTable;
use lattice_core::presence::Presence;
use lattice_core::subject::Subject;
use lattice_core::text::{parse_bytes, parse_duration};
use lattice_core::token::nats::parse_creds;
use lattice_core::token::{CommandTarget, Unverified, verify_any_image, verify_command, verify_member};
use lattice_core::trust::Freshness;
use lattice_core::{
    ConfigMap, Digest, Fault, FunctionSet, Incarnation, InvocationId, Labels, LinkClaims, LinkId, MemberId, Party,
    Verb, VersionedInterface,
};
use nkeys::KeyPair;
use proptest::prelude::*;

use crate::presence::heartbeat;
use crate::support::{NOW, claims, day, host, issuer, lattice, trust};

/// Every reader of text and bytes from outside.
fn read_everything(bytes: &[u8]) {
    let verb: Verb = "ping".parse().expect("a verb");
    let mut table = LinkTable::new();
    assert!(table.admit("KEY", bytes, &trust(), NOW).is_err());
    let _fault = Fault::decode(bytes);
    assert!(Presence::open(bytes, &lattice(), NOW).is_err());
    assert!(ConfigMap::decode(bytes, &Digest::of(b"other")).is_err());
    let text = String::from_utf8_lossy(bytes);
    assert!(verify_member(&text, &trust(), NOW).is_err());
    assert!(verify_command(&text, &verb, &CommandTarget::All, b"", &trust(), NOW).is_err());
    assert!(trust().admit(&text, NOW).is_err());
    assert!(verify_any_image([&*text], &Digest::of(b""), &trust(), NOW, Freshness::Required).is_err());
    let _read = (
        Subject::parse(&text),
        parse_bytes(&text),
        parse_duration(&text),
        parse_creds(&text).map(drop),
        text.parse::<Labels>(),
        text.parse::<LinkId>(),
        text.parse::<MemberId>(),
        text.parse::<Party>(),
    );
    let _read = (
        text.parse::<VersionedInterface>(),
        text.parse::<FunctionSet>(),
        text.parse::<Incarnation>(),
        text.parse::<InvocationId>(),
        text.parse::<Digest>(),
    );
}

/// Signs any claims at all with any key, as somebody who has one could.
fn forge(key: &KeyPair, claims: &str) -> String {
    let header = BASE64URL_NOPAD.encode(br#"{"typ":"JWT","alg":"ed25519-nkey"}"#);
    let signed = format!("{header}.{}", BASE64URL_NOPAD.encode(claims.as_bytes()));
    let signature = BASE64URL_NOPAD.encode(&key.sign(signed.as_bytes()).expect("has a seed"));
    format!("{signed}.{signature}")
}

proptest! {
    #[test]
    fn any_bytes(bytes in any::<Vec<u8>>()) {
        read_everything(&bytes);
    }

    #[test]
    fn any_text(text in "\\PC{0,200}") {
        read_everything(text.as_bytes());
    }

    #[test]
    fn texts_that_look_right(text in "(lat|lnk|sha256|wasi)?[.:/@=a-z0-9A-F>*\\[\\]-]{0,80}") {
        read_everything(text.as_bytes());
    }

    #[test]
    fn broken_claims_with_good_signatures(claims in "[\\[\\]{}\":,a-z0-9]{0,60}") {
        read_everything(forge(&issuer(), &claims).as_bytes());
    }

    #[test]
    fn good_claims_with_a_broken_spot(position: prop::sample::Index, byte in 0x20u8..0x7f) {
        let good = claims(1).sign(&issuer(), &lattice(), day()).expect("signs");
        let payload = good.split('.').nth(1).expect("three parts");
        let mut payload = BASE64URL_NOPAD.decode(payload.as_bytes()).expect("base64url");
        let position = position.index(payload.len());
        payload[position] = byte;
        let claims = String::from_utf8(payload).expect("ascii");
        // Signed by the right issuer, so it may even be good; it only must not panic.
        let forged = forge(&issuer(), &claims);
        let mut table = LinkTable::new();
        let _answer = table.admit(&"A".repeat(52), forged.as_bytes(), &trust(), NOW);
        let _claims = Unverified::parse(&forged).map(|token| token.verify::<LinkClaims>().map(drop));
    }

    #[test]
    fn heartbeats_cut_short_or_changed(cut: prop::sample::Index, byte: u8) {
        let mut sealed = heartbeat().seal(&host()).expect("seals");
        let position = cut.index(sealed.len());
        if sealed[position] != byte {
            sealed[position] = byte;
            prop_assert!(Presence::open(&sealed, &lattice(), NOW).is_err());
        }
        prop_assert!(Presence::open(&sealed[..position], &lattice(), NOW).is_err());
    }
}
