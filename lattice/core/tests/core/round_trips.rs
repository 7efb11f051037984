//! Whatever is written reads back the same.

use std::collections::BTreeMap;
use std::time::Duration;

use lattice_core::subject::{Purpose, Subject};
use lattice_core::text::{format_bytes, format_duration, parse_bytes, parse_duration};
use lattice_core::token::{Draft, HostGrant, Unverified, Validity, sign};
use lattice_core::{
    ActorName, Digest, EventName, FunctionName, FunctionSet, Incarnation, InterfacePattern, InvocationId, Labels,
    LatticeId, LinkClaims, LinkId, LinkLabel, MemberId, Party, UnixSeconds, Verb, VersionedInterface,
};
use nkeys::{KeyPair, KeyPairType};
use proptest::prelude::*;

use crate::support::issuer;

const TOKEN: &str = "[a-z0-9][a-z0-9_-]{0,62}";
const WIT_NAME: &str = "[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,8}){0,2}";

fn lattice_id() -> impl Strategy<Value = LatticeId> {
    TOKEN.prop_map(|text| text.parse().expect("a token"))
}

fn party() -> impl Strategy<Value = Party> {
    ("(actor|provider)", TOKEN).prop_map(|(kind, name)| format!("{kind}/{name}").parse().expect("a party"))
}

fn pattern() -> impl Strategy<Value = InterfacePattern> {
    let interface = proptest::option::of(WIT_NAME);
    (WIT_NAME, WIT_NAME, interface).prop_map(|(namespace, package, interface)| {
        let interface = interface.map(|name| format!("/{name}")).unwrap_or_default();
        format!("{namespace}:{package}{interface}").parse().expect("a pattern")
    })
}

fn label() -> impl Strategy<Value = LinkLabel> {
    TOKEN.prop_map(|text| text.parse().expect("a token"))
}

fn member() -> impl Strategy<Value = MemberId> {
    (any::<[u8; 32]>(), any::<bool>()).prop_map(|(seed, host)| {
        let kind = if host {
            KeyPairType::Server
        } else {
            KeyPairType::Service
        };
        KeyPair::new_from_raw(kind, seed)
            .expect("a key")
            .public_key()
            .parse()
            .expect("a member")
    })
}

fn verb() -> impl Strategy<Value = Verb> {
    TOKEN.prop_map(|text| text.parse().expect("a token"))
}

fn event() -> impl Strategy<Value = EventName> {
    TOKEN.prop_filter_map("taken", |text| text.parse().ok())
}

fn functions() -> impl Strategy<Value = FunctionSet> {
    let name = prop_oneof![
        WIT_NAME.boxed(),
        (WIT_NAME, WIT_NAME)
            .prop_map(|(r, f)| format!("[method]{r}.{f}"))
            .boxed()
    ];
    let name = name.prop_map(|text| text.parse::<FunctionName>().expect("a function"));
    prop_oneof![
        Just(FunctionSet::All),
        proptest::collection::vec(name, 0..4).prop_map(FunctionSet::Only)
    ]
}

fn purpose() -> impl Strategy<Value = Purpose> {
    let run = any::<u64>().prop_map(Incarnation::from);
    let call = any::<(u64, [u8; 10])>().prop_map(|(millis, random)| InvocationId::from_parts(millis, random));
    prop_oneof![
        (member(), verb()).prop_map(|(member, verb)| Purpose::HostCommand(member, verb)),
        verb().prop_map(Purpose::AnyCommand),
        verb().prop_map(Purpose::AllCommand),
        (member(), run.clone()).prop_map(|(member, run)| Purpose::Mailbox(member, run)),
        (member(), run, call).prop_map(|(member, run, call)| Purpose::MailboxStream(member, run, call)),
        TOKEN.prop_map(|text| Purpose::Door(text.parse::<ActorName>().expect("a token"))),
        member().prop_map(Purpose::Presence),
        (member(), event()).prop_map(|(member, event)| Purpose::Event(member, event)),
        (member(), TOKEN).prop_map(|(member, text)| Purpose::Log(member, text.parse().expect("a token"))),
    ]
}

proptest! {
    #[test]
    fn ids(text in TOKEN, bytes in any::<Vec<u8>>(), number in any::<u64>()) {
        let id: LatticeId = text.parse().expect("a token");
        prop_assert_eq!(id.to_string(), text);
        prop_assert_eq!(serde_json::from_str::<LatticeId>(&serde_json::to_string(&id).expect("JSON")).expect("reads"), id);
        let digest = Digest::of(&bytes);
        prop_assert_eq!(digest.to_string().parse(), Ok(digest));
        let run = Incarnation::from(number);
        prop_assert_eq!(run.to_string().parse(), Ok(run));
    }

    #[test]
    fn keys(member in member()) {
        prop_assert_eq!(member.to_string().parse(), Ok(member.clone()));
        prop_assert_eq!(member.as_host().is_some(), member.as_provider().is_none());
    }

    #[test]
    fn subjects(lattice in lattice_id(), purpose in purpose()) {
        let subject = Subject { lattice, purpose };
        let text = subject.build();
        prop_assert!(text.split('.').all(|token| !token.is_empty() && !token.contains(['*', '>', ' '])));
        prop_assert_eq!(Subject::parse(&text), Some(subject));
    }

    #[test]
    fn link_ids(lattice in lattice_id(), source in party(), interface in pattern(), label in label()) {
        let id = LinkId::new(&lattice, &source, &interface, &label);
        prop_assert_eq!(id.to_string().parse(), Ok(id.clone()));
        let parts = id.parts();
        prop_assert_eq!((parts.lattice, parts.source, parts.interface, parts.label), (lattice, source, interface, label));
        prop_assert_eq!(id.link_key().len(), 52);
    }

    #[test]
    fn interfaces(pattern in pattern(), patch in any::<u64>(), pre in proptest::option::of("[a-z]{1,5}[1-9]")) {
        let Some(id) = pattern.as_interface() else { return Ok(()) };
        prop_assert!(pattern.covers(&id));
        let pre = pre.map(|pre| format!("-{pre}")).unwrap_or_default();
        let text = format!("{id}@0.2.{patch}{pre}");
        prop_assert_eq!(text.parse::<VersionedInterface>().expect("a version").to_string(), text);
    }

    #[test]
    fn labels(map in proptest::collection::btree_map("[a-zA-Z0-9][a-zA-Z0-9._/-]{0,20}", "[^,\\p{Cc}]{0,20}", 0..5)) {
        let labels = Labels::try_from(map).expect("fine labels");
        prop_assert_eq!(labels.to_string().parse(), Ok(labels));
    }

    #[test]
    fn link_tokens(
        generation: u64, source in party(), interface in pattern(), target in party(), label in label(),
        functions in functions(), secrets in proptest::collection::vec("[a-z]{1,9}", 0..3), now in 0..u64::MAX / 2,
    ) {
        let claims = LinkClaims { generation, label, functions, secrets, ..LinkClaims::new(source, interface, target) };
        let validity = Validity::lasting(UnixSeconds::new(now), Duration::from_secs(60));
        let token = claims.sign(&issuer(), &"l".parse().expect("a lattice"), validity).expect("signs");
        let verified = Unverified::parse(&token).expect("parses").verify::<LinkClaims>().expect("verifies");
        prop_assert_eq!(&verified.claims().body, &claims);
        let id = claims.id(&verified.claims().lattice);
        prop_assert_eq!(&verified.claims().subject, id.as_str());
    }

    #[test]
    fn label_values_survive_json(map in proptest::collection::btree_map("[a-z]{1,5}", "[^,\\p{Cc}]{0,40}", 0..5)) {
        let map: BTreeMap<String, String> = map;
        let body = HostGrant { labels: Labels::try_from(map).expect("fine labels"), ..HostGrant::default() };
        let validity = Validity::lasting(UnixSeconds::new(1), Duration::from_secs(60));
        let draft = Draft { subject: "s".into(), lattice: "l".parse().expect("a lattice"), validity, body: body.clone() };
        let token = sign(&issuer(), &draft).expect("signs");
        let verified = Unverified::parse(&token).expect("parses").verify::<HostGrant>().expect("verifies");
        prop_assert_eq!(&verified.claims().body, &body);
    }

    #[test]
    fn quantities(bytes: u64, seconds in 0..100_000_000u64) {
        prop_assert_eq!(parse_bytes(&bytes.to_string()), Ok(bytes));
        let shown = parse_bytes(&format_bytes(bytes)).expect("it reads its own") as f64;
        prop_assert!((shown - bytes as f64).abs() <= bytes as f64 / 9.0);
        let duration = Duration::from_secs(seconds);
        prop_assert!(parse_duration(&format_duration(duration)).expect("it reads its own") <= duration);
    }
}
