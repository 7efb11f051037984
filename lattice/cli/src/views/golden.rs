//! Every listing in every format, compared with files. After an intended change: `UPDATE_GOLDEN=1 cargo test -p lattice-cli`.

use lattice_control::*;
use lattice_core::{
    ActorKind, ActorSpec, Digest, FunctionSet, Incarnation, IssuerId, LatticeId, LinkId, MemberId, ProviderSpec,
    UnixSeconds,
    presence::{MemberKind, MemberState},
    stateful::{Durability, Stateful},
};
use nkeys::{KeyPair, KeyPairType};

use super::{
    ActorView, KeyedLife, KeyedView, Names, ProviderView, Shown, actors, events, gather_links, hosts, keyed,
    last_events, links, placed, providers, relocated, trace, traces,
};
use crate::happened::Happened;
use crate::output::{Document, Format};

const NOW: UnixSeconds = UnixSeconds::new(1_800_000_000);

fn member(seed: u8) -> MemberId {
    let key = KeyPair::new_from_raw(KeyPairType::Server, [seed; 32]).expect("32 bytes make a key");
    key.public_key().parse().expect("a server key")
}

fn issuer() -> IssuerId {
    let key = KeyPair::new_from_raw(KeyPairType::Account, [9; 32]).expect("32 bytes make a key");
    key.public_key().parse().expect("an issuer")
}

fn summary(seed: u8, name: &str, labels: &str) -> MemberSummary {
    MemberSummary {
        scheduling: lattice_core::presence::Scheduling::Open,
        member: member(seed),
        incarnation: Incarnation::from(u64::from(seed)),
        name: name.to_owned(),
        kind: MemberKind::Host,
        state: MemberState::Ready,
        labels: labels.parse().expect("labels"),
        version: "0.1.0".to_owned(),
        engine: "edge64, no compiler".to_owned(),
        started_at: UnixSeconds::new(NOW.get() - 3725),
        actors: 1,
        providers: 0,
        sees: vec![member(1), member(2)],
        token: "a.b.c".to_owned(),
    }
}

fn status(name: &str, replicas: u32, state: ActorState) -> ActorStatus {
    ActorStatus {
        spec: ActorSpec::new(
            name.parse().expect("a name"),
            Digest::of(name.as_bytes()),
            format!("file:///{name}.wasm"),
        ),
        state,
        replicas,
        in_flight: 1,
        capacity: 128,
        served: 1200,
        failed: 3,
        ready_since: Some(NOW),
        awake: None,
    }
}

fn inventories() -> Vec<InventoryReply> {
    let inventory = |summary, actors, providers| InventoryReply {
        summary,
        actors,
        providers,
        facts: Default::default(),
    };
    let http = ProviderStatus {
        spec: ProviderSpec::new("http".parse().expect("a name"), "http-server".parse().expect("a kind")),
        state: ProviderState::Ready,
        detail: None,
        endpoints: vec!["http://127.0.0.1:8080".to_owned()],
        links: 2,
    };
    let kv = ProviderStatus {
        spec: ProviderSpec::new("kv".parse().expect("a name"), "keyvalue-redis".parse().expect("a kind")),
        state: ProviderState::Degraded,
        detail: Some("cannot reach redis://127.0.0.1:6379".to_owned()),
        endpoints: vec![],
        links: 0,
    };
    let mut cart = status("cart", 1, ActorState::Ready);
    cart.spec.kind = ActorKind::Stateful(Stateful {
        durability: Durability::Checkpoint(5000),
        ..Stateful::default()
    });
    vec![
        inventory(
            summary(1, "cloud", "zone=eu,arch=x86_64"),
            vec![
                status("hello", 2, ActorState::Ready),
                status("counter", 1, ActorState::Ready),
            ],
            vec![http],
        ),
        inventory(
            summary(2, "edge", ""),
            vec![status("hello", 1, ActorState::Draining), cart],
            vec![kv],
        ),
    ]
}

fn link_replies() -> Vec<(MemberSummary, LinksReply)> {
    let lattice: LatticeId = "default".parse().expect("a lattice id");
    let link = |source: &str, interface: &str, target: &str, generation| LinkStatus {
        id: LinkId::new(
            &lattice,
            &source.parse().expect("a party"),
            &interface.parse().expect("a pattern"),
            &"default".parse().expect("a label"),
        ),
        generation,
        source: source.parse().expect("a party"),
        interface: interface.parse().expect("a pattern"),
        label: "default".parse().expect("a label"),
        target: target.parse().expect("a party"),
        functions: FunctionSet::All,
        issuer: issuer(),
        issued_at: NOW,
        expires_at: UnixSeconds::new(NOW.get() + 86_400 * 30),
        problem: None,
    };
    let everywhere = link("provider/http", "wasi:http/incoming-handler", "actor/hello", 1);
    let newer = link("actor/counter", "wasi:keyvalue", "provider/kv", 4);
    let mut older = newer.clone();
    older.generation = 3;
    let mut hampered = link("provider/http", "wasi:http/handler", "actor/other", 1);
    hampered.problem = Some("the path `no-slash` does not begin with `/`".to_owned());
    let refused = RefusedLink {
        key: newer.id.link_key(),
        claimed: Some(newer.id.to_string()),
        generation: Some(2),
        code: "older-generation".to_owned(),
        message: "generation 2 is older than 4, which was accepted before".to_owned(),
        at: NOW,
        digest: None,
    };
    let garbage = RefusedLink {
        key: "ABC".to_owned(),
        claimed: None,
        code: "malformed".to_owned(),
        message: "the token cannot be read: it has no signature".to_owned(),
        ..refused.clone()
    };
    let reply = |active, refused| LinksReply {
        active,
        refused,
        high_water: None,
        marks: Vec::new(),
        trust_serial: 1,
    };
    vec![
        (
            summary(1, "cloud", ""),
            reply(
                vec![everywhere.clone(), newer, hampered],
                vec![refused.clone(), garbage],
            ),
        ),
        (summary(2, "edge", ""), reply(vec![everywhere, older], vec![refused])),
    ]
}

/// Compares every format with its file.
fn check(name: &str, document: &Document) {
    for (format, extension) in [
        (Format::Table, "table"),
        (Format::Wide, "wide"),
        (Format::Json, "json"),
        (Format::Yaml, "yaml"),
        (Format::Name, "name"),
    ] {
        let text = document.render(format).expect("renders");
        let path = format!("{}/src/views/golden/{name}.{extension}", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &text).expect("the golden files can be written");
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            text, expected,
            "{path} differs; if that is intended, run with UPDATE_GOLDEN=1"
        );
    }
}

#[test]
fn hosts_are_listed() {
    let mut provider = summary(3, "redis", "");
    provider.engine = String::new();
    provider.kind = MemberKind::Provider;
    let members = [
        provider,
        summary(2, "edge", ""),
        summary(1, "cloud", "zone=eu,arch=x86_64"),
    ];
    check("hosts", &hosts(&members, NOW).expect("renders"));
}

#[test]
fn actors_are_listed() {
    check("actors", &actors(&ActorView::gather(&inventories())).expect("renders"));
}

#[test]
fn providers_are_listed() {
    check(
        "providers",
        &providers(&ProviderView::gather(&inventories())).expect("renders"),
    );
}

#[test]
fn links_are_listed_with_what_every_member_makes_of_them() {
    check("links", &links(&gather_links(&link_replies()), NOW).expect("renders"));
}

#[test]
fn outcomes_are_told() {
    let placement = |host: &str, seed, replicas| Placement {
        host: host.to_owned(),
        member: member(seed),
        replicas,
    };
    let actor = "hello".parse().expect("a name");
    let outcome = Placed {
        placements: vec![placement("cloud", 1, 2), placement("edge", 2, 1)],
        changed: true,
    };
    check("placed", &placed(&actor, &outcome).expect("renders"));
    let outcome = Relocated {
        from: placement("cloud", 1, 2),
        to: placement("edge", 2, 2),
        cancelled: 1,
        keyed: None,
        took_ms: 812,
    };
    check("moved", &relocated(&actor, &outcome).expect("renders"));
}

#[test]
fn stateful_actors_are_described() {
    let actor = "cart/alice".parse().expect("an actor");
    let found = KeyedFound {
        known: true,
        owner: Some(member(2)),
        epoch: 3,
        version: 17,
        reminder_ms: Some((NOW.get() + 252) * 1000 + 500),
        letters: 2,
    };
    let awake = KeyedView::new(&actor, &found, Some(&summary(2, "edge", "")), KeyedLife::Awake);
    check("keyed", &keyed(&awake, NOW).expect("renders"));
    let found = KeyedFound {
        version: 1,
        reminder_ms: Some(NOW.get() * 1000 - 1),
        letters: 0,
        ..found
    };
    let lost = KeyedView::new(&actor, &found, None, KeyedLife::Unknown);
    check("keyed-lost", &keyed(&lost, NOW).expect("renders"));
    let found = KeyedFound {
        owner: None,
        version: 0,
        reminder_ms: None,
        ..found
    };
    let resting = KeyedView::new(&actor, &found, None, KeyedLife::AtRest);
    check("keyed-resting", &keyed(&resting, NOW).expect("renders"));
}

#[test]
fn events_are_listed() {
    let happened = |ago: u64, name: &str, subject: Option<&str>, from: u8, data: serde_json::Value| {
        let event = serde_json::json!({
            "specversion": "1.0", "id": format!("00000000-{ago:04}"), "source": format!("lattice/default/{}", member(from)),
            "type": format!("dev.lattice.{name}"), "time": "2027-01-15T08:00:00.000Z", "subject": subject,
            "datacontenttype": "application/json", "data": data,
        });
        Happened {
            at: UnixSeconds::new(NOW.get() - ago),
            event: serde_json::from_value(event).expect("an event"),
        }
    };
    let by = issuer().to_string();
    let digest = Digest::of(b"hello").to_string();
    let lost = format!("host/{}", member(3));
    let link = "lnk:default/actor/counter/wasi:keyvalue/default";
    let all = [
        happened(7200, "host-started", None, 1, serde_json::json!({ "version": "0.1.0" })),
        happened(
            3600,
            "actor-started",
            Some("actor/hello"),
            1,
            serde_json::json!({ "replicas": 2, "digest": digest, "by": by }),
        ),
        happened(
            600,
            "link-refused",
            Some(link),
            2,
            serde_json::json!({ "code": "expired", "reason": "it ended long ago" }),
        ),
        happened(61, "host-lost", Some(&lost), 1, serde_json::json!({ "name": "pi" })),
        happened(
            5,
            "keyed-moved",
            Some("actor/cart/alice"),
            1,
            serde_json::json!({ "to": member(2), "pause_us": "12300", "bytes": "2048" }),
        ),
        happened(
            0,
            "actor-failed",
            Some("actor/hello"),
            2,
            serde_json::json!({ "kind": "trap", "count": 41, "reason": format!("wasm trap: {}", "unreachable ".repeat(9)) }),
        ),
    ];
    let mut names = Names::of(&[summary(1, "cloud", ""), summary(2, "edge", "")]);
    all.iter().for_each(|one| names.learn(&one.event));
    check("events", &events(&all, &names, NOW, Some(80)).expect("renders"));
    let mut described = Document::single(
        "Host",
        "host/cloud".to_owned(),
        &serde_json::json!({}),
        "host/cloud".to_owned(),
    );
    let described = described.as_mut().expect("renders");
    last_events(described, &all[..2], &names, NOW);
    check("last-events", described);
}

#[test]
fn traces_are_listed() {
    use crate::traces::{TraceView, testing::trace};
    let view = |nth: u8, root: &str, ago: u64, took_ns: u64, errors: u64, hosts: &[&str]| TraceView {
        trace_id: trace(nth),
        root: root.to_owned(),
        whole: true,
        start_ns: (NOW.get() - ago) * 1_000_000_000,
        end_ns: (NOW.get() - ago) * 1_000_000_000 + took_ns,
        took_ns,
        spans: 6,
        errors,
        hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
    };
    let all = [
        view(0x4b, "GET /cart", 2, 12_345_678, 0, &["cloud", "edge", "pi"]),
        view(
            0x11,
            "example:a-long-name/interface-of-it.function",
            75,
            990_000,
            2,
            &["edge"],
        ),
        view(
            0x22,
            "move",
            600,
            1_250_000_000,
            0,
            &["a-host-far-away", "another-host-too"],
        ),
    ];
    check("traces", &traces(&all, NOW, Some(80)).expect("renders"));
}

#[test]
fn a_trace_is_drawn_as_a_tree() {
    use crate::output::Text;
    use crate::traces::testing::{span, trace as id};
    let named = |mut span: crate::traces::HostSpan, name: &str| {
        span.span.name = name.to_owned();
        span
    };
    let mut failed = named(span("pi", 5, Some(4), 7, 9), "wasi:keyvalue/store.get");
    failed.span.error = Some(TraceError {
        kind: "backend".to_owned(),
        message: "cannot reach redis://127.0.0.1:6379:\n\u{1b}[31mconnection refused, which is long enough to be cut"
            .to_owned(),
    });
    failed.span.attributes = [
        ("rpc.method", "wasi:keyvalue/store.get".into()),
        ("server.address", "provider/kv".into()),
        ("http.response.status_code", 500.into()),
    ]
    .map(|(name, value): (_, serde_json::Value)| (name.to_owned(), value))
    .into();
    let spans = [
        named(span("cloud", 1, None, 0, 12), "GET /cart"),
        named(span("cloud", 2, Some(1), 1, 11), "wasi:http/incoming-handler.handle"),
        named(span("edge", 3, Some(2), 2, 6), "shop:cart/items.list"),
        named(span("edge", 4, Some(2), 6, 10), "wasi:keyvalue/store.get"),
        failed,
        named(span("pi", 7, Some(99), 8, 9), "late\u{1b}[2J"),
    ];
    for (name, width, wide) in [
        ("trace", Some(80), false),
        ("trace-wide", Some(120), true),
        ("trace-piped", None, false),
    ] {
        let shown = Shown { width, wide };
        let mut document = trace(id(0x4b), &spans, 3, shown).expect("renders");
        if let Text::Plain(text) = &mut document.text {
            *text = anstream::adapter::strip_str(text).to_string();
        }
        check(name, &document);
    }
}

#[test]
fn empty_lists_are_empty() {
    check("no-actors", &actors(&[]).expect("renders"));
}
