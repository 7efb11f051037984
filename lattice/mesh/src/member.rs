//! A process as a member of a lattice.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lattice_bus::{Bus, DIRECT_CAPACITY, Subject};
use lattice_core::presence::MemberState;
use lattice_core::subject::TRUST_BUNDLE_KEY;
use lattice_core::token::verify_member;
use lattice_core::{Fault, Incarnation, KeyedActor, LatticeId, MemberId, Presence, subject};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::directory::Directory;
use crate::identity::Identity;
use crate::invoke::{Invoker, Lanes, Outstanding, Owners};
use crate::links::{ConfigStore, Keeper, KeeperParts, Links};
use crate::mailbox::{Mailbox, MailboxParts};
use crate::outbox::outbox;
use crate::peer::Peers;
use crate::presence::{Announcer, first_presence};
use crate::stream::Streams;
use crate::trust::{TrustStore, Watcher};
use crate::wire::EncodedRoutes;
use crate::{
    DiskError, Events, HostAsk, JoinError, KeyedTarget, LinkChange, MemberConfig, OutgoingCall, Receiver, Reply,
    buckets, disk,
};

/// How long calls are answered after the good-bye: longer than that travels.
const LINGERS: Duration = Duration::from_millis(200);
/// The mailbox closes after one round trip and what was on its way.
const CLOSES_WITHIN: Duration = Duration::from_secs(2);
/// How long what was told to end may take to do so.
const TASKS_END_WITHIN: Duration = Duration::from_secs(5);

/// Heartbeats that wait for us. When full, the newest is dropped; the next one says the same.
const HEARTBEATS: usize = 4096;

/// A process as a member of a lattice: known by its key, present in everybody's directory, with a mailbox, and with links that it verified
/// itself.
///
/// It owns every task it starts. [`leave`](Self::leave) ends them in order; dropping the last handle ends them at once.
#[derive(Debug)]
pub struct Member {
    me: Arc<Identity>,
    bus: Bus,
    trust: Arc<TrustStore>,
    links: Arc<Links>,
    directory: Arc<Directory>,
    announcer: Arc<Announcer>,
    mailbox: Arc<Mailbox>,
    invoker: Invoker,
    events: Events,
    /// All tasks of this member.
    tasks: TaskTracker,
    /// Ends the tasks that keep things up to date.
    closing: CancellationToken,
    _on_drop: tokio_util::sync::DropGuard,
}

/// How a member left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// Everything it was doing was done.
    Drained,
    /// So many calls were cut short.
    CutShort(usize),
}

impl Member {
    /// Joins a lattice. When this returns, the member has a mailbox, is known to the others as *starting*, and knows who is there.
    ///
    /// Links come from disk at first and from the bucket soon after; [`Links::caught_up`] tells when. JetStream need not be there.
    ///
    /// # Errors
    /// See [`JoinError`].
    pub async fn join(config: MemberConfig, bus: Bus) -> Result<Arc<Self>, JoinError> {
        let trust = Arc::new(TrustStore::load(
            config.lattice.clone(),
            config.trusted_operators.clone(),
            &config.data_dir,
        )?);
        first_trust(&trust, config.bundle.as_deref(), &bus, &config.lattice).await?;
        let token = verify_member(&config.token, &trust.current(), crate::trust::now()).map_err(JoinError::Token)?;
        if token.id.as_str() != config.key.public_key() {
            return Err(JoinError::OtherKey {
                token: token.id.to_string(),
                key: config.key.public_key(),
            });
        }
        let incarnation = next_incarnation(&config.data_dir)?;
        let configs = Arc::new(ConfigStore::new(bus.clone(), config.lattice.clone(), &config.data_dir));
        let links = Arc::new(Links::load(&config.data_dir, &trust.current(), configs)?);
        let kind = token.kind;
        let me = Arc::new(Identity::new(
            config.lattice.clone(),
            config.key,
            &config.token,
            incarnation,
        )?);

        let presence = Presence {
            site: config.site,
            ..first_presence(&me, kind, config.name, config.version, config.labels)
        };

        let (tasks, closing) = (TaskTracker::new(), CancellationToken::new());
        let (outbox, posts) = outbox();
        let streams = Streams::new(outbox.clone());
        let peers = Peers::new(
            config.lattice.clone(),
            bus.clone(),
            streams.clone(),
            tasks.clone(),
            closing.clone(),
        );
        let directory = Arc::new(Directory::new(
            config.lattice.clone(),
            me.address.member.clone(),
            config.lost_after,
        ));
        let announcer = Announcer::new(
            me.clone(),
            bus.clone(),
            trust.clone(),
            directory.clone(),
            peers.clone(),
            Arc::new(token),
            presence,
        );
        let events = Events::start(
            bus.clone(),
            config.lattice.clone(),
            me.address.member.clone(),
            &tasks,
            &closing,
        );
        let subject: Subject = subject::mailbox(&me.lattice, &me.address.member, incarnation).into();
        let mailbox = Mailbox::new(MailboxParts {
            me: me.clone(),
            bus: bus.clone(),
            subject: subject.clone(),
            trust: trust.clone(),
            links: links.clone(),
            directory: directory.clone(),
            peers: peers.clone(),
            streams: streams.clone(),
            announcer: announcer.clone(),
            tasks: tasks.clone(),
            capacity: config.capacity,
            tracer: config.tracer.clone(),
            instruments: config.instruments.clone(),
        });

        // Listen first, then speak.
        let below = subject::mailbox_wildcard(&me.lattice, &me.address.member, incarnation);
        let calls = bus.subscribe(&subject, None, DIRECT_CAPACITY).await?;
        let chunks = bus.subscribe(below, None, DIRECT_CAPACITY).await?;
        let heartbeats = bus
            .subscribe(subject::presence_wildcard(&me.lattice), None, HEARTBEATS)
            .await?;

        tasks.spawn(posts.run(bus.clone(), closing.clone()));
        spawn(&tasks, &closing, mailbox.clone().run_calls(calls));
        spawn(&tasks, &closing, mailbox.clone().run_chunks(chunks));
        let listener = announcer.clone();
        spawn(&tasks, &closing, async move { listener.run_listener(heartbeats).await });
        announcer.roll_call().await;
        let beating = announcer.clone();
        let heartbeat = config.heartbeat;
        spawn(&tasks, &closing, async move { beating.run_heartbeats(heartbeat).await });
        spawn(
            &tasks,
            &closing,
            Watcher::new(bus.clone(), &me.lattice, trust.clone(), events.clone()).run(),
        );
        spawn(
            &tasks,
            &closing,
            Keeper::new(KeeperParts {
                bus: bus.clone(),
                lattice: me.lattice.clone(),
                links: links.clone(),
                trust: trust.clone(),
                events: events.clone(),
                instruments: config.instruments,
            })
            .run(),
        );
        let configs = links.configs().clone();
        spawn(&tasks, &closing, async move { configs.keep_fetched().await });
        spawn(
            &tasks,
            &closing,
            follow_trust(trust.clone(), announcer.clone(), mailbox.clone()),
        );
        spawn(&tasks, &closing, follow_links(links.clone(), mailbox.clone()));

        tracing::info!(member = %me.address.member, %incarnation, lattice = %me.lattice, "joined");
        let invoker = Invoker {
            me: me.clone(),
            bus: bus.clone(),
            links: links.clone(),
            directory: directory.clone(),
            peers,
            streams,
            outbox,
            tasks: tasks.clone(),
            closing: closing.clone(),
            routes: EncodedRoutes::default(),
            mailbox: mailbox.clone(),
            lanes: Lanes::new(),
            owners: Owners::default(),
            tracer: config.tracer,
        };
        let _on_drop = closing.clone().drop_guard();
        Ok(Arc::new(Self {
            me,
            bus,
            trust,
            links,
            directory,
            announcer,
            mailbox,
            invoker,
            events,
            tasks,
            closing,
            _on_drop,
        }))
    }

    /// The member's key.
    pub fn id(&self) -> &MemberId {
        &self.me.address.member
    }

    /// Which run of the member this is.
    pub fn incarnation(&self) -> Incarnation {
        self.me.address.incarnation
    }

    /// The lattice it is on.
    pub fn lattice(&self) -> &LatticeId {
        &self.me.lattice
    }

    /// Its connection.
    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// The trust in force here.
    pub fn trust(&self) -> &Arc<TrustStore> {
        &self.trust
    }

    /// The links in force here.
    pub fn links(&self) -> &Arc<Links> {
        &self.links
    }

    /// Who is there and what they run.
    pub fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// For telling operators something.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// Changes what this member says of itself, and says it at once. Say first that an actor is there, then send it work; say first that it
    /// is gone, then stop it.
    pub async fn announce(&self, change: impl FnOnce(&mut Presence)) {
        self.announcer.announce(change).await;
    }

    /// Says who fills in what changes all the time, such as loads, before each heartbeat. It is called with a lock held and must not block.
    pub fn set_vitals(&self, vitals: impl Fn(&mut Presence) + Send + Sync + 'static) {
        self.announcer.set_vitals(Box::new(vitals));
    }

    /// Starts taking calls: from here on `receiver` runs them. Before, they are answered "not here". Once; false for any later receiver.
    pub fn serve(&self, receiver: Arc<dyn Receiver>) -> bool {
        self.mailbox.set_receiver(receiver)
    }

    /// Calls `call.target` on one member.
    ///
    /// # Errors
    /// A fault, with blame. [`Fault::is_safe_to_retry`] tells whether it is certain that nothing ran.
    ///
    /// # Cancel safety
    /// Dropping the future cancels the call over there.
    pub async fn invoke(&self, call: OutgoingCall, to: &MemberId) -> Result<Reply, Fault> {
        self.invoker.invoke(call, to).await
    }

    /// Calls `call.target` wherever it runs, except on the members in `exclude`: the less loaded of two, and another one when it is certain
    /// that nothing ran.
    ///
    /// # Errors
    /// As [`invoke`](Self::invoke), from the last member tried.
    ///
    /// # Cancel safety
    /// Dropping the future cancels the call over there.
    pub async fn invoke_any(&self, call: OutgoingCall, exclude: &[MemberId]) -> Result<Reply, Fault> {
        self.invoker.invoke_any(call, exclude).await
    }

    /// Calls the stateful actor `call.target`/`target.key` wherever it lives, again and again until there is a definite answer or the
    /// deadline passes. That is safe since the actor knows the call by `target.call` and answers it as it did the first time. A body should be
    /// all there: a stream is sent only once.
    ///
    /// # Errors
    /// A fault, with blame: the actor's own, [`Overloaded`](lattice_core::FaultKind::Overloaded), or when the deadline has passed the last
    /// one met on the way. [`Fault::is_safe_to_retry`] tells whether it is certain that nothing ran; made again with the same `target.call`
    /// it is safe whatever the fault.
    ///
    /// # Cancel safety
    /// Dropping the future cancels the call over there.
    pub async fn invoke_keyed(&self, call: OutgoingCall, target: KeyedTarget) -> Result<(Reply, Outstanding), Fault> {
        self.invoke_keyed_in_turn(call, target, Vec::new()).await
    }

    /// As [`invoke_keyed`](Self::invoke_keyed), out of the turn of a stateful actor: the last of `chain`, which has all those that wait for
    /// the answer, the outermost first. It travels with the call, so that an actor that would come to wait for itself can be told so.
    ///
    /// # Errors
    /// As [`invoke_keyed`](Self::invoke_keyed).
    ///
    /// # Cancel safety
    /// Dropping the future cancels the call over there.
    pub async fn invoke_keyed_in_turn(
        &self,
        call: OutgoingCall,
        target: KeyedTarget,
        chain: Vec<KeyedActor>,
    ) -> Result<(Reply, Outstanding), Fault> {
        self.invoker.invoke_keyed(call, target, chain).await
    }

    /// Numbers a call to a stateful actor that this member makes without [`invoke_keyed`](Self::invoke_keyed), because the actor is here.
    /// Should the call be made again in another way, what this returns has to be held until that is over.
    pub fn number_call(&self, actor: KeyedActor) -> Outstanding {
        self.invoker.lanes.enter(actor)
    }

    /// Asks another host, or this one, what no link grants but that both are hosts.
    ///
    /// # Errors
    /// As [`invoke`](Self::invoke). `Denied` when one of the two is no host, `NotFound` when the other does not know the verb.
    ///
    /// # Cancel safety
    /// Dropping the future cancels what was asked over there.
    pub async fn ask(&self, ask: HostAsk, to: &MemberId) -> Result<Reply, Fault> {
        self.invoker.ask(ask, to).await
    }

    /// How many calls of others run here.
    pub fn in_flight(&self) -> usize {
        self.mailbox.in_flight()
    }

    /// How many frames were thrown away because they proved nothing: forged, repeated, or not ours.
    pub fn refused_frames(&self) -> u64 {
        self.mailbox.refused()
    }

    /// Leaves: takes no more calls, waits up to `grace` for those under way, ends the others, says good-bye. The bus stays open.
    pub async fn leave(&self, grace: Duration) -> Departure {
        self.announce(|presence| presence.state = MemberState::Draining).await;
        self.mailbox.drain();
        // Out of time is no error: what is left is counted below.
        let _ = tokio::time::timeout(grace, self.mailbox.idle()).await;
        let cut_short = self.in_flight();
        self.mailbox.end_all();
        self.announce(|presence| {
            presence.state = MemberState::Stopped;
            presence.actors.clear();
            presence.providers.clear();
        })
        .await;
        if self.bus.is_connected()
            && let Err(error) = self.bus.flush().await
        {
            tracing::debug!(%error, "left without saying good-bye");
        }
        if self.bus.is_connected() {
            // Whoever has not heard the good-bye yet may still call, and is answered. Out of time means that NATS went away meanwhile.
            tokio::time::sleep(LINGERS).await;
            let _ = tokio::time::timeout(CLOSES_WITHIN, self.mailbox.close()).await;
        }
        self.closing.cancel();
        self.tasks.close();
        // With NATS away an answer that nobody will get may wait for it.
        let ended = tokio::time::timeout(TASKS_END_WITHIN, self.tasks.wait()).await;
        let stuck = ended.map_or_else(|_| self.tasks.len(), |()| 0);
        match cut_short.max(stuck) {
            0 => Departure::Drained,
            cut_short => Departure::CutShort(cut_short),
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // The guard ends the tasks that keep things up to date; calls under way have their own end.
        self.mailbox.end_all();
    }
}

/// Runs a task of the member until it closes.
fn spawn(tasks: &TaskTracker, closing: &CancellationToken, task: impl Future<Output = ()> + Send + 'static) {
    let closing = closing.clone();
    tasks.spawn(async move {
        closing.run_until_cancelled(task).await;
    });
}

/// Judges members and sessions again whenever the trust changes.
async fn follow_trust(trust: Arc<TrustStore>, announcer: Arc<Announcer>, mailbox: Arc<Mailbox>) {
    let mut serial = trust.serial();
    while serial.changed().await.is_ok() {
        announcer.recheck();
        mailbox.recheck_sessions();
    }
}

/// Ends calls under way whenever their link ends.
async fn follow_links(links: Arc<Links>, mailbox: Arc<Mailbox>) {
    let mut changes = links.changes();
    loop {
        match changes.recv().await {
            Ok(LinkChange::Linked(_)) => {}
            // Whoever fell behind looks at the whole, as for any end.
            Ok(LinkChange::Unlinked(..)) | Err(RecvError::Lagged(_)) => mailbox.end_unlinked(),
            Err(RecvError::Closed) => return,
        }
    }
}

/// Sees to a trust bundle before anything is believed. One that is given counts at the first start, and whenever it is newer than
/// the one on disk; without either, the lattice's own does, as it is an operator's signature that makes it good.
async fn first_trust(trust: &TrustStore, given: Option<&str>, bus: &Bus, lattice: &LatticeId) -> Result<(), JoinError> {
    let have = trust.current().serial().is_some();
    let bundle = match given {
        Some(given) => given.to_owned(),
        None if have => return Ok(()),
        None => published_bundle(bus, lattice).await?,
    };
    match trust.admit(&bundle).await {
        Ok(_) => Ok(()),
        Err(error) if have => {
            tracing::debug!(%error, "the trust bundle given is not used; going on with the one on disk");
            Ok(())
        }
        Err(error) => Err(JoinError::Bundle(error)),
    }
}

/// What the lattice has as its trust bundle, unverified.
async fn published_bundle(bus: &Bus, lattice: &LatticeId) -> Result<String, JoinError> {
    let bucket = bus.bucket(buckets::trust(lattice)).await.map_err(JoinError::NoState)?;
    let entry = bucket.get(TRUST_BUNDLE_KEY).await.map_err(JoinError::NoState)?;
    let bytes = entry.ok_or(JoinError::NoTrust)?.value;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedRun {
    incarnation: Incarnation,
}

/// Begins a run: later than any before, on disk before it is used.
fn next_incarnation(data_dir: &Path) -> Result<Incarnation, DiskError> {
    let file = data_dir.join("run.json");
    let saved: Option<SavedRun> = disk::read_json(&file).map_err(|source| DiskError::new("read", &file, source))?;
    let millis = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis());
    let [.., high, low] = *uuid::Uuid::new_v4().as_bytes();
    let incarnation = Incarnation::next(
        saved.map(|saved| saved.incarnation),
        u64::try_from(millis).unwrap_or(0),
        u16::from_be_bytes([high, low]),
    );
    disk::write_json(&file, &SavedRun { incarnation }).map_err(|source| DiskError::new("write", &file, source))?;
    Ok(incarnation)
}
