//! Providers: where they shall run, over all applications that share them.
//!
//! A provider holds what cannot be had twice on one machine, such as a port. So it changes by stopping and starting, one host at a time.

use std::{collections::BTreeMap, sync::Arc};

use lattice_core::{
    Fingerprint, HostId, Labels, Party, ProviderName,
    application::{DesiredProvider, Placement},
};

use super::{
    Action, Desired, Memory, Observed, ProviderProgress, Target,
    placing::{Placer, Wanted},
};

/// What is to be done about one provider, and how far it is.
#[derive(Debug)]
pub(crate) struct ProviderStep {
    pub(crate) actions: Vec<Action>,
    pub(crate) problems: Vec<String>,
    pub(crate) progress: ProviderProgress,
    pub(crate) settled: bool,
    /// Whether some have no place.
    pub(crate) homeless: bool,
    pub(crate) broken: Option<String>,
}

/// How often a provider must fail on a host before its settings are taken for wrong.
const TRIES: u32 = 3;

/// Decides about every provider that anybody wants.
pub(crate) fn step_all(
    desired: &Desired,
    observed: &Observed,
    memory: &Memory,
    placer: &mut Placer<'_>,
    now: std::time::Instant,
) -> BTreeMap<ProviderName, ProviderStep> {
    let mut steps = BTreeMap::new();
    let names = desired.apps.values().flat_map(|app| app.providers.keys());
    for name in names {
        if steps.contains_key(name) {
            continue;
        }
        let Some((_, fingerprint, provider)) = desired.provider(name) else {
            continue;
        };
        let placement = Placement {
            per_host_max: Some(1),
            ..provider.placement.clone()
        };
        let party = Party::Provider(name.clone());
        // At a site out of sight a provider goes on for those who are there.
        let wanted = placer.place(&party, &Labels::default(), &placement, true);
        steps.insert(
            name.clone(),
            step(*fingerprint, provider, &wanted, observed, memory, now),
        );
    }
    steps
}

fn step(
    fingerprint: Fingerprint,
    provider: &DesiredProvider,
    wanted: &Wanted,
    observed: &Observed,
    memory: &Memory,
    now: std::time::Instant,
) -> ProviderStep {
    let name = &provider.spec.name;
    let party = Party::Provider(name.clone());
    let (mut actions, mut problems) = (Vec::new(), wanted.homeless.clone());
    let (mut ready, mut broken) = (0, None);
    // While one host is without it, no other loses it.
    let mut changing = wanted.hosts.keys().any(|id| {
        !observed
            .hosts
            .get(id)
            .is_some_and(|host| host.providers.contains_key(name))
    });
    for id in wanted.hosts.keys() {
        let Some(host) = observed.hosts.get(id) else { continue };
        let target = Target::OnHost(id.clone(), party.clone());
        let failed = memory.failure(&target, Some(fingerprint));
        if let Some(failed) = failed {
            let told = format!("{party} does not start on {}: {}", host.name, failed.error);
            if failed.times >= TRIES {
                broken.get_or_insert_with(|| told.clone());
            }
            problems.push(told);
        }
        let may_try = memory.is_free(&target, Some(fingerprint), now);
        match host.providers.get(name) {
            Some(there) if there.fingerprint == Some(fingerprint) => ready += 1,
            _ if host.away => problems.push(format!(
                "{party} on {} stays as it is: its site is out of sight",
                host.name
            )),
            Some(there) if !there.managed => problems.push(format!(
                "{party} runs on {}, started by hand: `lattice stop provider {name}`",
                host.name
            )),
            Some(_) => {
                if may_try && !changing {
                    actions.push(stop(id, name));
                }
                // Whether it stops now or is stopping already.
                changing = true;
            }
            None => {
                if may_try {
                    actions.push(Action::StartProvider {
                        host: id.clone(),
                        spec: Arc::new(provider.spec.clone()),
                    });
                }
            }
        }
    }
    let places = u32::try_from(wanted.hosts.len()).unwrap_or(u32::MAX);
    let surplus: Vec<&HostId> = holders(observed, name)
        .filter(|host| !wanted.hosts.contains_key(*host))
        .collect();
    // As with actors: nothing goes before as much serves where it shall; and the last one stays while there is no place for it.
    if ready == places && (places > 0 || wanted.total == 0) {
        actions.extend(
            surplus
                .iter()
                .filter(|host| memory.is_free(&Target::OnHost((**host).clone(), party.clone()), None, now))
                .map(|host| stop(host, name)),
        );
    }
    let name_of = |id: &HostId| {
        observed
            .hosts
            .get(id)
            .map_or_else(|| id.to_string(), |host| host.name.clone())
    };
    ProviderStep {
        settled: ready == places && surplus.is_empty(),
        homeless: !wanted.homeless.is_empty(),
        progress: ProviderProgress {
            name: name.clone(),
            wanted: wanted.total,
            ready,
            hosts: wanted.hosts.keys().map(name_of).collect(),
        },
        actions,
        problems,
        broken,
    }
}

/// Takes away the providers that an application had and nobody wants any more.
pub(crate) fn prune(
    desired: &Desired,
    observed: &Observed,
    memory: &Memory,
    app: &super::KnownApp,
    now: std::time::Instant,
) -> Vec<Action> {
    let mut actions = Vec::new();
    for name in formerly(app) {
        if desired.provider(&name).is_some() {
            continue;
        }
        for host in holders(observed, &name) {
            if memory.is_free(&Target::OnHost(host.clone(), Party::Provider(name.clone())), None, now) {
                actions.push(stop(host, &name));
            }
        }
    }
    actions
}

/// Whether any provider that an application had and nobody wants still runs.
pub(crate) fn has_leftovers(desired: &Desired, observed: &Observed, app: &super::KnownApp) -> bool {
    formerly(app)
        .iter()
        .any(|name| desired.provider(name).is_none() && holders(observed, name).next().is_some())
}

/// The providers that an application had in the revision before this one and has not now.
fn formerly(app: &super::KnownApp) -> Vec<ProviderName> {
    app.revision
        .withdrawn
        .iter()
        .filter(|name| !app.providers.contains_key(*name))
        .cloned()
        .collect()
}

/// The hosts that run a provider which applications decide about.
fn holders<'a>(observed: &'a Observed, name: &ProviderName) -> impl Iterator<Item = &'a HostId> {
    let managed = |host: &super::ObservedHost| host.providers.get(name).is_some_and(|provider| provider.managed);
    let holders: Vec<&HostId> = observed
        .hosts
        .iter()
        .filter(|(_, host)| host.takes_commands() && managed(host))
        .map(|(id, _)| id)
        .collect();
    holders.into_iter()
}

fn stop(host: &HostId, provider: &ProviderName) -> Action {
    Action::StopProvider {
        host: host.clone(),
        provider: provider.clone(),
    }
}
