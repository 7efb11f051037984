//! A lattice of stand-in hosts with a real trust root, over a real nats-server.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use lattice_bus::{Bus, BusConfig};
use lattice_control::*;
use lattice_core::{
    ActorSpec, Digest, Incarnation, Labels, LatticeId, MemberId, OperatorId, Trust, TrustBundle, UnixSeconds,
    presence::{MemberKind, MemberState},
    token::{self, Draft, HostGrant, Validity},
    trust::{Issuer, Role},
};
use lattice_testkit::NatsServer;
use nkeys::KeyPair;
use tokio::sync::Notify;

pub(crate) const HOUR: Duration = Duration::from_secs(3600);

pub(crate) fn now() -> UnixSeconds {
    UnixSeconds::from(SystemTime::now())
}

pub(crate) struct TestLattice {
    pub(crate) nats: NatsServer,
    pub(crate) id: LatticeId,
    pub(crate) operator: KeyPair,
    pub(crate) issuer: KeyPair,
    pub(crate) trust: Arc<Trust>,
}

impl TestLattice {
    pub(crate) async fn start() -> Self {
        let (operator, issuer) = (KeyPair::new_operator(), KeyPair::new_account());
        let id: LatticeId = "test".parse().expect("a lattice id");
        let issuers = vec![Issuer::unlimited(issuer.public_key().parse().expect("an issuer"))];
        let bundle = TrustBundle {
            serial: 1,
            issuers,
            ..TrustBundle::default()
        };
        let trust = trust_in(&operator, &id, &bundle);
        Self {
            nats: NatsServer::start().await,
            id,
            operator,
            issuer,
            trust,
        }
    }

    pub(crate) fn operator_id(&self) -> OperatorId {
        self.operator.public_key().parse().expect("an operator")
    }

    pub(crate) async fn bus(&self) -> Bus {
        Bus::connect(BusConfig::new("test").server(self.nats.url()))
            .await
            .expect("nats-server answers")
    }

    /// A client that may do everything.
    pub(crate) async fn client(&self) -> ControlClient {
        self.client_of(&self.issuer).await
    }

    pub(crate) async fn client_of(&self, issuer: &KeyPair) -> ControlClient {
        let signer = CommandSigner::new(copy(issuer)).expect("an issuer's seed");
        self.reader().await.with_signer(signer)
    }

    /// A client that may only read.
    pub(crate) async fn reader(&self) -> ControlClient {
        ControlClient::new(self.bus().await, self.id.clone()).with_trust(Arc::clone(&self.trust))
    }

    pub(crate) fn link_signer(&self) -> LinkSigner {
        LinkSigner::new(copy(&self.issuer)).expect("an issuer's seed")
    }

    pub(crate) fn validity(&self) -> Validity {
        Validity::lasting(now(), HOUR)
    }

    /// Starts a stand-in host, enrolled by the lattice's issuer.
    pub(crate) async fn host(&self, name: &str, labels: &str) -> TestHost {
        self.host_enrolled_by(&self.issuer, name, labels, KeyPair::new_server(), 1)
            .await
    }

    pub(crate) async fn host_enrolled_by(
        &self,
        issuer: &KeyPair,
        name: &str,
        labels: &str,
        key: KeyPair,
        incarnation: u64,
    ) -> TestHost {
        let labels: Labels = labels.parse().expect("labels");
        let member: MemberId = key.public_key().parse().expect("a server key");
        let draft = Draft {
            subject: member.to_string(),
            lattice: self.id.clone(),
            validity: self.validity(),
            body: HostGrant {
                labels: labels.clone(),
                ..HostGrant::default()
            },
        };
        let host = Arc::new(Standin {
            summary: MemberSummary {
                scheduling: lattice_core::presence::Scheduling::Open,
                member: member.clone(),
                incarnation: Incarnation::from(incarnation),
                name: name.to_owned(),
                kind: MemberKind::Host,
                state: MemberState::Ready,
                labels,
                version: "test".to_owned(),
                engine: String::new(),
                started_at: now(),
                actors: 0,
                providers: 0,
                sees: Vec::new(),
                token: token::sign(issuer, &draft).expect("an issuer's seed"),
            },
            ..Standin::default_with(&member)
        });
        let trust = Arc::clone(&self.trust);
        let config = ServerConfig {
            lattice: self.id.clone(),
            member,
            incarnation: Incarnation::from(incarnation),
            key: Arc::new(key),
        };
        let handler: Arc<dyn Handler> = host.clone();
        let bus = self.bus().await;
        let source: Arc<dyn TrustSource> = Arc::new(move || Arc::clone(&trust));
        let server = ControlServer::start(config, bus.clone(), source, handler)
            .await
            .expect("subscribes");
        bus.round_trip(Duration::from_secs(5))
            .await
            .expect("the subscriptions are in effect");
        TestHost { host, server, bus }
    }
}

/// A second copy of a key, which nkeys does not clone.
pub(crate) fn copy(key: &KeyPair) -> KeyPair {
    KeyPair::from_seed(&key.seed().expect("has a seed")).expect("a seed")
}

pub(crate) fn trust_in(operator: &KeyPair, lattice: &LatticeId, bundle: &TrustBundle) -> Arc<Trust> {
    let token = bundle
        .sign(operator, lattice, Validity::lasting(now(), HOUR))
        .expect("an operator's seed");
    let mut trust = Trust::new(
        lattice.clone(),
        [operator.public_key().parse::<OperatorId>().expect("an operator")],
    );
    trust.admit(&token, now()).expect("a good bundle");
    Arc::new(trust)
}

/// An issuer entry with one role.
pub(crate) fn issuer_with(key: &KeyPair, role: Role) -> Issuer {
    Issuer {
        roles: [role].into(),
        ..Issuer::unlimited(key.public_key().parse().expect("an issuer"))
    }
}

pub(crate) fn spec(name: &str) -> ActorSpec {
    ActorSpec::new(
        name.parse().expect("an actor name"),
        Digest::of(name.as_bytes()),
        "file:///x.wasm",
    )
}

/// A stand-in host that serves until it is dropped.
pub(crate) struct TestHost {
    pub(crate) host: Arc<Standin>,
    pub(crate) server: ControlServer,
    pub(crate) bus: Bus,
}

impl TestHost {
    pub(crate) fn summary(&self) -> MemberSummary {
        self.host.summary.clone()
    }

    pub(crate) fn replicas(&self, actor: &str) -> u32 {
        self.host.replicas(actor)
    }
}

/// What the stand-in does instead of the usual.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Mood {
    #[default]
    Willing,
    /// Works until it is released.
    Slow,
    /// Panics at work.
    Panicking,
    /// Refuses to start actors.
    Unwilling,
    /// Never sees others' actors.
    Blind,
}

/// Remembers what it was told, and answers accordingly.
pub(crate) struct Standin {
    pub(crate) summary: MemberSummary,
    pub(crate) mood: Mutex<Mood>,
    pub(crate) release: Notify,
    pub(crate) carried_out: AtomicU32,
    pub(crate) abandoned: Arc<AtomicU32>,
    pub(crate) actors: Mutex<BTreeMap<String, (ActorSpec, u32)>>,
    pub(crate) others: Mutex<Vec<Arc<Standin>>>,
    pub(crate) log: Mutex<Vec<String>>,
    pub(crate) links: Mutex<LinksReply>,
}

impl Standin {
    fn default_with(member: &MemberId) -> Self {
        Self {
            summary: MemberSummary {
                scheduling: lattice_core::presence::Scheduling::Open,
                member: member.clone(),
                incarnation: Incarnation::from(1),
                name: String::new(),
                kind: MemberKind::Host,
                state: MemberState::Ready,
                labels: Labels::new(),
                version: String::new(),
                engine: String::new(),
                started_at: now(),
                actors: 0,
                providers: 0,
                sees: Vec::new(),
                token: String::new(),
            },
            mood: Mutex::default(),
            release: Notify::new(),
            carried_out: AtomicU32::new(0),
            abandoned: Arc::default(),
            actors: Mutex::default(),
            others: Mutex::default(),
            log: Mutex::default(),
            links: Mutex::default(),
        }
    }

    pub(crate) fn set_mood(&self, mood: Mood) {
        *self.mood.lock().expect("not poisoned") = mood;
    }

    fn mood(&self) -> Mood {
        *self.mood.lock().expect("not poisoned")
    }

    pub(crate) fn replicas(&self, actor: &str) -> u32 {
        self.actors
            .lock()
            .expect("not poisoned")
            .get(actor)
            .map_or(0, |(_, replicas)| *replicas)
    }

    #[expect(clippy::needless_pass_by_value, reason = "callers format what they note")]
    fn note(&self, what: String) {
        self.log
            .lock()
            .expect("not poisoned")
            .push(format!("{} {what}", self.summary.name));
    }

    fn status(spec: &ActorSpec, replicas: u32) -> ActorStatus {
        ActorStatus {
            spec: spec.clone(),
            state: ActorState::Ready,
            replicas,
            in_flight: 0,
            capacity: 0,
            served: 0,
            failed: 0,
            ready_since: Some(now()),
            awake: None,
        }
    }

    async fn work(&self, progress: &ProgressSink) -> Result<(), ControlError> {
        progress.step("at work");
        let guard = Abandoned(Some(Arc::clone(&self.abandoned)));
        match self.mood() {
            Mood::Slow => self.release.notified().await,
            Mood::Panicking => panic!("a stand-in that was told to panic"),
            Mood::Unwilling => return Err(ControlError::new(ErrorKind::Overloaded, "no room here")),
            Mood::Willing | Mood::Blind => {}
        }
        guard.finished();
        self.carried_out.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

/// Counts work that was dropped before its end.
struct Abandoned(Option<Arc<AtomicU32>>);

impl Abandoned {
    fn finished(mut self) {
        self.0 = None;
    }
}

impl Drop for Abandoned {
    fn drop(&mut self) {
        if let Some(count) = &self.0 {
            count.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[async_trait]
impl Handler for Standin {
    async fn ping(&self, _: Ping) -> Result<MemberSummary, ControlError> {
        let mut summary = self.summary.clone();
        let others = self.others.lock().expect("not poisoned");
        summary.sees = others.iter().map(|other| other.summary.member.clone()).collect();
        Ok(summary)
    }

    async fn inventory(&self, _: Inventory) -> Result<InventoryReply, ControlError> {
        let actors = self.actors.lock().expect("not poisoned");
        Ok(InventoryReply {
            summary: self.summary.clone(),
            actors: actors
                .values()
                .map(|(spec, replicas)| Self::status(spec, *replicas))
                .collect(),
            providers: Vec::new(),
            facts: BTreeMap::new(),
        })
    }

    async fn links(&self, _: Links) -> Result<LinksReply, ControlError> {
        Ok(self.links.lock().expect("not poisoned").clone())
    }

    async fn placements(&self, request: Placements) -> Result<PlacementsReply, ControlError> {
        if self.mood() == Mood::Blind {
            return Ok(PlacementsReply { members: Vec::new() });
        }
        let others = self.others.lock().expect("not poisoned").clone();
        let runs = |host: &&Arc<Standin>| host.replicas(request.party.name()) > 0;
        Ok(PlacementsReply {
            members: others
                .iter()
                .filter(runs)
                .map(|host| host.summary.member.clone())
                .collect(),
        })
    }

    async fn doctor(&self, _: Doctor) -> Result<DoctorReport, ControlError> {
        // Larger than one message, so that every answer in pieces is tried here.
        let large = "x".repeat(3 << 20);
        Ok(DoctorReport {
            checks: vec![Check::ok("large", large)],
        })
    }

    async fn actor_start(&self, request: ActorStart, progress: ProgressSink) -> Result<ActorStarted, ControlError> {
        self.work(&progress).await?;
        self.note(format!("start {}", request.replicas));
        let name = request.spec.name.to_string();
        let entry = (request.spec.clone(), request.replicas);
        let was_running = self.actors.lock().expect("not poisoned").insert(name, entry).is_some();
        let status = Self::status(&request.spec, request.replicas);
        Ok(ActorStarted {
            status,
            was_running,
            from_cache: false,
            took_ms: 0,
        })
    }

    async fn actor_scale(&self, request: ActorScale, progress: ProgressSink) -> Result<ActorStatus, ControlError> {
        self.work(&progress).await?;
        self.note(format!("scale {}", request.replicas));
        let mut actors = self.actors.lock().expect("not poisoned");
        let actor = actors
            .get_mut(request.actor.as_str())
            .ok_or_else(|| ControlError::not_found("no such actor"))?;
        actor.1 = request.replicas;
        Ok(Self::status(&actor.0, actor.1))
    }

    async fn actor_stop(&self, request: ActorStop, progress: ProgressSink) -> Result<ActorStopped, ControlError> {
        self.work(&progress).await?;
        self.note("stop".to_owned());
        self.actors.lock().expect("not poisoned").remove(request.actor.as_str());
        Ok(ActorStopped {
            actor: request.actor,
            cancelled: 0,
        })
    }
}
