//! The decision.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use lattice_core::{
    ActorName, AppName, HostId, Party, ProviderName, UnixSeconds,
    application::{Failure, UpdateStrategy},
};

use super::{
    Action, AppPhase, AppProgress, Desired, KnownApp, Memory, Observed, Target, links,
    placing::Placer,
    providers::{self, ProviderStep},
    rollout::{self, Step},
};

/// For how long after it was stored a revision that does not become ready is taken back. Later, something else must be the reason.
const ROLLS_BACK_WITHIN: Duration = Duration::from_secs(15 * 60);

/// What has to be done, and how far everything is.
#[derive(Clone, Debug, Default)]
pub struct Decision {
    /// What has to be done, all of it at once.
    pub actions: Vec<Action>,
    /// How far each application is.
    pub apps: BTreeMap<AppName, AppProgress>,
    /// When to look again although nothing has changed.
    pub look_again: Option<Instant>,
}

/// Decides what has to be done. `wall` is the time by which revisions are signed.
pub fn decide(
    observed: &Observed,
    desired: &Desired,
    memory: &mut Memory,
    now: Instant,
    wall: UnixSeconds,
) -> Decision {
    memory.settle(observed, now);
    desired.apps.values().for_each(|app| memory.look_at(app));
    let mut decision = Decision::default();
    let mut placer = Placer::new(observed, memory, now);
    let mut provider_steps = providers::step_all(desired, observed, memory, &mut placer, now);
    let mut completed = Vec::new();
    for app in desired.apps.values() {
        let mut look = Look {
            app,
            desired,
            observed,
            memory,
            now,
            actions: Vec::new(),
            problems: Vec::new(),
            broken: None,
        };
        let progress = look.decide(&mut placer, &mut provider_steps, wall);
        if progress.phase == AppPhase::Ready {
            completed.push((app.name().clone(), progress.revision));
        }
        decision.actions.append(&mut look.actions);
        decision.apps.insert(app.name().clone(), progress);
    }
    for (app, revision) in completed {
        memory.complete(&app, revision);
    }
    for action in &decision.actions {
        memory.asked(action);
    }
    decision.look_again = memory.next_retry(now);
    decision
}

/// One application, looked at.
struct Look<'a> {
    app: &'a KnownApp,
    desired: &'a Desired,
    observed: &'a Observed,
    memory: &'a Memory,
    now: Instant,
    actions: Vec<Action>,
    problems: Vec<String>,
    /// What cannot run, and whether that is a reason to go back.
    broken: Option<(String, Failure)>,
}

impl Look<'_> {
    fn decide(
        &mut self,
        placer: &mut Placer<'_>,
        provider_steps: &mut BTreeMap<ProviderName, ProviderStep>,
        wall: UnixSeconds,
    ) -> AppProgress {
        let app = self.app;
        self.actions
            .extend(links::put(app, self.observed, self.memory, self.now));
        self.problems.extend(links::problems(app, self.observed, self.memory));
        let linked = links::in_force(&app.links, self.observed);
        let all_linked = linked == app.links.len();

        // Settled: all that has a place is there. Leftovers: something is there that should not be.
        let (mut settled, mut leftovers, mut homeless, mut contested) = (all_linked, false, false, false);
        let mut progress = self.empty_progress((linked, app.links.len()));
        for name in app.providers.keys() {
            settled &= self.provider(name, provider_steps, &mut progress);
            homeless |= provider_steps.get(name).is_some_and(|step| step.homeless);
        }
        for name in app.actors.keys() {
            let Some(step) = self.actor(name, placer, &mut progress) else {
                contested = true;
                continue;
            };
            settled &= step.settled;
            leftovers |= step.leftovers;
            homeless |= step.homeless;
            // An actor starts with the links of its revision, or not at all.
            let ready_to_start = |action: &Action| all_linked || !matches!(action, Action::StartActor { .. });
            self.actions.extend(step.actions.into_iter().filter(ready_to_start));
        }
        // What is not declared any more goes when what is declared is there: nothing still needs it then.
        let pruned = self.prune(settled && !leftovers);
        if settled && !leftovers && pruned {
            self.actions
                .extend(links::end(app, self.observed, self.memory, self.now));
        }
        let unlinked = links::in_force(&app.unlinks, self.observed) == app.unlinks.len();
        self.roll_back_if_broken(wall);

        let done = settled && !leftovers && !homeless && !contested && pruned && unlinked;
        progress.phase = match (app.revision.is_deletion(), done) {
            (true, true) => AppPhase::Deleted,
            (true, false) => AppPhase::Deleting,
            (false, true) => AppPhase::Ready,
            (false, false) if self.problems.is_empty() => AppPhase::Progressing,
            (false, false) => AppPhase::Stuck,
        };
        progress.problems = std::mem::take(&mut self.problems);
        progress
    }

    fn empty_progress(&self, links: (usize, usize)) -> AppProgress {
        AppProgress {
            app: self.app.name().clone(),
            revision: self.app.revision.number,
            phase: AppPhase::Progressing,
            actors: Vec::new(),
            providers: Vec::new(),
            links,
            problems: Vec::new(),
        }
    }

    /// A provider is decided about once, however many applications share it. Says whether it is as it shall be.
    fn provider(
        &mut self,
        name: &ProviderName,
        steps: &mut BTreeMap<ProviderName, ProviderStep>,
        progress: &mut AppProgress,
    ) -> bool {
        let Some(step) = steps.get_mut(name) else {
            return false;
        };
        self.actions.append(&mut step.actions);
        self.problems.extend(step.problems.iter().cloned());
        progress.providers.push(step.progress.clone());
        let (mine, _) = &self.app.providers[name];
        match self.desired.provider(name) {
            Some((owner, theirs, _)) if theirs != mine => {
                self.problems.push(format!(
                    "{} is declared otherwise by the application `{owner}`, whose word counts: declare it alike, or under another name",
                    Party::Provider(name.clone())
                ));
                false
            }
            _ => {
                let changed = self.fallback_differs(|old| {
                    old.provider(name).map(|provider| provider.spec.fingerprint()) != Some(*mine)
                });
                if let Some(why) = step.broken.clone().filter(|_| changed) {
                    self.broken.get_or_insert((why, Failure::RollBack));
                }
                step.settled
            }
        }
    }

    fn actor(&mut self, name: &ActorName, placer: &mut Placer<'_>, progress: &mut AppProgress) -> Option<Step> {
        let (fingerprint, actor) = &self.app.actors[name];
        if let Some(owner) = self
            .desired
            .owner_of_actor(name)
            .filter(|owner| *owner != self.app.name())
        {
            self.problems.push(format!(
                "the application `{owner}` has an actor `{name}` too; its own counts"
            ));
            return None;
        }
        let wanted = placer.place(
            &Party::Actor(name.clone()),
            &actor.spec.placement,
            &actor.placement,
            actor.spec.stays(),
        );
        let (mut step, how_far) = rollout::roll(
            self.app.name(),
            actor,
            *fingerprint,
            &wanted,
            self.observed,
            self.memory,
            self.now,
        );
        self.problems.append(&mut step.problems);
        progress.actors.push(how_far);
        let changed =
            self.fallback_differs(|old| old.actor(name).map(|actor| actor.spec.fingerprint()) != Some(*fingerprint));
        if let Some(why) = step.broken.clone().filter(|_| changed) {
            self.broken.get_or_insert((why, actor.update.on_failure));
        }
        Some(step)
    }

    fn fallback_differs(&self, differs: impl FnOnce(&lattice_core::Application) -> bool) -> bool {
        let fallback = self.app.revision.fallback.as_deref();
        fallback.is_some_and(|fallback| differs(&fallback.application))
    }

    /// Takes away the actors and providers that the application had and has not now; says whether none is left.
    fn prune(&mut self, may_begin: bool) -> bool {
        let stale = self.stale_actors();
        let clean = stale.is_empty() && !providers::has_leftovers(self.desired, self.observed, self.app);
        if !may_begin {
            return clean;
        }
        let drain = Duration::from_millis(UpdateStrategy::default().drain_ms);
        for (host, actor) in stale {
            let target = Target::OnHost(host.clone(), Party::Actor(actor.clone()));
            if self.memory.is_free(&target, None, self.now) {
                self.actions.push(rollout::stop(&host, &actor, drain));
            }
        }
        self.actions.extend(providers::prune(
            self.desired,
            self.observed,
            self.memory,
            self.app,
            self.now,
        ));
        clean
    }

    fn stale_actors(&self) -> BTreeSet<(HostId, ActorName)> {
        let hosts = self.observed.hosts.iter().filter(|(_, host)| host.takes_commands());
        hosts
            .flat_map(|(id, host)| host.actors.iter().map(move |(name, actor)| (id, name, actor)))
            .filter(|(_, name, actor)| {
                // Also what another application has the right to, and waits for.
                let mine =
                    self.app.actors.contains_key(*name) && self.desired.owner_of_actor(name) == Some(self.app.name());
                actor.app.as_ref() == Some(self.app.name()) && !mine
            })
            .map(|(id, name, _)| (id.clone(), name.clone()))
            .collect()
    }

    fn roll_back_if_broken(&mut self, wall: UnixSeconds) {
        let Some((why, on_failure)) = self.broken.take() else {
            return;
        };
        let (name, number) = (self.app.name(), self.app.revision.number);
        let young = wall.since(self.app.stored_at) < ROLLS_BACK_WITHIN;
        let target = Target::App(name.clone());
        if on_failure == Failure::Halt {
            self.problems.push(format!(
                "revision {number} is halted: `lattice app rollback {name}` goes back"
            ));
        } else if young && !self.memory.was_complete(name, number) && self.memory.is_free(&target, None, self.now) {
            self.actions.push(Action::RollBack {
                app: name.clone(),
                revision: number,
                reason: why,
            });
        }
    }
}
