//! One term: look, decide, act, until it is over.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use lattice_control::{
    ControlClient,
    reconcile::{Action, AppPhase, AppProgress, Decision, Memory, Outcome, decide},
};
use lattice_core::{AppName, UnixSeconds, event::names};
use lattice_mesh::{DirectoryChange, Member};
use tokio::sync::{broadcast::error::RecvError, mpsc};
use tokio_util::task::TaskTracker;
use tracing::{debug, info};

use crate::{
    act::Acting, applying::Applying, apps::Apps, board::Board, observe::observe, settings::ControllerSettings,
    sites::Sites,
};

/// Outcomes that wait to be heard. When full, those who acted wait: each holds its host's place meanwhile.
const OUTCOMES: usize = 256;

/// What happens within this time is looked at together.
const TOGETHER: Duration = Duration::from_millis(10);

/// How often it is looked whether the bucket still has the links that are in force, for those who join.
const REPAIR_EVERY: Duration = Duration::from_secs(60);

/// A revision that was stored longer ago than this is no news to whoever begins to lead.
const NEWS: Duration = Duration::from_secs(60);

/// Everything is looked at this often although nothing seems to have changed.
const AT_LEAST_EVERY: Duration = Duration::from_secs(30);

/// One term as leader.
pub(crate) struct Term<'a> {
    member: &'a Arc<Member>,
    settings: &'a ControllerSettings,
    board: &'a Board,
    acting: Acting,
    number: u64,
}

/// What made the leader look.
enum Wake {
    Apps(Option<lattice_bus::BucketEvent>),
    Hosts(Result<DirectoryChange, RecvError>),
    Links,
    Trust,
    Outcome(Box<(Action, Outcome)>),
    Connection,
    Time,
}

impl<'a> Term<'a> {
    pub(crate) fn new(
        member: &'a Arc<Member>,
        settings: &'a ControllerSettings,
        board: &'a Board,
        tasks: &TaskTracker,
        number: u64,
    ) -> Self {
        let client = ControlClient::new(member.bus().clone(), member.lattice().clone())
            .with_signer(settings.signer.clone())
            .with_trust(member.trust().current());
        Self {
            member,
            settings,
            board,
            acting: Acting::new(client, Arc::clone(member), settings, tasks.clone()),
            number,
        }
    }

    /// Leads until it cannot; returns why.
    pub(crate) async fn run(self) -> &'static str {
        let mut apps = match Apps::read(self.member, &self.settings.folder).await {
            Ok(apps) => apps,
            Err(error) => {
                info!(%error, "the applications cannot be read");
                return "the applications cannot be read";
            }
        };
        let mut hosts = self.member.directory().changes();
        let mut links = self.member.links().changes();
        let mut trust = self.member.trust().serial();
        let mut connection = self.member.bus().states();
        let (outcome, mut outcomes) = mpsc::channel(OUTCOMES);
        let (mut memory, mut sites) = (Memory::default(), Sites::default());
        let mut applying = Applying::new(self.settings.tracer.clone());
        let mut told = BTreeMap::new();
        // A host that has just come, or whose connection was gone, has not heard from all yet: to it they look lost.
        let mut quiet_until = self.joined_recently();
        let mut next = Instant::now();
        let mut repair_at = next;
        loop {
            let wake = tokio::select! {
                event = apps.changed() => Wake::Apps(event),
                change = hosts.recv() => Wake::Hosts(change),
                _ = links.recv() => Wake::Links,
                _ = trust.changed() => Wake::Trust,
                Some(ended) = outcomes.recv() => Wake::Outcome(Box::new(ended)),
                _ = connection.changed() => Wake::Connection,
                () = tokio::time::sleep_until(next.into()) => Wake::Time,
            };
            let now = Instant::now();
            let looks = matches!(wake, Wake::Time);
            match wake {
                Wake::Apps(None) => return "the connection was closed",
                Wake::Apps(Some(event)) => apps.apply(event, &self.member.trust().current()).await,
                Wake::Hosts(Ok(DirectoryChange::Lost(host))) => {
                    let data = serde_json::json!({ "name": host.presence.name, "kind": host.presence.kind });
                    let about = format!("host/{}", host.id());
                    self.member.events().tell(names::HOST_LOST, Some(about), data);
                    // The way to a site comes and goes. That says nothing about its hosts.
                    if let Some(id) = host.id().as_host().filter(|_| host.site().is_none()) {
                        memory.lost(&id, now);
                    }
                }
                Wake::Trust => apps.judge(&self.member.trust().current()),
                Wake::Outcome(ended) => {
                    applying.ended(&ended.0, apps.desired());
                    memory.ended(&ended.0, &ended.1, now);
                }
                Wake::Connection => {
                    connection.mark_unchanged();
                    quiet_until = now + self.settings.listen;
                }
                Wake::Hosts(_) | Wake::Links | Wake::Time => {}
            }
            if !looks {
                // The rest of what happens now is looked at in the same glance.
                next = next.min(now + TOGETHER).max(quiet_until.min(now + AT_LEAST_EVERY));
                continue;
            }
            if now < quiet_until || !self.member.bus().is_connected() {
                next = quiet_until.max(now + TOGETHER);
                continue;
            }
            if now >= repair_at {
                repair_at = now + REPAIR_EVERY;
                // A revision signed by a clock ahead of ours is good by now.
                apps.judge(&self.member.trust().current());
                self.acting.repair_links(&apps);
            }
            let decision = self.look(&apps, &mut memory, &mut sites, now);
            applying.begin(&decision, apps.desired());
            for action in &decision.actions {
                let over = applying.over(action, apps.desired());
                self.acting.start(action.clone(), &apps, over, outcome.clone());
            }
            applying.end(&decision.apps);
            self.tell(&mut told, &decision, &apps);
            let again = decision.look_again.into_iter().chain(sites.look_again).min();
            let again = again.unwrap_or(now + AT_LEAST_EVERY);
            self.board.show(self.number, decision.apps);
            next = again.clamp(now + TOGETHER, now + AT_LEAST_EVERY);
        }
    }

    fn look(&self, apps: &Apps, memory: &mut Memory, sites: &mut Sites, now: Instant) -> Decision {
        let observed = observe(self.member, apps.desired(), sites, now);
        let wall = UnixSeconds::from(SystemTime::now());
        let decision = decide(&observed, apps.desired(), memory, now, wall);
        debug!(
            actions = decision.actions.len(),
            took = ?now.elapsed(),
            hosts = observed.hosts.len(),
            apps = apps.desired().apps.len(),
            "looked"
        );
        decision
    }

    /// Until when this host may not know everybody yet.
    fn joined_recently(&self) -> Instant {
        let now = Instant::now();
        let me = self.member.directory().get(self.member.id());
        let up = me.map_or(Duration::ZERO, |me| {
            UnixSeconds::from(SystemTime::now()).since(me.presence.started_at)
        });
        now + self.settings.listen.saturating_sub(up)
    }

    /// Tells of applications that have a new revision, or have come to another phase.
    fn tell(&self, told: &mut BTreeMap<AppName, (u64, AppPhase)>, decision: &Decision, apps: &Apps) {
        let events = self.member.events();
        for (name, progress) in &decision.apps {
            let AppProgress { revision, phase, .. } = progress;
            let before = told.insert(name.clone(), (*revision, *phase));
            if before == Some((*revision, *phase)) {
                continue;
            }
            let about = Some(format!("app/{name}"));
            let known = apps.desired().apps.get(name);
            let is_news = before.map_or_else(
                // A leader that has just begun tells only of what is new to everybody.
                || known.is_some_and(|known| UnixSeconds::from(SystemTime::now()).since(known.stored_at) < NEWS),
                |(before, _)| before != *revision,
            );
            if let Some(known) = known.filter(|_| is_news) {
                let data = serde_json::json!({ "app": name, "revision": revision, "cause": known.revision.cause });
                let event = events.event(names::APP_REVISED).about(about.clone()).with(data);
                events.send(event.by(apps.signed_by(name).map(ToString::to_string)));
            }
            info!(app = %name, revision, ?phase, problems = ?progress.problems, "application");
            let data = serde_json::json!({
                "app": name, "revision": revision, "phase": phase, "problems": progress.problems,
            });
            events.tell(names::APP_PHASE, about, data);
        }
    }
}
