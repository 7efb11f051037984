//! The bytes on the wire, kept as files. A change here is a change that running members see: make it on purpose, with
//! `UPDATE_GOLDEN=1 cargo test -p lattice-core --test core golden`, and read the difference.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use lattice_core::link_table::{Change, LinkTable};
use lattice_core::presence::Presence;
use lattice_core::token::nats::{AccountLimits, Permissions, account_token, creds_text, operator_token, user_token};
use lattice_core::token::{
    CommandClaims, CommandTarget, Draft, HostGrant, ProviderGrant, sign, verify_command, verify_member,
};
use lattice_core::trust::{Admission, Issuer, Role, TrustBundle};
use lattice_core::{
    ConfigMap, Digest, Fault, FaultKind, FunctionSet, LinkClaims, LinkLimits, UnixSeconds, UnlinkClaims,
};
use nkeys::KeyPairType;

use crate::presence::heartbeat;
use crate::support::{
    DAY, NOW, bundle, claims, day, empty_trust, host, issuer, issuer_id, key, lattice, operator, provider, stranger,
    trust,
};

/// Compares with the file, or writes it when asked to. Returns what the file holds, the bytes of the last release.
fn golden(name: &str, got: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, got).expect("the golden folder can be written");
    }
    let kept = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}; see golden.rs", path.display()));
    assert_eq!(kept, got, "{name} changed; see golden.rs");
    kept
}

/// Keeps a token, and beneath it its claims for the reader. Returns the kept token.
fn golden_token(name: &str, token: &str) -> String {
    let payload = token.split('.').nth(1).expect("three parts");
    let payload = BASE64URL_NOPAD.decode(payload.as_bytes()).expect("base64url");
    let claims: serde_json::Value = serde_json::from_slice(&payload).expect("JSON");
    let shown = serde_json::to_string_pretty(&claims).expect("JSON");
    let kept = golden(&format!("{name}.jwt"), &format!("{token}\n\n{shown}\n"));
    kept.lines().next().expect("a token").to_owned()
}

/// Keeps bytes as lines of hexadecimal digits with their text beside them. Returns the kept bytes.
fn golden_bytes(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut text = String::new();
    for line in bytes.chunks(24) {
        let shown = |byte: &u8| {
            if (0x20..0x7f).contains(byte) {
                char::from(*byte)
            } else {
                '·'
            }
        };
        let beside: String = line.iter().map(shown).collect();
        writeln!(text, "{:48}  {beside}", HEXLOWER.encode(line)).expect("a string takes all");
    }
    let kept = golden(&format!("{name}.hex"), &text);
    let digits = kept
        .lines()
        .flat_map(|line| line[..48].trim_end().bytes())
        .collect::<Vec<_>>();
    HEXLOWER.decode(&digits).expect("hexadecimal")
}

#[test]
fn trust_bundle() {
    let scope =
        serde_json::from_str(r#"{"sources":["actor/shop-*"],"interfaces":["wasi:*"],"host_labels":{"zone":"eu"}}"#);
    let narrow = Issuer {
        key: issuer_id(&stranger()),
        roles: [Role::Link, Role::Host].into(),
        scope: scope.expect("a scope"),
        not_before: Some(NOW),
        expires_at: Some(NOW.after(DAY)),
    };
    let mut bundle: TrustBundle = bundle(3);
    bundle.issuers.push(narrow);
    bundle.revoked_ids = ["DEADTOKEN".to_owned()].into();
    bundle.revoked_before = [(host().public_key(), NOW.before(DAY))].into();
    bundle.minimum_generations = [(claims(1).id(&lattice()), 2)].into();
    let kept = golden_token("trust", &bundle.sign(&operator(), &lattice(), day()).expect("signs"));
    assert_eq!(empty_trust().admit(&kept, NOW), Ok(Admission::Changed { serial: 3 }));
}

#[test]
fn link_and_its_end() {
    let small = claims(1).sign(&issuer(), &lattice(), day()).expect("signs");
    let small = golden_token("link-small", &small);
    let full = LinkClaims {
        source_digests: vec![Digest::of(b"counter")],
        versions: vec![
            "0.2.0-draft".parse().expect("version"),
            "0.2.0-draft2".parse().expect("version"),
        ],
        target_key: Some(provider().public_key().parse().expect("a key")),
        functions: FunctionSet::Only(vec!["get".parse().expect("name"), "set".parse().expect("name")]),
        config_digest: Some(ConfigMap::from_iter([("bucket", "counters")]).digest()),
        secrets: vec!["redis-url".into()],
        limits: LinkLimits {
            payload_bytes_max: Some(65_536),
            rate_per_second: Some(100),
            deadline_ms: Some(500),
        },
        hosts: "zone=eu".parse().expect("labels"),
        app: serde_json::from_str(r#"{"name":"shop","revision":4}"#).expect("an app"),
        ..claims(7)
    };
    let full = golden_token("link-full", &full.sign(&issuer(), &lattice(), day()).expect("signs"));
    let end = UnlinkClaims { generation: 8 }
        .sign(&issuer(), &claims(1).id(&lattice()), day())
        .expect("signs");
    let end = golden_token("unlink", &end);

    let mut table = LinkTable::new();
    let key = claims(1).id(&lattice()).link_key();
    golden("link-key.txt", &format!("{}\n{key}\n", claims(1).id(&lattice())));
    for token in [small, full, end] {
        let change = table.admit(&key, token.as_bytes(), &trust(), NOW).expect("still read");
        assert_ne!(change, Change::Unchanged);
    }
}

#[test]
fn members() {
    let labels: lattice_core::Labels = "zone=eu".parse().expect("labels");
    let subject = host().public_key();
    let body = HostGrant {
        labels: labels.clone(),
        ..HostGrant::default()
    };
    let token = sign(
        &issuer(),
        &Draft {
            subject,
            lattice: lattice(),
            validity: day(),
            body,
        },
    )
    .expect("signs");
    let kept_host = golden_token("host", &token);
    let subject = provider().public_key();
    let body = ProviderGrant {
        provides: ["redis".parse().expect("a name")].into(),
        labels,
        user: None,
    };
    let token = sign(
        &issuer(),
        &Draft {
            subject,
            lattice: lattice(),
            validity: day(),
            body,
        },
    )
    .expect("signs");
    let kept_provider = golden_token("provider", &token);
    for kept in [kept_host, kept_provider] {
        assert!(verify_member(&kept, &trust(), NOW).is_ok());
    }
}

#[test]
fn command() {
    let target: CommandTarget = host().public_key().parse().expect("a member");
    let verb: lattice_core::Verb = "actor-start".parse().expect("a verb");
    let nonce = uuid::Uuid::from_u128(7);
    let claims = CommandClaims {
        verb: verb.clone(),
        target: target.clone(),
        body: Digest::of(b"body"),
        nonce,
    };
    let kept = golden_token("command", &claims.sign(&issuer(), lattice(), NOW).expect("signs"));
    assert!(verify_command(&kept, &verb, &target, b"body", &trust(), NOW).is_ok());
}

#[test]
fn presence() {
    let kept = golden_bytes("presence", &heartbeat().seal(&host()).expect("seals"));
    assert_eq!(Presence::open(&kept, &lattice(), NOW), Ok(heartbeat()));
}

#[test]
fn faults() {
    let moved = Fault::not_here(
        "actor `hello` moved",
        Some(host().public_key().parse().expect("a member")),
    );
    let kept = golden_bytes("fault-not-here", &moved.encode());
    assert_eq!(Fault::decode(&kept), moved);
    let list: String = FaultKind::ALL
        .iter()
        .map(|kind| {
            let retry = if kind.is_safe_to_retry() { "safe to repeat" } else { "" };
            format!("{kind:18} {:8} {} {retry}", kind.usual_blame(), kind.http_status())
                .trim_end()
                .to_owned()
                + "\n"
        })
        .collect();
    golden("fault-kinds.txt", &list);
}

#[test]
fn nats() {
    let account = key(KeyPairType::Account, 6);
    let account_id = account.public_key().parse().expect("an account");
    let user = key(KeyPairType::User, 7);
    let user_id = user.public_key().parse().expect("a user");
    let member = provider().public_key().parse().expect("a member");
    golden_token(
        "nats-operator",
        &operator_token(&operator(), "dev", &account_id, NOW).expect("signs"),
    );
    let token = account_token(&operator(), &account_id, "dev", AccountLimits::UNLIMITED, NOW).expect("signs");
    golden_token("nats-account", &token);
    let permissions = Permissions::member(&lattice(), &member);
    let until = Some(UnixSeconds::new(1_763_891_220));
    let token = user_token(&account, &user_id, "redis", &permissions, NOW, until).expect("signs");
    let token = golden_token("nats-user", &token);
    golden("user.creds", &creds_text(&token, &user.seed().expect("a seed")));
}
