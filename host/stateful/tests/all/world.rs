//! Hosts, actors, and a caller who follows them.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use lattice_bus::{Bus, BusConfig};
use lattice_capability::SpanRef;
use lattice_core::stateful::{
    Cells, Effects, Image, Lane, PeerSend, Refusal, ReminderChange, Saved, StopReason, homes,
};
use lattice_core::{
    ActorName, CallAddress, Digest, Fault, FaultKind, InvocationId, KeyedActor, LatticeId, Limits, MemberId, Stateful,
};
use lattice_stateful::{
    Answer, Call, Details, Due, Instance, Kind, MoveError, MoveOrder, Moved, Neighbours, Question, Runtime,
    RuntimeConfig, Timing, Turn, WakeError, Waking,
};
use lattice_telemetry::{Telemetry, TraceSettings};
use lattice_testkit::NatsServer;
use parking_lot::Mutex;
use uuid::Uuid;

pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// Counts, keeps cells, sends, and misbehaves when asked to.
pub(crate) struct Counter {
    component: Digest,
    policy: Stateful,
    limits: Limits,
    /// Wakings, for tests that count them.
    pub(crate) woken: Arc<Mutex<Vec<Waking>>>,
}

pub(crate) struct Live {
    value: u64,
    saved: Option<u64>,
    cells: Cells,
    padding: usize,
    holds: bool,
    save_fails: bool,
    dead: bool,
}

impl Counter {
    pub(crate) fn new(component: &str, policy: Stateful) -> Arc<Self> {
        Arc::new(Self {
            component: Digest::of(component.as_bytes()),
            policy,
            limits: Limits::default(),
            woken: Arc::default(),
        })
    }
}

#[async_trait]
impl Kind for Counter {
    fn component(&self) -> Digest {
        self.component
    }

    fn policy(&self) -> &Stateful {
        &self.policy
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn reaches_out(&self) -> bool {
        false
    }

    async fn wake(&self, waking: Waking) -> Result<Box<dyn Instance>, WakeError> {
        self.woken.lock().push(waking.clone());
        let value = match &waking.image {
            None => 0,
            Some(image) if image.data == "refuse" => {
                return Err(WakeError::Refused(Refusal::Incompatible("not that".to_owned())));
            }
            Some(image) => {
                let text = str::from_utf8(&image.data).expect("text");
                text.trim_end().parse().expect("a number")
            }
        };
        Ok(Box::new(Live {
            value,
            saved: waking.image.as_ref().map(|_| value),
            cells: waking.cells,
            padding: 0,
            holds: false,
            save_fails: false,
            dead: false,
        }))
    }
}

#[async_trait]
impl Instance for Live {
    async fn serve(&mut self, call: &Call, turn: Turn) -> Result<(Answer, Effects), Fault> {
        let mut effects = Effects::default();
        let body = str::from_utf8(&call.body).expect("text");
        let mut words = body.split(' ');
        let (operation, argument) = (words.next().expect("an operation"), words.next().unwrap_or(""));
        let number = || argument.parse::<u64>().expect("a number");
        let text = match operation {
            "add" => {
                self.value += number();
                self.value.to_string()
            }
            "get" => self.value.to_string(),
            "cell" => {
                let value = Bytes::copy_from_slice(argument.as_bytes());
                self.cells.insert("cell".to_owned(), value.clone());
                effects.cells.push(("cell".to_owned(), Some(value)));
                String::new()
            }
            "cell?" => String::from_utf8_lossy(self.cells.get("cell").unwrap_or(&Bytes::new())).into_owned(),
            "credit" => {
                effects.sends.push(PeerSend {
                    to: argument.parse().expect("an actor"),
                    operation: "add 1".to_owned(),
                    body: Bytes::new(),
                });
                String::new()
            }
            "remind" => {
                effects.reminders.push(ReminderChange::Set {
                    name: "tick".to_owned(),
                    first_ms: number(),
                    every_ms: words.next().map(|every| every.parse().expect("a number")),
                    payload: Bytes::new(),
                });
                String::new()
            }
            "sleep" => {
                tokio::time::sleep(Duration::from_millis(number())).await;
                self.value += 1;
                self.value.to_string()
            }
            "pad" => {
                self.padding = usize::try_from(number()).expect("fits");
                self.value += 1;
                self.value.to_string()
            }
            "hold" => {
                self.holds = true;
                String::new()
            }
            "break-save" => {
                self.save_fails = true;
                self.value += 1000;
                String::new()
            }
            "die" => {
                self.dead = true;
                return Err(Fault::new(FaultKind::Trap, "it died"));
            }
            "sender" => turn.sender.map_or_else(String::new, |sender| sender.to_string()),
            other => return Err(Fault::new(FaultKind::BadArguments, format!("`{other}`?"))),
        };
        let body = text.into_bytes().into();
        Ok((
            Answer {
                head: Bytes::new(),
                body,
            },
            effects,
        ))
    }

    async fn fire(&mut self, due: &Due, _: Turn) -> Result<(Result<(), Refusal>, Effects), Fault> {
        assert_eq!(due.name, "tick");
        self.value += 1;
        Ok((Ok(()), Effects::default()))
    }

    async fn save(&mut self, _: Instant) -> Result<Saved, Fault> {
        if self.save_fails {
            self.dead = true;
            return Err(Fault::new(FaultKind::Trap, "it trapped in save"));
        }
        if self.saved == Some(self.value) {
            return Ok(Saved::Unchanged);
        }
        self.saved = Some(self.value);
        let data = self.value.to_string() + &" ".repeat(self.padding);
        Ok(Saved::Image(Image {
            media_type: "text/plain".to_owned(),
            schema: 1,
            data: data.into_bytes().into(),
        }))
    }

    async fn rest(self: Box<Self>, _: StopReason, _: Instant) {}

    fn is_dead(&self) -> bool {
        self.dead
    }

    fn memory_bytes(&self) -> u64 {
        65_536
    }

    fn open_handles(&self) -> Vec<String> {
        if self.holds {
            vec!["a bucket".to_owned()]
        } else {
            Vec::new()
        }
    }
}

/// All hosts, as they reach each other.
#[derive(Default)]
pub(crate) struct Hosts {
    runtimes: Mutex<HashMap<MemberId, Weak<Runtime>>>,
    away: Mutex<HashSet<MemberId>>,
    seq: AtomicU64,
}

impl Hosts {
    fn reach(&self, host: &MemberId) -> Result<Arc<Runtime>, Fault> {
        let away = self.away.lock().contains(host);
        let runtime = self.runtimes.lock().get(host).and_then(Weak::upgrade);
        runtime
            .filter(|_| !away)
            .ok_or_else(|| Fault::new(FaultKind::NoResponders, "it is gone"))
    }

    fn all(&self) -> Vec<MemberId> {
        let runtimes = self.runtimes.lock();
        let mut all: Vec<_> = runtimes
            .keys()
            .filter(|host| self.reach_quietly(host, &runtimes))
            .cloned()
            .collect();
        all.sort();
        all
    }

    fn reach_quietly(&self, host: &MemberId, runtimes: &HashMap<MemberId, Weak<Runtime>>) -> bool {
        !self.away.lock().contains(host) && runtimes[host].strong_count() > 0
    }

    /// Calls an actor the way a member does: the preferred host first, then wherever it is sent, the same call each time.
    pub(crate) async fn call(&self, actor: &KeyedActor, call: Uuid, body: &str) -> Result<String, Fault> {
        self.call_from(actor, call, body, None, Vec::new()).await
    }

    pub(crate) async fn call_from(
        &self,
        actor: &KeyedActor,
        call: Uuid,
        body: &str,
        sender: Option<KeyedActor>,
        chain: Vec<KeyedActor>,
    ) -> Result<String, Fault> {
        let seq = self.seq.fetch_add(1, Ordering::Relaxed) + 1;
        let deadline = Instant::now() + LIMIT;
        let (mut next, mut owner_unreachable) = (None, false);
        loop {
            let at = next.take().or_else(|| homes(actor, self.all()).into_iter().next());
            let outcome = match at.as_ref().map(|at| self.reach(at)) {
                Some(Ok(runtime)) => {
                    let mut call = request(actor, call, seq, body);
                    call.deadline = deadline;
                    call.sender.clone_from(&sender);
                    call.address.owner_unreachable = owner_unreachable;
                    call.address.chain.clone_from(&chain);
                    runtime.deliver(actor.clone(), call).await
                }
                Some(Err(fault)) => Err(fault),
                None => Err(Fault::new(FaultKind::NoResponders, "no host is there")),
            };
            match outcome {
                Ok(answer) => return Ok(String::from_utf8(answer.body.to_vec()).expect("text")),
                Err(fault) if fault.is_safe_to_retry() && fault.kind != FaultKind::Overloaded => {
                    if Instant::now() >= deadline {
                        return Err(fault);
                    }
                    owner_unreachable |= fault.kind == FaultKind::NoResponders;
                    next = fault.moved_to;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                Err(fault) => return Err(fault),
            }
        }
    }
}

fn request(actor: &KeyedActor, call: Uuid, seq: u64, body: &str) -> Call {
    Call {
        address: CallAddress {
            key: actor.key.clone(),
            call,
            lane: Lane { id: 1, seq, floor: 0 },
            owner_unreachable: false,
            chain: Vec::new(),
        },
        sender: None,
        interface: "test:counter/counter".parse().expect("an interface"),
        function: "do".to_owned(),
        invocation: InvocationId::from(Uuid::new_v4()),
        deadline: Instant::now() + LIMIT,
        trace: None,
        head: Bytes::new(),
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

struct Neighbourhood(Arc<Hosts>);

#[async_trait]
impl Neighbours for Neighbourhood {
    async fn ask(
        &self,
        host: &MemberId,
        question: Question,
        body: Bytes,
        deadline: Instant,
        _: Option<SpanRef>,
    ) -> Result<Bytes, Fault> {
        let runtime = self.0.reach(host)?;
        let asked = tokio::time::timeout_at(deadline.into(), runtime.answer(question, &body)).await;
        asked.unwrap_or_else(|_| Err(Fault::new(FaultKind::DeadlineExceeded, "no answer in time")))
    }

    async fn deliver(
        &self,
        from: &KeyedActor,
        send: &PeerSend,
        call: Uuid,
        _: Lane,
        _: Instant,
    ) -> Result<Result<(), Refusal>, Fault> {
        let sender = Some(from.clone());
        self.0
            .call_from(&send.to, call, &send.operation, sender, Vec::new())
            .await?;
        Ok(Ok(()))
    }

    fn hosts_for(&self, _: &KeyedActor) -> Vec<MemberId> {
        self.0.all()
    }

    fn tell(&self, _: &KeyedActor, _: &'static str, _: Details) {}
}

/// A nats-server and the hosts on it.
pub(crate) struct World {
    pub(crate) nats: NatsServer,
    pub(crate) hosts: Arc<Hosts>,
    pub(crate) timing: Timing,
    /// What all hosts keep of traces, in memory.
    pub(crate) telemetry: Telemetry,
}

/// One host.
pub(crate) struct Host {
    pub(crate) id: MemberId,
    pub(crate) runtime: Arc<Runtime>,
    hosts: Arc<Hosts>,
}

fn in_memory() -> TraceSettings {
    TraceSettings::from_lookup(|_| None).expect("nothing is set")
}

impl World {
    pub(crate) async fn start() -> Self {
        Self {
            nats: NatsServer::start().await,
            hosts: Arc::default(),
            timing: Timing {
                slow_takeover: Duration::from_secs(3),
                slow_lease: Duration::from_secs(2),
                ..Timing::default()
            },
            telemetry: Telemetry::start(&in_memory(), Vec::new()).expect("nothing is sent anywhere"),
        }
    }

    pub(crate) async fn host(&self, kind: Arc<dyn Kind>) -> Host {
        self.host_at(&self.nats.url(), kind).await
    }

    pub(crate) async fn host_at(&self, url: &str, kind: Arc<dyn Kind>) -> Host {
        let bus = Bus::connect(BusConfig::new("host").server(url))
            .await
            .expect("connected");
        let id: MemberId = nkeys::KeyPair::new_server().public_key().parse().expect("a key");
        let runtime = Runtime::start(RuntimeConfig {
            me: id.clone(),
            lattice: lattice(),
            bus,
            site: None,
            neighbours: Arc::new(Neighbourhood(Arc::clone(&self.hosts))),
            timing: self.timing,
            memory_max: 1 << 40,
            tracer: self.telemetry.tracer(),
        })
        .await
        .expect("started");
        let runtime = Arc::new(runtime);
        runtime.host(name(), kind);
        self.hosts.runtimes.lock().insert(id.clone(), Arc::downgrade(&runtime));
        Host {
            id,
            runtime,
            hosts: Arc::clone(&self.hosts),
        }
    }

    pub(crate) async fn call(&self, key: &str, body: &str) -> String {
        let answer = self.hosts.call(&actor(key), Uuid::new_v4(), body).await;
        answer.unwrap_or_else(|fault| panic!("{body}: {fault}"))
    }

    pub(crate) async fn fault(&self, key: &str, body: &str) -> Fault {
        let answer = self.hosts.call(&actor(key), Uuid::new_v4(), body).await;
        answer.expect_err("it fails")
    }
}

impl Host {
    /// For the others, it is gone. What it does itself goes on.
    pub(crate) fn vanish(&self) {
        self.hosts.away.lock().insert(self.id.clone());
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.runtime.live().contains(&actor(key))
    }

    /// Calls an actor as it is here, if it is.
    pub(crate) async fn ask(&self, key: &str, body: &str) -> Result<String, Fault> {
        let (actor, seq) = (actor(key), self.hosts.seq.fetch_add(1, Ordering::Relaxed) + 1);
        let answer = self
            .runtime
            .deliver(actor.clone(), request(&actor, Uuid::new_v4(), seq, body))
            .await?;
        Ok(String::from_utf8(answer.body.to_vec()).expect("text"))
    }

    pub(crate) async fn move_to(&self, key: &str, to: &Host) -> Result<Moved, MoveError> {
        self.move_within(key, to, Duration::from_secs(5)).await
    }

    pub(crate) async fn move_within(&self, key: &str, to: &Host, pause_max: Duration) -> Result<Moved, MoveError> {
        let order = MoveOrder {
            actor: actor(key),
            to: to.id.clone(),
            by: None,
            pause_max,
            progress: Arc::new(|_| ()),
            trace: None,
        };
        self.runtime.move_actor(order).await
    }
}

pub(crate) fn lattice() -> LatticeId {
    "test".parse().expect("an id")
}

pub(crate) fn name() -> ActorName {
    "counter".parse().expect("a name")
}

pub(crate) fn actor(key: &str) -> KeyedActor {
    KeyedActor::new(name(), key.parse().expect("a key"))
}
