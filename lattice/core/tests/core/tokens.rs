//! The form of tokens: one header, one encoding, one signature, nothing unknown.

use data_encoding::BASE64URL_NOPAD;
use lattice_core::token::{Draft, HostGrant, ProviderGrant, SignError, TOKEN_BYTES_MAX, TokenError, Unverified, sign};
use nkeys::KeyPair;

use crate::support::{day, host, issuer, lattice, operator};

/// Signs any header and claims at all, as an attacker with a key could.
fn forge(key: &KeyPair, header: &str, claims: &str) -> String {
    let signed = format!(
        "{}.{}",
        BASE64URL_NOPAD.encode(header.as_bytes()),
        BASE64URL_NOPAD.encode(claims.as_bytes())
    );
    let signature = BASE64URL_NOPAD.encode(&key.sign(signed.as_bytes()).expect("has a seed"));
    format!("{signed}.{signature}")
}

const HEADER: &str = r#"{"typ":"JWT","alg":"ed25519-nkey"}"#;

fn claims_with(lattice: &str) -> String {
    let (iss, sub) = (issuer().public_key(), host().public_key());
    format!(r#"{{"iss":"{iss}","sub":"{sub}","aud":"default","iat":1763804820,"exp":1763891220,"lattice":{lattice}}}"#)
}

fn read(token: &str) -> Result<HostGrant, TokenError> {
    Ok(Unverified::parse(token)?.verify::<HostGrant>()?.into_claims().body)
}

fn code(token: &str) -> &'static str {
    read(token).expect_err("not a host token").code()
}

fn host_token() -> String {
    let body = HostGrant {
        labels: "zone=eu".parse().expect("labels"),
        ..HostGrant::default()
    };
    let draft = Draft {
        subject: host().public_key(),
        lattice: lattice(),
        validity: day(),
        body,
    };
    sign(&issuer(), &draft).expect("signs")
}

#[test]
fn reads_what_it_signs() {
    let body = read(&host_token()).expect("a good token");
    assert_eq!(body.labels.get("zone"), Some("eu"));
    let minimal = forge(&issuer(), HEADER, &claims_with(r#"{"v":1,"type":"host"}"#));
    assert_eq!(read(&minimal), Ok(HostGrant::default()));
    let tag_last = forge(
        &issuer(),
        HEADER,
        &claims_with(r#"{"labels":{"a":"b"},"type":"host","v":1}"#),
    );
    assert_eq!(
        read(&tag_last).expect("order does not matter").labels.get("a"),
        Some("b")
    );
}

#[test]
fn any_changed_byte_breaks_it() {
    let token = host_token();
    for position in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).expect("still ascii");
        assert!(read(&changed).is_err(), "byte {position}");
    }
}

#[test]
fn only_the_one_header_is_read() {
    let claims = claims_with(r#"{"v":1,"type":"host"}"#);
    for header in [
        r#"{"typ":"JWT","alg":"none"}"#,
        r#"{"alg":"ed25519-nkey","typ":"JWT"}"#,
        r#"{"typ":"JWT", "alg":"ed25519-nkey"}"#,
        r#"{"typ":"JWT","alg":"ed25519-nkey","kid":"x"}"#,
        r#"{"typ":"jwt","alg":"ed25519"}"#,
        "",
    ] {
        assert_eq!(code(&forge(&issuer(), header, &claims)), "malformed", "{header}");
    }
}

#[test]
fn a_restriction_that_is_not_understood_is_not_ignored() {
    let check = |lattice: &str, expect: &str| {
        assert_eq!(
            code(&forge(&issuer(), HEADER, &claims_with(lattice))),
            expect,
            "{lattice}"
        );
    };
    check(r#"{"v":1,"type":"host","only_on_mondays":true}"#, "malformed");
    check(r#"{"v":1,"v":1,"type":"host"}"#, "malformed");
    check(r#"{"v":1,"type":"host","type":"host"}"#, "malformed");
    check(r#"{"v":1,"type":"host","labels":{"a":"b"},"labels":{}}"#, "malformed");
    check(r#"{"v":2,"type":"host","new":1}"#, "unsupported-version");
    check(r#"{"v":1,"type":"link"}"#, "wrong-kind");
    check(r#"{"type":"host"}"#, "malformed");
    check(r#"{"v":1}"#, "malformed");
    check("[]", "malformed");
    let outside = claims_with(r#"{"v":1,"type":"host"}"#).replace(r#""aud""#, r#""extra":1,"aud""#);
    assert_eq!(code(&forge(&issuer(), HEADER, &outside)), "malformed");
    let twice = claims_with(r#"{"v":1,"type":"host"}"#).replace(r#""aud""#, r#""aud":"other","aud""#);
    assert_eq!(code(&forge(&issuer(), HEADER, &twice)), "malformed");
}

#[test]
fn other_encodings_of_the_same_bytes_are_refused() {
    let token = host_token();
    let padded = format!("{token}==");
    let spaced = format!(" {token}");
    // 64 bytes leave four unused bits in the last character; setting one must not give a second valid token.
    let last = token.chars().last().expect("not empty");
    let twin = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let index = twin.find(last).expect("base64url");
    let twin = format!("{}{}", &token[..token.len() - 1], &twin[index + 1..=index + 1]);
    for other in [padded, spaced, twin, token.replace('.', "..")] {
        assert_eq!(code(&other), "malformed");
    }
}

#[test]
fn signed_by_another_key_than_it_names() {
    let claims = claims_with(r#"{"v":1,"type":"host"}"#);
    assert_eq!(code(&forge(&operator(), HEADER, &claims)), "bad-signature");
    let by_host = claims.replace(&issuer().public_key(), &host().public_key());
    assert_eq!(code(&forge(&host(), HEADER, &by_host)), "malformed");
}

#[test]
fn large_tokens_are_neither_made_nor_read() {
    let mut body = ProviderGrant {
        provides: Default::default(),
        labels: Default::default(),
        user: None,
    };
    body.provides = (0..1000)
        .map(|n| format!("provider-{n}").parse().expect("a name"))
        .collect();
    let draft = Draft {
        subject: "x".into(),
        lattice: lattice(),
        validity: day(),
        body,
    };
    assert!(matches!(sign(&issuer(), &draft), Err(SignError::TooLarge(bytes)) if bytes > TOKEN_BYTES_MAX));
    assert_eq!(code(&"x".repeat(TOKEN_BYTES_MAX + 1)), "too-large");
    assert_eq!(code(&"x".repeat(TOKEN_BYTES_MAX)), "malformed");
}

#[test]
fn keys_of_the_wrong_kind_or_without_seed_do_not_sign() {
    let draft = Draft {
        subject: "x".into(),
        lattice: lattice(),
        validity: day(),
        body: HostGrant::default(),
    };
    assert!(matches!(
        sign(&operator(), &draft),
        Err(SignError::WrongKey { kind: "host", .. })
    ));
    let public = KeyPair::from_public_key(&issuer().public_key()).expect("a public key");
    assert!(matches!(sign(&public, &draft), Err(SignError::NoSeed(_))));
}

#[test]
fn weak_keys_verify_nothing() {
    // The neutral element as a public key: plain verification accepts a signature of zeros over any message.
    let mut raw = vec![0u8; 33];
    raw[1] = 1;
    let crc = raw.iter().fold(0u16, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 {
                crc << 1
            } else {
                (crc << 1) ^ 0x1021
            }
        })
    });
    raw.extend(crc.to_le_bytes());
    let weak = data_encoding::BASE32_NOPAD.encode(&raw);
    let id: lattice_core::IssuerId = weak.parse().expect("has the form of a key");
    let mut signature = [0u8; 64];
    signature[0] = 1;
    assert!(!id.verifies(b"anything", &signature));
}
