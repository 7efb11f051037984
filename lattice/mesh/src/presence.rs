//! Saying that this member is there, and hearing the others say so.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use bytes::Bytes;
use lattice_bus::{Bus, ConnectionState, Headers, Message, Subject, Subscription};
use lattice_core::presence::{Load, MemberKind, MemberState, Scheduling};
use lattice_core::token::VerifiedMember;
use lattice_core::{Labels, MemberId, Presence, subject};
use parking_lot::Mutex;

use crate::directory::{Directory, DirectoryChange, HeartbeatError, KnownMember};
use crate::identity::Identity;
use crate::peer::Peers;
use crate::trust::TrustStore;

/// The roll call of a newcomer is over when nobody answered for this long, or this many round trips if that is longer.
const ROLL_CALL_QUIET: Duration = Duration::from_millis(100);
const ROLL_CALL_ROUND_TRIPS: u32 = 4;
/// However far the others are, joining does not take longer than this. Late answers still count.
const ROLL_CALL_MAX: Duration = Duration::from_secs(2);
/// How often to look who has been silent for too long: so much later than it could a loss is noticed.
const LOOK_FOR_LOST: Duration = Duration::from_millis(250);
/// Members whose wrong heartbeats were reported, so that each is reported once. When full, all are forgotten.
const REPORTED_MAX: usize = 1024;

/// Fills in what changes all the time, such as loads, before a heartbeat.
pub(crate) type Vitals = dyn Fn(&mut Presence) + Send + Sync;

/// Speaks for this member, and listens to the others.
pub(crate) struct Announcer {
    me: Arc<Identity>,
    bus: Bus,
    trust: Arc<TrustStore>,
    directory: Arc<Directory>,
    peers: Arc<Peers>,
    token: Arc<VerifiedMember>,
    subject: Subject,
    /// Held while a heartbeat is made and sent, so that they leave in the order of their numbers.
    presence: tokio::sync::Mutex<Presence>,
    /// The last heartbeat as it was sent.
    latest: ArcSwap<Bytes>,
    vitals: ArcSwapOption<Box<Vitals>>,
    reported: Mutex<HashSet<(MemberId, &'static str)>>,
}

impl Announcer {
    pub(crate) fn new(
        me: Arc<Identity>,
        bus: Bus,
        trust: Arc<TrustStore>,
        directory: Arc<Directory>,
        peers: Arc<Peers>,
        token: Arc<VerifiedMember>,
        presence: Presence,
    ) -> Arc<Self> {
        let subject = subject::presence(&me.lattice, &me.address.member).into();
        let presence = tokio::sync::Mutex::new(presence);
        let latest = ArcSwap::from_pointee(Bytes::new());
        let vitals = ArcSwapOption::empty();
        let reported = Mutex::default();
        Arc::new(Self {
            me,
            bus,
            trust,
            directory,
            peers,
            token,
            subject,
            presence,
            latest,
            vitals,
            reported,
        })
    }

    /// Changes what this member says of itself, and says it at once.
    pub(crate) async fn announce(&self, change: impl FnOnce(&mut Presence)) {
        let mut presence = self.presence.lock().await;
        change(&mut presence);
        self.say(&mut presence).await;
    }

    /// Says who fills in the loads.
    pub(crate) fn set_vitals(&self, vitals: Box<Vitals>) {
        self.vitals.store(Some(Arc::new(vitals)));
    }

    /// The last heartbeat as it was sent.
    pub(crate) fn latest(&self) -> Arc<Bytes> {
        self.latest.load_full()
    }

    /// Says that this member is there every `heartbeat`, and at once after the connection came back.
    pub(crate) async fn run_heartbeats(&self, heartbeat: Duration) {
        let mut states = self.bus.states();
        let mut session = *states.borrow_and_update();
        let mut ticks = tokio::time::interval(heartbeat);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        ticks.tick().await;
        let mut looks = tokio::time::interval(LOOK_FOR_LOST);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                _ = ticks.tick() => {
                    if self.bus.is_connected() {
                        self.announce(|_| ()).await;
                    }
                }
                _ = looks.tick() => self.react(self.directory.sweep()),
                changed = states.changed() => {
                    let state = *states.borrow_and_update();
                    if changed.is_err() || state == ConnectionState::Closed {
                        return;
                    }
                    self.directory.line(state.is_connected());
                    if state.is_connected() && state != session {
                        session = state;
                        self.peers.note_reconnect();
                        self.roll_call().await;
                    }
                }
            }
        }
    }

    /// Says that this member is there and asks who else is. Returns when the answers that come at once have come.
    pub(crate) async fn roll_call(&self) {
        let quiet = match self.bus.round_trip(ROLL_CALL_MAX).await {
            Ok(round_trip) => (round_trip * ROLL_CALL_ROUND_TRIPS).clamp(ROLL_CALL_QUIET, ROLL_CALL_MAX),
            Err(_) => ROLL_CALL_QUIET,
        };
        let heartbeat = {
            let mut presence = self.presence.lock().await;
            self.prepare(&mut presence)
        };
        let Some(heartbeat) = heartbeat else { return };
        let asked = self
            .bus
            .request_many(&self.subject, Headers::new(), heartbeat, quiet, None)
            .await;
        let mut answers = match asked {
            Ok(answers) => answers,
            Err(error) => {
                tracing::debug!(%error, "nobody could be asked who is there");
                return;
            }
        };
        let all = async {
            while let Some(answer) = answers.recv().await {
                self.heard(&answer.payload);
            }
        };
        let _ = tokio::time::timeout(ROLL_CALL_MAX, all).await;
    }

    /// Listens to the others until the subscription ends.
    pub(crate) async fn run_listener(&self, mut heartbeats: Subscription) {
        while let Some(message) = heartbeats.recv().await {
            self.take(message).await;
        }
    }

    async fn take(&self, message: Message) {
        if message.subject == *self.subject.as_str() {
            return;
        }
        let newer = self.heard(&message.payload);
        // Only a heartbeat that is good and new is answered, so that nobody makes the whole lattice shout by repeating an old one.
        if let Some(reply) = message.reply
            && newer
        {
            let latest = Bytes::clone(&self.latest());
            if let Err(error) = self.bus.publish(reply, Headers::new(), latest).await {
                tracing::debug!(%error, "a roll call was not answered");
            }
        }
    }

    /// Takes in a heartbeat. Says whether it was good and new.
    pub(crate) fn heard(&self, heartbeat: &[u8]) -> bool {
        match self.directory.hear(heartbeat, &self.trust.current()) {
            Ok(heard) => {
                let newer = heard.is_news();
                self.react(heard.into_change());
                newer
            }
            Err(error) => {
                self.report(&error);
                false
            }
        }
    }

    /// Looks at every member's token again, after a change of trust.
    pub(crate) fn recheck(&self) {
        self.react(self.directory.recheck(&self.trust.current()));
    }

    /// Acts on changes: whoever waits for a member that is gone stops waiting.
    fn react(&self, changes: impl IntoIterator<Item = DirectoryChange>) {
        for change in changes {
            let member = change.member();
            let id = member.id();
            match &change {
                DirectoryChange::Joined(_) => {
                    tracing::info!(member = %id, name = %member.presence.name, "member joined");
                    self.peers
                        .declare_earlier_gone(&member.address(), "it was started anew");
                }
                DirectoryChange::Changed(_) => {}
                DirectoryChange::Lost(_) => {
                    tracing::warn!(member = %id, name = %member.presence.name, "member lost");
                    self.peers
                        .declare_address_gone(&member.address(), "it has not been heard for too long");
                }
                DirectoryChange::Left(_) => {
                    tracing::info!(member = %id, name = %member.presence.name, "member left");
                    self.peers.part_from(member.address());
                }
            }
        }
    }

    async fn say(&self, presence: &mut Presence) {
        let Some(heartbeat) = self.prepare(presence) else {
            return;
        };
        if !self.bus.is_connected() {
            return;
        }
        if let Err(error) = self.bus.publish(&self.subject, Headers::new(), heartbeat).await {
            tracing::warn!(%error, "a heartbeat was not sent");
        }
    }

    /// Makes the next heartbeat, and puts it into our own directory.
    fn prepare(&self, presence: &mut Presence) -> Option<Bytes> {
        if let Some(vitals) = &*self.vitals.load() {
            vitals(presence);
        }
        presence.seq += 1;
        presence.sent_at = crate::trust::now();
        self.directory
            .insert(KnownMember::new(presence.clone(), self.token.clone()));
        match self.me.seal(presence) {
            Ok(sealed) => {
                let sealed = Bytes::from(sealed);
                self.latest.store(Arc::new(sealed.clone()));
                Some(sealed)
            }
            Err(error) => {
                tracing::error!(%error, "a heartbeat cannot be made");
                None
            }
        }
    }

    /// Says once per member and reason that its heartbeats are not believed. What nobody signed is not worth a warning: anybody can send it.
    fn report(&self, error: &HeartbeatError) {
        let Some(episode) = error.episode() else {
            tracing::debug!(error = error as &dyn std::error::Error, "not a heartbeat");
            return;
        };
        let mut reported = self.reported.lock();
        if reported.len() >= REPORTED_MAX {
            reported.clear();
        }
        if reported.insert(episode) {
            tracing::warn!(
                error = error as &dyn std::error::Error,
                "the heartbeats of a member are not believed"
            );
        }
    }
}

impl std::fmt::Debug for Announcer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Announcer")
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

/// What a member says before anything else.
pub(crate) fn first_presence(
    me: &Identity,
    kind: MemberKind,
    name: String,
    version: String,
    labels: Labels,
) -> Presence {
    let now = crate::trust::now();
    Presence {
        lattice: me.lattice.clone(),
        member: me.address.member.clone(),
        kind,
        name,
        incarnation: me.address.incarnation,
        seq: 0,
        sent_at: now,
        started_at: now,
        version,
        labels,
        site: None,
        state: MemberState::Starting,
        scheduling: Scheduling::default(),
        replicas_max: None,
        actors: Vec::new(),
        providers: Vec::new(),
        load: Load::default(),
        token: me.token.to_string(),
    }
}
