//! One actor, from where it runs to where and as what it shall run.
//!
//! More before less: what is new is ready before what is old goes. A change of version goes host by host, within the budget of the
//! actor's update strategy, and the next host waits while one fails.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use lattice_core::{ActorName, AppName, Fingerprint, HostId, Party, application::DesiredActor};

use super::{Action, ActorProgress, Memory, Observed, Target, memory::Failed, placing::Wanted};

/// What is to be done about one actor, and how far it is.
#[derive(Debug, Default)]
pub(crate) struct Step {
    pub(crate) actions: Vec<Action>,
    pub(crate) problems: Vec<String>,
    /// Whether another version, or a place too many, is left.
    pub(crate) leftovers: bool,
    /// Whether some replicas have no place.
    pub(crate) homeless: bool,
    /// Whether all that has a place is there, in the right version.
    pub(crate) settled: bool,
    /// What cannot run, and why, when it was tried often enough to say so.
    pub(crate) broken: Option<String>,
}

/// How often a version must fail on a host before it is given up.
const TRIES: u32 = 3;

/// Decides about one actor.
pub(crate) fn roll(
    app: &AppName,
    actor: &DesiredActor,
    fingerprint: Fingerprint,
    wanted: &Wanted,
    observed: &Observed,
    memory: &Memory,
    now: Instant,
) -> (Step, ActorProgress) {
    let rollout = Rollout {
        app,
        actor,
        fingerprint,
        wanted,
        observed,
        memory,
        now,
        party: Party::Actor(actor.spec.name.clone()),
        have: have(observed, &actor.spec.name, actor.spec.stays()),
    };
    let mut step = Step::default();
    rollout.grow(&mut step);
    rollout.shrink(&mut step);
    step.homeless = !wanted.homeless.is_empty();
    step.problems.extend(wanted.homeless.iter().cloned());
    (step, rollout.progress())
}

/// Replicas on one host, in one version.
#[derive(Clone, Debug)]
struct Have {
    fingerprint: Option<Fingerprint>,
    app: Option<AppName>,
    replicas: u32,
}

struct Rollout<'a> {
    app: &'a AppName,
    actor: &'a DesiredActor,
    fingerprint: Fingerprint,
    wanted: &'a Wanted,
    observed: &'a Observed,
    memory: &'a Memory,
    now: Instant,
    party: Party,
    have: BTreeMap<HostId, Have>,
}

fn have(observed: &Observed, name: &ActorName, stays: bool) -> BTreeMap<HostId, Have> {
    let counted = observed.hosts.iter().filter(|(_, host)| host.counts(stays));
    let running = counted.filter_map(|(id, host)| {
        let actor = host.actors.get(name).filter(|actor| actor.replicas > 0)?;
        let have = Have {
            fingerprint: actor.fingerprint,
            app: actor.app.clone(),
            replicas: actor.replicas,
        };
        Some((id.clone(), have))
    });
    running.collect()
}

impl Rollout<'_> {
    /// Starts what is missing, adds what is short, and changes what is another version as far as the budget goes.
    fn grow(&self, step: &mut Step) {
        let mut under_way: u32 = self.under_way();
        // What is out of sight does not change, and is no reason for others not to.
        let in_sight = |(host, have): &(&HostId, &Have)| !self.is_away(host) && !self.is_current(have);
        let changes = self.have.iter().any(|of| in_sight(&of));
        let proven = self.have.values().any(|have| self.is_current(have));
        let failing: BTreeSet<&HostId> = self
            .wanted
            .hosts
            .keys()
            .filter(|host| self.failed(host).is_some())
            .collect();
        step.settled = true;
        for (host, &count) in &self.wanted.hosts {
            let have = self.have.get(host);
            if have.is_some_and(|have| self.is_current(have) && have.replicas == count) {
                continue;
            }
            step.settled = false;
            if self.is_away(host) {
                step.problems.push(format!(
                    "{} on {} stays as it is: its site is out of sight",
                    self.party,
                    self.name(host)
                ));
                continue;
            }
            if let Some(failed) = self.failed(host) {
                self.tell_failure(host, failed, step);
            }
            if self.is_foreign(host, have, step) || !self.is_free(host) {
                continue;
            }
            match have {
                Some(have) if self.is_current(have) => {
                    if have.replicas < count {
                        step.actions.push(self.scale(host, count));
                    }
                }
                // A place for a version that has shown elsewhere that it runs, or of which there is no other.
                None if !changes || proven => step.actions.push(self.start(host, count)),
                _ => {
                    let within_budget = under_way == 0 || under_way + count <= self.actor.update.max_unavailable;
                    let others_fail = !failing.is_empty() && !failing.contains(host);
                    if within_budget && !others_fail {
                        step.actions.push(self.start(host, count));
                        under_way += count;
                    }
                }
            }
        }
    }

    /// Takes away what is too much, once as many serve where they shall as there shall be.
    fn shrink(&self, step: &mut Step) {
        let placed: u32 = self.wanted.hosts.values().sum();
        let serving = |(host, count): (&HostId, &u32)| self.have.get(host).map_or(0, |have| have.replicas.min(*count));
        let enough = self.wanted.hosts.iter().map(serving).sum::<u32>() >= placed && self.has_a_place();
        for (host, have) in &self.have {
            let count = self.wanted.hosts.get(host).copied().unwrap_or(0);
            let surplus = have.replicas > count;
            step.leftovers |= surplus || !self.is_current(have);
            if !surplus || !self.takes_commands(host) || !self.is_ours(have) {
                continue;
            }
            step.settled = false;
            if !enough || !self.is_free(host) {
                continue;
            }
            if count == 0 {
                step.actions.push(stop(host, &self.actor.spec.name, self.drain()));
            } else if self.is_current(have) {
                step.actions.push(self.scale(host, count));
            }
        }
    }

    /// Whether what has no place anywhere would be lost by taking it from where it is: the last replicas stay where they are until
    /// there is a host for them.
    fn has_a_place(&self) -> bool {
        self.wanted.total == 0 || !self.wanted.hosts.is_empty()
    }

    fn under_way(&self) -> u32 {
        let pending = |host: &&HostId| self.memory.is_pending(&self.target(host));
        self.wanted
            .hosts
            .keys()
            .filter(pending)
            .filter(|host| !self.have.get(host).is_some_and(|have| self.is_current(have)))
            .map(|host| self.wanted.hosts[host])
            .sum()
    }

    /// Whether something runs there under this name that is not ours to replace.
    fn is_foreign(&self, host: &HostId, have: Option<&Have>, step: &mut Step) -> bool {
        let Some(have) = have.filter(|have| !self.is_ours(have)) else {
            return false;
        };
        let (name, at) = (&self.actor.spec.name, self.name(host));
        step.problems.push(match &have.app {
            Some(other) => format!("`{name}` runs on {at} for the application `{other}`"),
            None => format!("`{name}` runs on {at}, started by hand: `lattice stop actor {name}`"),
        });
        true
    }

    fn tell_failure(&self, host: &HostId, failed: &Failed, step: &mut Step) {
        let told = format!("{} does not start on {}: {}", self.party, self.name(host), failed.error);
        // What runs elsewhere can run: then it is this host.
        let proven = self.have.values().any(|have| self.is_current(have));
        if failed.times >= TRIES && failed.blame == super::Blame::Version && !proven {
            step.broken.get_or_insert_with(|| told.clone());
        }
        step.problems.push(told);
    }

    fn failed(&self, host: &HostId) -> Option<&Failed> {
        self.memory.failure(&self.target(host), Some(self.fingerprint))
    }

    /// Whether something may be done about it on that host now.
    fn is_free(&self, host: &HostId) -> bool {
        self.memory
            .is_free(&self.target(host), Some(self.fingerprint), self.now)
    }

    fn is_current(&self, have: &Have) -> bool {
        have.fingerprint == Some(self.fingerprint)
    }

    fn is_ours(&self, have: &Have) -> bool {
        have.app.as_ref() == Some(self.app)
    }

    fn takes_commands(&self, host: &HostId) -> bool {
        self.observed
            .hosts
            .get(host)
            .is_some_and(super::ObservedHost::takes_commands)
    }

    fn is_away(&self, host: &HostId) -> bool {
        self.observed.hosts.get(host).is_some_and(|host| host.away)
    }

    fn target(&self, host: &HostId) -> Target {
        Target::OnHost(host.clone(), self.party.clone())
    }

    fn name<'b>(&'b self, host: &'b HostId) -> &'b str {
        self.observed
            .hosts
            .get(host)
            .map_or(host.as_str(), |host| host.name.as_str())
    }

    fn drain(&self) -> Duration {
        Duration::from_millis(self.actor.update.drain_ms)
    }

    fn start(&self, host: &HostId, replicas: u32) -> Action {
        Action::StartActor {
            host: host.clone(),
            spec: Arc::new(self.actor.spec.clone()),
            replicas,
            probe: self.actor.update.probe.clone(),
            within: self.actor.update.ready_within(),
            drain: self.drain(),
        }
    }

    fn scale(&self, host: &HostId, replicas: u32) -> Action {
        Action::ScaleActor {
            host: host.clone(),
            actor: self.actor.spec.name.clone(),
            replicas,
        }
    }

    fn progress(&self) -> ActorProgress {
        let ready = |(host, count): (&HostId, &u32)| {
            let have = self.have.get(host).filter(|have| self.is_current(have));
            have.map_or(0, |have| have.replicas.min(*count))
        };
        let mut hosts: Vec<(String, u32)> = self
            .wanted
            .hosts
            .iter()
            .map(|(host, count)| (self.name(host).to_owned(), *count))
            .collect();
        hosts.sort();
        ActorProgress {
            name: self.actor.spec.name.clone(),
            wanted: self.wanted.total,
            serving: self.have.values().map(|have| have.replicas).sum(),
            ready: self.wanted.hosts.iter().map(ready).sum(),
            hosts,
        }
    }
}

/// Takes an actor from a host.
pub(crate) fn stop(host: &HostId, actor: &ActorName, drain: Duration) -> Action {
    Action::StopActor {
        host: host.clone(),
        actor: actor.clone(),
        drain,
    }
}
