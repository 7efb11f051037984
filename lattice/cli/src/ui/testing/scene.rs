//! A lattice to look at, put together by hand.

use lattice_control::{ActorState, ProviderState};
use lattice_core::{
    LatticeId, LinkId, MemberId, Party, TraceId,
    presence::{MemberKind, MemberState, Scheduling},
};

use nkeys::{KeyPair, KeyPairType};

use crate::{
    overview::{ActorView, HostView, LinkView, Overview, ProviderView, Rate},
    traces::TraceView,
};

/// When all of this is.
pub(super) const NOW_SECONDS: u64 = 1_795_000_000;

/// An overview, and ways to change it.
#[derive(Clone)]
pub(in crate::ui) struct Scene(pub(in crate::ui) Overview);

impl Scene {
    /// A shop on three hosts, of which some things are not well.
    pub(in crate::ui) fn shop() -> Self {
        let cloud = Host::new(1, "cloud", "zone=eu", 0.34)
            .provider("http", 243.0, 2100, "http://127.0.0.1:8080")
            .provider("kv-redis", 96.0, 700, "redis://10.0.0.4:6379")
            .actor("catalog", 4, 212.4, 1900)
            .failing("checkout", 2, 18.2, 42_000)
            .keyed("cart", 31.0, 3100, &["alice", "bob", "carol", "dave"]);
        let edge = Host::new(2, "edge", "zone=garage", 0.71)
            .provider("blob", 4.0, 9100, "s3://photos")
            .keyed("cart", 22.0, 2800, &["erin", "frank", "grace"])
            .actor("resize", 2, 4.1, 180_000);
        let rooms: Vec<String> = (0..60).map(|nth| format!("room-{nth:02}")).collect();
        let rooms: Vec<&str> = rooms.iter().map(String::as_str).collect();
        let mut garage = Host::new(3, "garage", "arch=arm64 zone=garage", 0.08)
            .provider("mqtt", 12.0, 1100, "mqtt://0.0.0.0:1883")
            .actor("mailer", 1, 0.4, 88_000)
            .keyed("thermostat", 0.0, 0, &rooms);
        garage.0.scheduling = Scheduling::Cordoned;
        let mut backup = Host::new(4, "kv-backup", "", 0.01).provider("kv-backup", 1.2, 4000, "");
        backup.0.kind = MemberKind::Provider;
        let mut scene = Self::of(vec![cloud, edge, garage, backup]);
        scene.link("provider/http", "actor/catalog", "wasi:http", 212.0);
        scene.link("provider/http", "actor/checkout", "wasi:http", 18.0);
        scene.link("actor/checkout", "actor/cart", "shop:cart", 53.0);
        scene.link("actor/catalog", "provider/kv-redis", "wasi:keyvalue", 96.0);
        scene
            .link("actor/cart", "provider/kv-redis", "wasi:keyvalue", 30.0)
            .verified_by
            .pop();
        scene
            .link("actor/checkout", "actor/mailer", "shop:mail", 0.4)
            .expires_at = NOW_SECONDS + 9000;
        scene
            .link("actor/resize", "provider/blob", "wasi:blobstore", 4.0)
            .problem = Some("bucket photos is not there".to_owned());
        scene
            .link("actor/thermostat", "provider/mqtt", "wasi:messaging", 0.0)
            .refused_by = vec![("garage".to_owned(), "its issuer is not trusted".to_owned())];
        scene
    }

    /// So many actors on so many hosts.
    pub(in crate::ui) fn large(hosts: u8, actors_each: usize) -> Self {
        const NAMES: [&str; 6] = ["orders", "users", "stock", "search", "mail", "ledger"];
        let names: Vec<String> = (0..usize::from(hosts) * actors_each)
            .map(|nth| format!("{}-{nth:04}", NAMES[nth * 7 % NAMES.len()]))
            .collect();
        let keys: Vec<String> = (0..50).map(|nth| format!("user-{nth:02}")).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let host = |nth: u8| {
            let mut host = Host::new(
                nth + 1,
                &format!("host-{nth:02}"),
                &format!("zone=z{}", nth % 3),
                f64::from(nth) / 11.0,
            )
            .provider(&format!("kv-{nth}"), 100.0, 900, "redis://10.0.0.4:6379");
            for (at, name) in names
                .iter()
                .enumerate()
                .skip(usize::from(nth) * actors_each)
                .take(actors_each)
            {
                let calls = if at % 3 == 0 { 0.0 } else { (at % 89) as f64 };
                host = match at % 5 {
                    0 => host.keyed(name, calls, 900, &keys),
                    _ => host.actor(name, 1 + at as u32 % 4, calls, 300 + at as u64 * 31),
                };
            }
            host
        };
        let mut scene = Self::of((0..hosts).map(host).collect());
        for at in 0..names.len() / 3 {
            let target = &names[(at * 37 + 11) % names.len()];
            scene.link(
                &format!("actor/{}", names[at]),
                &format!("actor/{target}"),
                "shop:item",
                (at % 20) as f64,
            );
        }
        scene
    }

    fn of(hosts: Vec<Host>) -> Self {
        Self(Overview {
            lattice: "shop".to_owned(),
            at_ms: NOW_SECONDS * 1000,
            hosts: hosts.into_iter().map(|host| host.0).collect(),
            traffic: rate(285.0, 1900),
            ..Overview::default()
        })
    }

    fn link(&mut self, source: &str, target: &str, interface: &str, calls: f64) -> &mut LinkView {
        let lattice: LatticeId = "shop".parse().expect("a lattice id");
        let (source, target): (Party, Party) = (source.parse().expect("a party"), target.parse().expect("a party"));
        let pattern = interface.parse().expect("a pattern");
        let hosts = self.0.hosts.iter().filter(|host| host.kind == MemberKind::Host);
        let id = |label: &str| LinkId::new(&lattice, &source, &pattern, &label.parse().expect("a label"));
        let is_taken = self.0.links.iter().any(|link| link.id == id("default"));
        let label = if is_taken { target.name() } else { "default" }.to_owned();
        let link = LinkView {
            id: id(&label),
            generation: 3,
            source,
            target,
            interface: interface.to_owned(),
            label,
            issuer: "ABCD".to_owned(),
            expires_at: NOW_SECONDS + 90 * 86_400,
            verified_by: hosts.map(|host| host.name.clone()).collect(),
            refused_by: Vec::new(),
            problem: None,
            traffic: rate(calls, 1900),
        };
        self.0.links.push(link);
        self.0.links.last_mut().expect("it was put there")
    }

    /// A second later.
    pub(in crate::ui) fn pass(&mut self) {
        self.0.at_ms += 1000;
        for actor in self.0.hosts.iter_mut().flat_map(|host| &mut host.actors) {
            if actor.traffic.calls > 0.0 {
                actor.traffic.calls = (actor.traffic.calls * 1.31) % 97.0 + 1.0;
                actor.in_flight = (actor.in_flight + 3) % 10;
            }
        }
    }

    pub(in crate::ui) fn host(&self, name: &str) -> MemberId {
        let host = self.0.hosts.iter().find(|host| host.name == name);
        host.expect("it is there").id.clone()
    }

    /// One actor goes from one host to another.
    pub(in crate::ui) fn move_actor(&mut self, name: &str, from: &str, to: &str) {
        let actors = self.actors(from);
        let at = actors.iter().position(|actor| actor.name == name).expect("it is there");
        let moved = actors.remove(at);
        self.actors(to).push(moved);
    }

    /// One key of an actor goes from one host to another.
    pub(in crate::ui) fn move_key(&mut self, name: &str, key: &str, from: &str, to: &str) {
        for (host, more) in [(from, false), (to, true)] {
            let actors = self.actors(host).iter_mut();
            let actor = actors
                .into_iter()
                .find(|actor| actor.name == name)
                .expect("it is there");
            actor.keys.retain(|other| other.to_string() != key);
            if more {
                actor.keys.push(key.parse().expect("a key"));
                actor.keys.sort();
            }
            actor.awake = Some(actor.keys.len() as u64);
        }
    }

    fn actors(&mut self, host: &str) -> &mut Vec<ActorView> {
        let host = self.0.hosts.iter_mut().find(|it| it.name == host);
        &mut host.expect("it is there").actors
    }
}

/// The last traces. One has a name that would be markup elsewhere.
pub(super) fn traces() -> Vec<TraceView> {
    let trace = |nth: u8, root: &str, took_ms: u64, errors: u64| TraceView {
        trace_id: TraceId::from_bytes([nth; 16]).expect("not zero"),
        root: root.to_owned(),
        whole: true,
        start_ns: NOW_SECONDS * 1_000_000_000,
        end_ns: NOW_SECONDS * 1_000_000_000 + took_ms * 1_000_000,
        took_ns: took_ms * 1_000_000,
        spans: 11,
        errors,
        hosts: vec!["cloud".to_owned(), "edge".to_owned()],
    };
    vec![
        trace(0x4b, "GET /checkout", 42, 0),
        trace(0xa1, "POST /pay", 120, 1),
        trace(0x17, "lattice.move", 23, 0),
        trace(0x9c, "GET /<img src=/none onerror=alert(1)>", 2, 0),
    ]
}

/// A host in the making.
struct Host(HostView);

impl Host {
    fn new(seed: u8, name: &str, labels: &str, cpu: f64) -> Self {
        Self(HostView {
            id: member(seed),
            name: name.to_owned(),
            kind: MemberKind::Host,
            state: MemberState::Ready,
            scheduling: Scheduling::Open,
            labels: labels.to_owned(),
            version: "0.1.0".to_owned(),
            started_at: NOW_SECONDS - 8000,
            memory_bytes: 92 << 20,
            cpu,
            actors: Vec::new(),
            providers: Vec::new(),
            traffic: rate(190.0, 1900),
        })
    }

    fn actor(mut self, name: &str, replicas: u32, calls: f64, p99_us: u64) -> Self {
        self.0.actors.push(ActorView {
            name: name.to_owned(),
            digest: "sha256:0123456789abcdef".to_owned(),
            state: ActorState::Ready,
            replicas,
            in_flight: calls as u64 % 10,
            capacity: 10,
            awake: None,
            keys: Vec::new(),
            traffic: rate(calls, p99_us),
        });
        self
    }

    fn failing(self, name: &str, replicas: u32, calls: f64, p99_us: u64) -> Self {
        let mut host = self.actor(name, replicas, calls, p99_us);
        host.last().traffic.failed = 0.3;
        host
    }

    fn keyed(self, name: &str, calls: f64, p99_us: u64, keys: &[&str]) -> Self {
        let mut host = self.actor(name, 1, calls, p99_us);
        let actor = host.last();
        actor.awake = Some(keys.len() as u64);
        actor.keys = keys.iter().map(|key| key.parse().expect("a key")).collect();
        host
    }

    fn last(&mut self) -> &mut ActorView {
        self.0.actors.last_mut().expect("there is one")
    }

    fn provider(mut self, name: &str, calls: f64, p99_us: u64, endpoint: &str) -> Self {
        self.0.providers.push(ProviderView {
            name: name.to_owned(),
            state: ProviderState::Ready,
            detail: None,
            endpoints: (!endpoint.is_empty())
                .then(|| endpoint.to_owned())
                .into_iter()
                .collect(),
            traffic: rate(calls, p99_us),
        });
        self
    }
}

fn member(seed: u8) -> MemberId {
    let key = KeyPair::new_from_raw(KeyPairType::Server, [seed; 32]).expect("32 bytes make a key");
    key.public_key().parse().expect("a server key")
}

fn rate(calls: f64, p99_us: u64) -> Rate {
    let took = (calls > 0.0).then_some(p99_us);
    Rate {
        calls,
        failed: 0.0,
        p50_us: took.map(|p99| p99 / 4),
        p99_us: took,
    }
}
