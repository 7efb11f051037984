//! All stateful actors of one host.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use lattice_bus::{BucketConfig, Bus, StateError};
use lattice_core::stateful::{StopReason, homes};
use lattice_core::{ActorName, Fault, FaultKind, KeyedActor, LatticeId, MemberId, SiteName, subject};
use lattice_telemetry::Tracer;
use parking_lot::{Mutex, RwLock};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::activation::{Command, Delivery, Inbox, unavailable};
use crate::forwarding::Forwarding;
use crate::index::{self, Index};
use crate::moves::{Departure, MoveError, Prefetched, Staged};
use crate::ownership::{Claim, claim};
use crate::ports::{Answer, Call, Neighbours, Question, SharedKind};
use crate::record::Owner;
use crate::room::{Room, SHED_PERCENT};
use crate::session::Session;
use crate::slot::{Begin, Driver, Slot, answer, overloaded};
use crate::store::{Store, StoreError};
use crate::timing::Timing;

/// How long saying that the session ended may take. Without that others wait before they take over, no more.
const SESSION_ENDS_WITHIN: Duration = Duration::from_secs(2);
/// How long a question to another host about a reminder may take.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);

/// What a runtime is made of.
pub struct RuntimeConfig {
    /// The host.
    pub me: MemberId,
    /// The lattice it is on.
    pub lattice: LatticeId,
    /// Its connection.
    pub bus: Bus,
    /// The site whose JetStream domain has the records; none for the hub's. Only hosts at that site keep such actors.
    pub site: Option<SiteName>,
    /// The other hosts.
    pub neighbours: Arc<dyn Neighbours>,
    /// How long things take.
    pub timing: Timing,
    /// The most linear memory, in bytes, that live actors may have together. Beyond it, those longest idle are put to rest.
    pub memory_max: u64,
    /// Where its spans go.
    pub tracer: Tracer,
}

/// Keeps the stateful actors of one host: wakes them, serves their calls one at a time, stores them, moves them.
///
/// It owns every task it starts; [`Runtime::stop`] ends them in order.
pub struct Runtime {
    pub(crate) shared: Arc<Shared>,
    /// Ends the session.
    ending: CancellationToken,
    session: Mutex<Option<JoinHandle<()>>>,
}

pub(crate) struct Shared {
    pub(crate) me: MemberId,
    pub(crate) store: Store,
    pub(crate) session: Arc<Session>,
    pub(crate) index: Index,
    pub(crate) neighbours: Arc<dyn Neighbours>,
    pub(crate) tracer: Tracer,
    pub(crate) timing: Timing,
    pub(crate) room: Arc<Room>,
    pub(crate) tasks: TaskTracker,
    pub(crate) closing: CancellationToken,
    pub(crate) staged: Mutex<HashMap<KeyedActor, Staged>>,
    pub(crate) prefetched: Mutex<HashMap<KeyedActor, Prefetched>>,
    pub(crate) moved: Mutex<Forwarding>,
    /// Actors whose last write here may yet be done.
    pub(crate) doubtful: Mutex<HashSet<KeyedActor>>,
    kinds: RwLock<HashMap<ActorName, SharedKind>>,
    slots: Mutex<HashMap<KeyedActor, Arc<Slot>>>,
}

/// Whose an actor is, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whereabouts {
    /// The host that has it; nobody when it was put down for good.
    pub owner: Option<MemberId>,
    /// The epoch of its ownership.
    pub epoch: u64,
    /// How many times its state was stored.
    pub version: u64,
    /// When its next reminder is due, in milliseconds since 1970.
    pub reminder_ms: Option<u64>,
    /// Messages it has sent that were not taken yet.
    pub letters: usize,
}

impl Runtime {
    /// Makes ready to keep actors. The host's session begins with the first kind.
    ///
    /// # Errors
    /// When JetStream cannot be used.
    pub async fn start(config: RuntimeConfig) -> Result<Self, StateError> {
        let RuntimeConfig {
            me,
            lattice,
            bus,
            site,
            neighbours,
            timing,
            memory_max,
            tracer,
        } = config;
        let bus = match &site {
            Some(site) => bus.in_domain(site.as_str()),
            None => bus,
        };
        let sessions = BucketConfig::new(subject::buckets(&lattice).sessions)
            .description("the hosts that keep stateful actors, and whether they are there");
        let sessions = bus.bucket(sessions).await?;
        let (tasks, closing) = (TaskTracker::new(), CancellationToken::new());
        let shared = Arc::new(Shared {
            session: Session::new(me.clone(), sessions, timing, tracer.clone()),
            store: Store::new(bus.clone(), lattice.clone(), site.as_ref()),
            index: Index::new(bus, lattice),
            me,
            neighbours,
            tracer,
            timing,
            room: Room::new(memory_max),
            tasks,
            closing,
            staged: Mutex::default(),
            prefetched: Mutex::default(),
            moved: Mutex::default(),
            doubtful: Mutex::default(),
            kinds: RwLock::default(),
            slots: Mutex::default(),
        });
        let ending = CancellationToken::new();
        let session = shared.tasks.spawn({
            let (session, ending, closing) = (Arc::clone(&shared.session), ending.clone(), shared.closing.clone());
            async move {
                // Without a word if this process drops everything: a session is said to have ended only when nothing lives in it any more.
                closing.run_until_cancelled(session.run(ending)).await;
            }
        });
        shared
            .tasks
            .spawn(index::look_after(Arc::clone(&shared), shared.closing.clone()));
        Ok(Self {
            shared,
            ending,
            session: Mutex::new(Some(session)),
        })
    }

    /// Keeps actors of this name from now on, in this component. Those that live in another go on in it until they are put to rest.
    pub fn host(&self, name: ActorName, kind: SharedKind) -> Option<SharedKind> {
        self.shared.kinds.write().insert(name, kind)
    }

    /// Has the actors that live in a former component go on in the present one. One that refuses its image stays in the former.
    pub async fn upgrade(&self, name: &ActorName) {
        let Some(kind) = self.shared.kind(name) else { return };
        for (actor, slot) in self.shared.slots_of(|actor| actor.name == *name) {
            tracing::debug!(%actor, "goes on in another component");
            // Whoever has ended meanwhile is woken in the new one.
            let _ = slot.commands.send(Box::new(Command::Upgrade(Arc::clone(&kind)))).await;
        }
    }

    /// Keeps actors of this name no more, and returns once those that live have come to rest, or `grace` is over. Their state stays.
    pub async fn unhost(&self, name: &ActorName, grace: Duration) {
        self.shared.kinds.write().remove(name);
        let until = Instant::now() + grace;
        loop {
            let live = self.shared.slots_of(|actor| actor.name == *name);
            if live.is_empty() || Instant::now() >= until {
                return;
            }
            for (_, slot) in live {
                // Full queues of orders mean that it is asked to rest already.
                let _ = slot
                    .commands
                    .try_send(Box::new(Command::Rest(StopReason::DrainingHost)));
            }
            self.shared.room.freed().await;
        }
    }

    /// Serves a call, unless another host has the actor.
    ///
    /// # Errors
    /// The fault of the turn; [`FaultKind::NotHere`] with the host that has it, or without where nobody knows; and what keeps the answer
    /// from being stored.
    pub async fn deliver(&self, actor: KeyedActor, call: Call) -> Result<Answer, Fault> {
        if call.address.chain.contains(&actor) {
            let mut chain: Vec<String> = call.address.chain.iter().map(ToString::to_string).collect();
            chain.push(actor.to_string());
            let fault = format!("`{actor}` would wait for itself: {}", chain.join(" calls "));
            return Err(Fault::new(FaultKind::Denied, fault));
        }
        let deadline = call.deadline;
        let (sender, mut answered) = oneshot::channel();
        let delivery = Delivery {
            actor: actor.clone(),
            call,
            answer: sender,
        };
        self.shared.hand_in(Box::new(delivery));
        if let Ok(answer) = answered.try_recv() {
            return answer;
        }
        match tokio::time::timeout_at(deadline.into(), answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(crate::activation::not_counted(&actor, None)),
            Err(_) => {
                let fault = format!("`{actor}` gave no answer before the deadline; the call may yet run");
                Err(Fault::new(FaultKind::DeadlineExceeded, fault).blaming(lattice_core::Blame::Lattice))
            }
        }
    }

    /// Answers another host.
    ///
    /// # Errors
    /// Why not.
    pub async fn answer(&self, question: Question, body: &[u8]) -> Result<Bytes, Fault> {
        let shared = &self.shared;
        match question {
            Question::Prepare => shared.prepare(body).await,
            Question::Stage => shared.stage(body).await,
            Question::Switch => shared.switch(body),
            Question::Unstage => shared.unstage(body),
            Question::Wake => shared.looked_at(body).await,
        }
    }

    /// The actors that live here now.
    pub fn live(&self) -> Vec<KeyedActor> {
        let mut live: Vec<_> = self.shared.slots.lock().keys().cloned().collect();
        live.sort();
        live
    }

    /// Whether an actor lives here and is awake.
    pub fn is_awake(&self, actor: &KeyedActor) -> bool {
        let slots = self.shared.slots.lock();
        slots.get(actor).is_some_and(|slot| slot.is_awake())
    }

    /// How many actors live here.
    pub fn live_count(&self) -> usize {
        self.shared.room.actors()
    }

    /// How many actors of that name live here.
    pub fn live_count_of(&self, name: &ActorName) -> usize {
        self.shared.room.actors_of(name)
    }

    /// The linear memory of the actors that live here, in bytes.
    pub fn memory_bytes(&self) -> u64 {
        self.shared.room.memory()
    }

    /// Whose an actor is, from its record; none for one that has never lived.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub async fn find(&self, actor: &KeyedActor) -> Result<Option<Whereabouts>, StoreError> {
        let (record, _) = self.shared.store.read(actor).await?;
        Ok(record.map(|record| Whereabouts {
            owner: record.owner.map(|owner| owner.member),
            epoch: record.epoch,
            version: record.version,
            reminder_ms: record.reminders.next_ms(),
            letters: record.outbox.waiting().len(),
        }))
    }

    /// Lets go of everything at once, as a crash would.
    pub fn abort(&self) {
        self.shared.closing.cancel();
        // What the kinds hold may hold whoever holds this.
        self.shared.kinds.write().clear();
        self.shared.slots.lock().clear();
    }

    /// Takes no more calls, puts every live actor to rest, ends the session. What does not come to rest within `grace` is let go.
    pub async fn stop(&self, grace: Duration) {
        let until = Instant::now() + grace;
        self.shared.kinds.write().clear();
        while self.shared.room.actors() > 0 && Instant::now() < until {
            for (_, slot) in self.shared.slots_of(|_| true) {
                let _ = slot
                    .commands
                    .try_send(Box::new(Command::Rest(StopReason::DrainingHost)));
            }
            self.shared.room.freed().await;
        }
        self.shared.slots.lock().clear();
        if self.shared.room.actors() == 0 {
            self.ending.cancel();
            let session = self.session.lock().take();
            if let Some(session) = session {
                let _ = tokio::time::timeout(SESSION_ENDS_WITHIN, session).await;
            }
        }
        self.shared.closing.cancel();
        self.shared.tasks.close();
        let left = until
            .saturating_duration_since(Instant::now())
            .max(Duration::from_secs(1));
        if tokio::time::timeout(left, self.shared.tasks.wait()).await.is_err() {
            tracing::warn!(tasks = self.shared.tasks.len(), "stateful actors did not end in time");
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.abort();
    }
}

impl Shared {
    /// This host during one of its sessions.
    pub(crate) fn as_owner(&self, session: u64) -> Owner {
        Owner {
            member: self.me.clone(),
            session,
        }
    }

    pub(crate) fn kind(&self, name: &ActorName) -> Option<SharedKind> {
        self.kinds.read().get(name).cloned()
    }

    /// Puts a call into its actor's queue, or answers it.
    pub(crate) fn hand_in(self: &Arc<Self>, mut delivery: Box<Delivery>) {
        loop {
            let actor = &delivery.actor;
            let open = || self.open_slot(actor, delivery.call.address.owner_unreachable);
            let Some(slot) = self.slot(actor).or_else(open) else {
                let moved_to = self.moved.lock().get(actor);
                if moved_to.is_none() {
                    self.release(actor);
                }
                let fault = crate::activation::not_counted(actor, moved_to);
                return answer(*delivery, fault);
            };
            match self.put(&slot, delivery) {
                None => return,
                Some(back) => delivery = back,
            }
        }
    }

    /// Gives the call back when the slot has closed meanwhile.
    fn put(&self, slot: &Arc<Slot>, delivery: Box<Delivery>) -> Option<Box<Delivery>> {
        use tokio::sync::mpsc::error::TrySendError;
        slot.used();
        // One that is awake and idle most likely answers at once.
        let lent = slot.is_awake().then(|| slot.driven.lend()).flatten();
        match slot.deliveries.try_send(delivery) {
            Ok(()) => {
                if let Some(lent) = lent {
                    lent.run();
                }
                None
            }
            Err(TrySendError::Full(delivery)) => {
                let fault = overloaded(&delivery.actor);
                answer(*delivery, fault);
                None
            }
            Err(TrySendError::Closed(delivery)) => {
                self.vacate(&delivery.actor, slot);
                Some(delivery)
            }
        }
    }

    /// Gives up an actor that is ours by its record, and that nothing here can wake: others may take it then.
    fn release(self: &Arc<Self>, actor: &KeyedActor) {
        let (shared, actor) = (Arc::clone(self), actor.clone());
        self.tasks.spawn(async move {
            let Ok((Some(mut record), revision)) = shared.store.read(&actor).await else {
                return;
            };
            let me = shared.as_owner(shared.session.current().await.id);
            if record.owner.as_ref() == Some(&me) {
                record.owner = None;
                // Somebody else wrote it: then it is not ours to give.
                let _ = shared.store.swap(&actor, &mut record, revision).await;
            }
        });
    }

    fn slot(&self, actor: &KeyedActor) -> Option<Arc<Slot>> {
        self.slots.lock().get(actor).cloned()
    }

    /// Makes a slot for an actor that may be ours; none if its kind is not here, or if it is known to have moved on.
    fn open_slot(self: &Arc<Self>, actor: &KeyedActor, unreachable: bool) -> Option<Arc<Slot>> {
        if self.closing.is_cancelled() || (!unreachable && self.moved.lock().get(actor).is_some()) {
            return None;
        }
        let kind = self.kind(&actor.name)?;
        Some(self.begin(actor, kind, Begin::Asked))
    }

    /// Lets an actor act that a move has brought, unless somebody here is about to wake it, who will find it.
    pub(crate) fn begin_switched(self: &Arc<Self>, actor: &KeyedActor) {
        if let Some(kind) = self.kind(&actor.name) {
            self.begin(actor, kind, Begin::Switched);
        }
    }

    /// Starts the task of an actor unless it has one.
    fn begin(self: &Arc<Self>, actor: &KeyedActor, kind: SharedKind, begin: Begin) -> Arc<Slot> {
        let mut slots = self.slots.lock();
        if let Some(slot) = slots.get(actor) {
            return Arc::clone(slot);
        }
        let (slot, inbox) = Slot::new();
        slots.insert(actor.clone(), Arc::clone(&slot));
        drop(slots);
        let driver = Driver {
            shared: Arc::clone(self),
            kind,
            actor: actor.clone(),
            slot: Arc::clone(&slot),
        };
        let closing = self.closing.clone();
        let running = slot.driven.run(driver.run(inbox, begin));
        self.tasks.spawn(async move {
            // Not by the end of its queues: it holds both of their ends.
            closing.run_until_cancelled(running).await;
        });
        slot
    }

    /// Takes a slot off the table.
    pub(crate) fn vacate(&self, actor: &KeyedActor, slot: &Arc<Slot>) {
        let mut slots = self.slots.lock();
        if slots.get(actor).is_some_and(|current| Arc::ptr_eq(current, slot)) {
            slots.remove(actor);
        }
    }

    /// Takes a slot off the table if nobody waits in it.
    pub(crate) fn vacate_if_empty(&self, actor: &KeyedActor, slot: &Arc<Slot>, inbox: &Inbox) -> bool {
        if inbox.deliveries.is_empty() && inbox.commands.is_empty() {
            self.vacate(actor, slot);
            return true;
        }
        false
    }

    fn slots_of(&self, which: impl Fn(&KeyedActor) -> bool) -> Vec<(KeyedActor, Arc<Slot>)> {
        let slots = self.slots.lock();
        let chosen = slots.iter().filter(|(actor, _)| which(actor));
        chosen.map(|(actor, slot)| (actor.clone(), Arc::clone(slot))).collect()
    }

    /// Asks those longest idle to give up their memory. Whoever waits may ask: the actors are looked through once for all of them.
    pub(crate) fn shed(&self, why: StopReason) {
        if !self.room.begin_shedding() {
            return;
        }
        let slots = self.slots.lock();
        let awake = slots.values().filter(|slot| slot.is_awake());
        let mut awake: Vec<_> = awake.map(|slot| (slot.last_used_ms(), Arc::clone(slot))).collect();
        drop(slots);
        let count = (awake.len() * SHED_PERCENT / 100).max(1);
        if count < awake.len() {
            awake.select_nth_unstable_by_key(count, |(last_used_ms, _)| *last_used_ms);
        }
        for (_, slot) in awake.into_iter().take(count) {
            // One that is too busy to rest is asked last the next time.
            slot.used();
            // Full queues of orders mean that it is asked to rest already.
            let _ = slot.commands.try_send(Box::new(Command::Rest(why)));
        }
    }

    /// Has an actor move, awake or not. Its task sees to it, so that nobody wakes it meanwhile.
    pub(crate) async fn depart(
        self: &Arc<Self>,
        actor: &KeyedActor,
        kind: SharedKind,
        departure: Departure,
    ) -> Result<(), MoveError> {
        let mut command = Box::new(Command::Depart(departure));
        while !self.closing.is_cancelled() {
            let slot = self.begin(actor, Arc::clone(&kind), Begin::Asked);
            match slot.commands.send(command).await {
                Ok(()) => return Ok(()),
                Err(back) => command = back.0,
            }
            self.vacate(actor, &slot);
        }
        Err(MoveError::Gone)
    }

    /// Sends an order to an actor that lives here.
    pub(crate) async fn order(&self, actor: &KeyedActor, command: Command) -> bool {
        match self.slot(actor) {
            Some(slot) => slot.commands.send(Box::new(command)).await.is_ok(),
            None => false,
        }
    }

    /// How many hosts would sooner look after an actor than this one.
    pub(crate) fn rank(&self, actor: &KeyedActor) -> usize {
        let hosts = homes(actor, self.neighbours.hosts_for(actor));
        hosts.iter().position(|host| *host == self.me).unwrap_or(hosts.len())
    }

    /// Has an actor fire what is due, wherever it lives, and returns when the next is.
    pub(crate) async fn look(self: &Arc<Self>, actor: &KeyedActor) -> Result<Option<u64>, Fault> {
        if let Some(next) = self.look_here(actor).await {
            return Ok(next);
        }
        let (record, _) = self.store.read(actor).await.map_err(|error| unavailable(&error))?;
        let Some(record) = record else { return Ok(None) };
        if record.look_ms(crate::clock::now_ms()).is_none() {
            return Ok(None);
        }
        let me = self.as_owner(self.session.current().await.id);
        if let Claim::Elsewhere(owner) = claim(Some(&record), &me, |_| false)
            && !self.session.is_out(&owner).await.unwrap_or(false)
        {
            let deadline = Instant::now() + ASK_TIMEOUT;
            let body = crate::moves::about(actor);
            match self
                .neighbours
                .ask(&owner.member, Question::Wake, body, deadline, None)
                .await
            {
                Ok(next) => return crate::moves::next_due(&next),
                Err(fault) if fault.is_safe_to_retry() => {
                    // Nobody there: it becomes ours, or the other host's word counts.
                    self.session.fence(&owner).await.map_err(|error| unavailable(&error))?;
                }
                Err(fault) => return Err(fault),
            }
        }
        let Some(kind) = self.kind(&actor.name) else {
            return Err(Fault::not_here(
                format!("actor `{}` does not run here", actor.name),
                None,
            ));
        };
        self.begin(actor, kind, Begin::Asked);
        self.look_here(actor)
            .await
            .ok_or_else(|| Fault::not_here(format!("`{actor}` was not woken here"), None))
    }

    async fn look_here(&self, actor: &KeyedActor) -> Option<Option<u64>> {
        let (sender, next) = oneshot::channel();
        if !self.order(actor, Command::Look(sender)).await {
            return None;
        }
        next.await.ok()
    }

    async fn looked_at(self: &Arc<Self>, body: &[u8]) -> Result<Bytes, Fault> {
        let actor = crate::moves::about_whom(body)?;
        let next = self.look(&actor).await?;
        Ok(crate::moves::next(next))
    }
}
