//! The decision against a model of the world that carries out what it decides.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use lattice_core::{
    ActorName, ActorSpec, AppName, Digest, Fingerprint, HostId, LatticeId, LinkClaims, OnPartition, ProviderSpec,
    UnixSeconds,
    application::{
        Application, Cause, DesiredActor, DesiredProvider, Fallback, Placement, Revision, Scale, Share, UpdateStrategy,
        VerifiedRevision,
    },
    presence::{MemberState, Scheduling},
    token::Validity,
};
use proptest::prelude::*;

use super::*;
use crate::{ControlError, ErrorKind};

const NOW: UnixSeconds = UnixSeconds::new(1_800_000_000);

fn host_id(seed: u8) -> HostId {
    let key = nkeys::KeyPair::new_from_raw(nkeys::KeyPairType::Server, [seed; 32]).expect("32 bytes make a key");
    key.public_key().parse().expect("a server key")
}

fn host(seed: u8, labels: &str) -> (HostId, ObservedHost) {
    let host = ObservedHost {
        name: format!("h{seed}"),
        labels: labels.parse().expect("labels"),
        away: false,
        state: MemberState::Ready,
        scheduling: Scheduling::Open,
        replicas_max: None,
        actors: BTreeMap::new(),
        providers: BTreeMap::new(),
    };
    (host_id(seed), host)
}

fn actor(app: &str, name: &str, version: &str, placement: Placement) -> DesiredActor {
    let mut spec = ActorSpec::new(
        name.parse().expect("a name"),
        Digest::of(version.as_bytes()),
        "file://x",
    );
    spec.app = Some(app.parse().expect("a name"));
    DesiredActor {
        spec,
        placement,
        update: UpdateStrategy::default(),
    }
}

fn revision(name: &str, number: u64, actors: Vec<DesiredActor>) -> Revision {
    Revision {
        number,
        application: Application {
            actors,
            ..Application::empty(name.parse().expect("a name"))
        },
        links: Vec::new(),
        unlinks: Vec::new(),
        withdrawn: BTreeSet::new(),
        spent: BTreeMap::new(),
        fallback: None,
        cause: Cause::Applied,
    }
}

fn known(revision: Revision) -> Arc<KnownApp> {
    let issuer = nkeys::KeyPair::new_account().public_key().parse().expect("an issuer");
    let verified = VerifiedRevision {
        revision,
        issuer,
        issued_at: NOW,
    };
    Arc::new(KnownApp::new(verified, NOW))
}

/// A world that does what it is told, and remembers how bad it ever got.
struct World {
    observed: Observed,
    desired: Desired,
    memory: Memory,
    now: Instant,
    /// Versions that no host can run.
    broken: BTreeSet<Fingerprint>,
    commands: usize,
}

impl World {
    fn new(hosts: impl IntoIterator<Item = (HostId, ObservedHost)>) -> Self {
        Self {
            observed: Observed {
                hosts: hosts.into_iter().collect(),
                links: BTreeMap::new(),
            },
            desired: Desired::default(),
            memory: Memory::default(),
            now: Instant::now(),
            broken: BTreeSet::new(),
            commands: 0,
        }
    }

    fn apply(&mut self, revision: Revision) {
        let name = revision.application.name.clone();
        self.desired.apps.insert(name, known(revision));
    }

    fn look(&mut self) -> Decision {
        decide(&self.observed, &self.desired, &mut self.memory, self.now, NOW)
    }

    /// Carries out one action, and tells the memory.
    fn carry_out(&mut self, action: &Action) {
        self.commands += 1;
        let outcome = self.try_to(action);
        self.memory.ended(action, &outcome, self.now);
    }

    fn try_to(&mut self, action: &Action) -> Outcome {
        let gone = || ControlError::new(ErrorKind::Unreachable, "not there");
        match action {
            Action::PutLink { id, generation, .. } => {
                let seen = ObservedLink {
                    generation: *generation,
                    active: true,
                };
                self.observed.links.insert(id.clone(), seen);
            }
            Action::StartActor {
                host, spec, replicas, ..
            } => {
                if self.broken.contains(&spec.fingerprint()) {
                    return Err(ControlError::new(ErrorKind::Guest, "it traps"));
                }
                let host = self.observed.hosts.get_mut(host).ok_or_else(gone)?;
                let seen = ObservedActor {
                    fingerprint: Some(spec.fingerprint()),
                    app: spec.app.clone(),
                    replicas: *replicas,
                };
                host.actors.insert(spec.name.clone(), seen);
            }
            Action::ScaleActor { host, actor, replicas } => {
                let host = self.observed.hosts.get_mut(host).ok_or_else(gone)?;
                host.actors.get_mut(actor).ok_or_else(gone)?.replicas = *replicas;
            }
            Action::StopActor { host, actor, .. } => {
                let host = self.observed.hosts.get_mut(host).ok_or_else(gone)?;
                host.actors.remove(actor).ok_or_else(gone)?;
            }
            Action::StartProvider { host, spec } => {
                let host = self.observed.hosts.get_mut(host).ok_or_else(gone)?;
                assert!(!host.providers.contains_key(&spec.name), "a port cannot be had twice");
                let seen = ObservedProvider {
                    fingerprint: Some(spec.fingerprint()),
                    managed: spec.managed,
                };
                host.providers.insert(spec.name.clone(), seen);
            }
            Action::StopProvider { host, provider } => {
                let host = self.observed.hosts.get_mut(host).ok_or_else(gone)?;
                host.providers.remove(provider).ok_or_else(gone)?;
            }
            Action::RollBack { app, revision, reason } => {
                let known = &self.desired.apps[app];
                assert_eq!(known.revision.number, *revision);
                let next = known
                    .revision
                    .roll_back(reason.clone())
                    .expect("only asked for when there is one");
                self.apply(next);
            }
        }
        Ok(())
    }

    /// Looks and acts until nothing is left to do, one action at a time in an order given by `dice`, checking `always` after each.
    fn settle(&mut self, mut dice: u64, mut always: impl FnMut(&World)) -> Decision {
        let mut open: Vec<Action> = Vec::new();
        for _ in 0..10_000 {
            let decision = self.look();
            open.extend(decision.actions.iter().cloned());
            if open.is_empty() {
                match decision.look_again {
                    // What failed is tried again later: go there in one step.
                    Some(at) if !self.broken.is_empty() => self.now = at,
                    _ => return decision,
                }
                continue;
            }
            dice = dice
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let at = usize::try_from(dice >> 33).expect("31 bits") % open.len();
            let action = open.swap_remove(at);
            self.carry_out(&action);
            self.now += Duration::from_millis(1);
            always(self);
        }
        panic!("it does not come to rest");
    }

    fn counts(&self, name: &str) -> BTreeMap<String, u32> {
        let name: ActorName = name.parse().expect("a name");
        let running = self.observed.hosts.values().filter_map(|host| {
            let actor = host.actors.get(&name)?;
            Some((host.name.clone(), actor.replicas))
        });
        running.collect()
    }

    /// How many replicas of this version serve.
    fn serving_version(&self, name: &str, version: &str) -> u32 {
        let fingerprint = actor("shop", name, version, Placement::default()).spec.fingerprint();
        let all = self.observed.hosts.values().flat_map(|host| host.actors.values());
        all.filter(|actor| actor.fingerprint == Some(fingerprint))
            .map(|actor| actor.replicas)
            .sum()
    }

    fn serving(&self, name: &str) -> u32 {
        self.counts(name).values().sum()
    }
}

fn three() -> [(HostId, ObservedHost); 3] {
    [
        host(1, "zone=cloud"),
        host(2, "zone=edge"),
        host(3, "zone=edge,arch=arm"),
    ]
}

fn counts_of(counts: &BTreeMap<String, u32>) -> Vec<u32> {
    let mut counts: Vec<u32> = counts.values().copied().collect();
    counts.sort_unstable();
    counts
}

#[test]
fn spreads_evenly_and_then_asks_for_nothing() {
    let mut world = World::new(three());
    world.apply(revision(
        "shop",
        1,
        vec![actor("shop", "web", "1", Placement::replicas(7))],
    ));
    let decision = world.settle(1, |_| {});
    assert_eq!(counts_of(&world.counts("web")), [2, 2, 3]);
    assert_eq!(
        decision.apps[&"shop".parse::<AppName>().expect("a name")].phase,
        AppPhase::Ready
    );
    assert!(world.look().actions.is_empty(), "at rest nothing is asked for");
}

#[test]
fn weights_divide_between_groups_and_then_evenly_within() {
    let mut world = World::new(three());
    let spread = vec![
        Share {
            name: None,
            labels: "zone=cloud".parse().expect("labels"),
            weight: 60,
        },
        Share {
            name: None,
            labels: "zone=edge".parse().expect("labels"),
            weight: 40,
        },
    ];
    let placement = Placement {
        spread,
        ..Placement::replicas(10)
    };
    world.apply(revision("shop", 1, vec![actor("shop", "web", "1", placement)]));
    world.settle(1, |_| {});
    assert_eq!(
        world.counts("web"),
        [("h1".into(), 6), ("h2".into(), 2), ("h3".into(), 2)].into()
    );
}

#[test]
fn one_on_each_host_that_matches_and_on_one_that_joins() {
    let mut world = World::new(three());
    let spread = vec![Share {
        name: None,
        labels: "zone=edge".parse().expect("labels"),
        weight: 100,
    }];
    let placement = Placement {
        scale: Scale::PerHost(2),
        spread,
        ..Placement::default()
    };
    world.apply(revision("shop", 1, vec![actor("shop", "agent", "1", placement)]));
    world.settle(1, |_| {});
    assert_eq!(world.counts("agent"), [("h2".into(), 2), ("h3".into(), 2)].into());
    world.observed.hosts.extend([host(4, "zone=edge")]);
    world.settle(1, |_| {});
    assert_eq!(world.serving("agent"), 6);
}

#[test]
fn what_has_no_host_is_said_and_the_rest_runs() {
    let mut world = World::new(three());
    let placement = Placement {
        per_host_max: Some(1),
        ..Placement::replicas(5)
    };
    world.apply(revision("shop", 1, vec![actor("shop", "web", "1", placement)]));
    let decision = world.settle(1, |_| {});
    assert_eq!(world.serving("web"), 3);
    let shop = &decision.apps[&"shop".parse::<AppName>().expect("a name")];
    assert_eq!(shop.phase, AppPhase::Stuck);
    assert!(
        shop.problems[0].contains("2 of 5 replicas have no host"),
        "{:?}",
        shop.problems
    );
}

#[test]
fn a_lost_host_is_made_up_for_and_a_drained_one_emptied_last() {
    let mut world = World::new(three());
    world.apply(revision(
        "shop",
        1,
        vec![actor("shop", "web", "1", Placement::replicas(3))],
    ));
    world.settle(1, |_| {});
    world.observed.hosts.remove(&host_id(2));
    world.memory.lost(&host_id(2), world.now);
    world.settle(2, |_| {});
    assert_eq!(world.serving("web"), 3);
    let drained = host_id(1);
    world.observed.hosts.get_mut(&drained).expect("it is there").scheduling = Scheduling::Evacuating;
    world.settle(3, |world| assert!(world.serving("web") >= 3));
    assert!(world.observed.hosts[&drained].actors.is_empty());
    assert_eq!(world.counts("web"), [("h3".into(), 3)].into());
    // With nowhere to go, what runs stays.
    world
        .observed
        .hosts
        .get_mut(&host_id(3))
        .expect("it is there")
        .scheduling = Scheduling::Evacuating;
    world.settle(4, |_| {});
    assert_eq!(world.serving("web"), 3);
}

#[test]
fn a_cordoned_host_keeps_what_it_has_and_takes_no_more() {
    let mut world = World::new(three());
    world.apply(revision(
        "shop",
        1,
        vec![actor("shop", "web", "1", Placement::replicas(3))],
    ));
    world.settle(1, |_| {});
    world
        .observed
        .hosts
        .get_mut(&host_id(1))
        .expect("it is there")
        .scheduling = Scheduling::Cordoned;
    world.apply(revision(
        "shop",
        2,
        vec![actor("shop", "web", "1", Placement::replicas(9))],
    ));
    world.settle(2, |_| {});
    assert_eq!(
        world.counts("web"),
        [("h1".into(), 1), ("h2".into(), 4), ("h3".into(), 4)].into()
    );
}

#[test]
fn a_host_that_comes_and_goes_is_not_trusted_at_once() {
    let mut world = World::new(three());
    world.apply(revision(
        "shop",
        1,
        vec![actor("shop", "web", "1", Placement::replicas(3))],
    ));
    world.settle(1, |_| {});
    let flapping = world.observed.hosts.remove(&host_id(2)).expect("it was there");
    for _ in 0..3 {
        world.memory.lost(&host_id(2), world.now);
    }
    world.settle(2, |_| {});
    let back = ObservedHost {
        actors: BTreeMap::new(),
        ..flapping
    };
    world.observed.hosts.insert(host_id(2), back);
    let decision = world.look();
    assert!(decision.actions.is_empty(), "{:?}", decision.actions);
    assert!(
        decision.look_again.is_some_and(|at| at > world.now),
        "it is looked at again"
    );
    world.now += Duration::from_secs(31);
    world.settle(3, |_| {});
    assert_eq!(counts_of(&world.counts("web")), [1, 1, 1]);
}

/// Has all hosts with this label go out of sight, or come back.
fn away(world: &mut World, label: &str, away: bool) {
    let labels = label.parse().expect("labels");
    let hosts = world.observed.hosts.values_mut();
    hosts
        .filter(|host| host.labels.matches(&labels))
        .for_each(|host| host.away = away);
}

#[test]
fn what_stays_at_a_site_out_of_sight_is_neither_replaced_nor_told_anything() {
    let hosts = [host(1, "zone=cloud"), host(2, "site=leaf"), host(3, "site=leaf")];
    let mut world = World::new(hosts);
    let web = actor("shop", "web", "1", Placement::replicas(3));
    let mut api = actor("shop", "api", "1", Placement::replicas(3));
    api.spec.on_partition = Some(OnPartition::Failover);
    let each = Placement {
        scale: Scale::PerHost(1),
        ..Placement::default()
    };
    let daemon = actor("shop", "daemon", "1", each);
    world.apply(revision("shop", 1, vec![web, api, daemon]));
    let decision = world.settle(1, |_| {});
    assert_eq!(
        decision.apps.values().next().map(|app| app.phase),
        Some(AppPhase::Ready)
    );

    away(&mut world, "site=leaf", true);
    let decision = world.look();
    for action in &decision.actions {
        assert!(
            matches!(action, Action::ScaleActor { host, actor, .. } if *host == host_id(1) && actor.as_str() == "api"),
            "{action:?}"
        );
    }
    assert_eq!(decision.actions.len(), 1, "what fails over does");
    decision.actions.iter().for_each(|action| world.carry_out(action));
    let decision = world.settle(2, |_| {});
    assert_eq!(
        decision.apps.values().next().map(|app| app.phase),
        Some(AppPhase::Ready)
    );
    assert_eq!(counts_of(&world.counts("web")), [1, 1, 1]);

    away(&mut world, "site=leaf", false);
    let before = world.commands;
    world.settle(3, |_| {});
    assert_eq!(counts_of(&world.counts("web")), [1, 1, 1]);
    assert_eq!(counts_of(&world.counts("api")), [1, 1, 1]);
    assert_eq!(
        world.commands - before,
        1,
        "what was added outside goes, nothing else is touched"
    );
}

#[test]
fn a_new_version_passes_by_what_is_out_of_sight_and_reaches_it_later() {
    let mut world = World::new([host(1, "zone=cloud"), host(2, "site=leaf")]);
    world.apply(revision(
        "shop",
        1,
        vec![actor("shop", "web", "1", Placement::replicas(2))],
    ));
    world.settle(1, |_| {});
    away(&mut world, "site=leaf", true);
    world.apply(revision(
        "shop",
        2,
        vec![actor("shop", "web", "2", Placement::replicas(2))],
    ));
    let decision = world.settle(2, |_| {});
    let app = decision.apps.values().next().expect("the application");
    assert_eq!(app.phase, AppPhase::Stuck);
    assert!(
        app.problems.iter().any(|problem| problem.contains("out of sight")),
        "{:?}",
        app.problems
    );
    let web: ActorName = "web".parse().expect("a name");
    let version = |world: &World, seed| world.observed.hosts[&host_id(seed)].actors[&web].fingerprint;
    assert_ne!(
        version(&world, 1),
        version(&world, 2),
        "the new one is in force outside"
    );
    away(&mut world, "site=leaf", false);
    let decision = world.settle(3, |_| {});
    assert_eq!(
        decision.apps.values().next().map(|app| app.phase),
        Some(AppPhase::Ready)
    );
    assert_eq!(version(&world, 1), version(&world, 2));
}

#[test]
fn what_was_moved_by_hand_stays_there() {
    let mut world = World::new(three());
    let mut placement = Placement::replicas(3);
    placement.moved.insert(host_id(1), host_id(2));
    world.apply(revision("shop", 1, vec![actor("shop", "web", "1", placement)]));
    world.settle(1, |_| {});
    assert_eq!(world.counts("web"), [("h2".into(), 2), ("h3".into(), 1)].into());
    world.observed.hosts.remove(&host_id(2));
    world.settle(2, |_| {});
    assert_eq!(world.serving("web"), 3, "the move counts while its host is there");
}

#[test]
fn two_that_are_kept_apart_share_no_host() {
    let mut world = World::new(three());
    let apart = Placement {
        apart_from: vec!["web".parse().expect("a name")],
        ..Placement::replicas(1)
    };
    let web = Placement {
        per_host_max: Some(1),
        ..Placement::replicas(2)
    };
    world.apply(revision(
        "shop",
        1,
        vec![actor("shop", "batch", "1", apart), actor("shop", "web", "1", web)],
    ));
    world.settle(1, |_| {});
    assert_eq!((world.serving("batch"), world.serving("web")), (1, 2));
    assert!(world.observed.hosts.values().all(|host| host.actors.len() == 1));
}

#[test]
fn a_full_host_takes_no_more() {
    let mut world = World::new(three());
    world
        .observed
        .hosts
        .get_mut(&host_id(1))
        .expect("it is there")
        .replicas_max = Some(1);
    world.apply(revision(
        "shop",
        1,
        vec![actor("shop", "web", "1", Placement::replicas(9))],
    ));
    world.settle(1, |_| {});
    assert_eq!(
        world.counts("web"),
        [("h1".into(), 1), ("h2".into(), 4), ("h3".into(), 4)].into()
    );
}

fn with_fallback(new: Revision, old: &Revision) -> Revision {
    let fallback = Fallback {
        number: old.number,
        application: old.application.clone(),
        links: Vec::new(),
        unlinks: Vec::new(),
    };
    Revision {
        fallback: Some(Box::new(fallback)),
        ..new
    }
}

#[test]
fn an_update_goes_host_by_host_and_never_serves_less() {
    let mut world = World::new(three());
    world.apply(revision(
        "shop",
        1,
        vec![actor("shop", "web", "1", Placement::replicas(6))],
    ));
    world.settle(1, |_| {});
    world.apply(revision(
        "shop",
        2,
        vec![actor("shop", "web", "2", Placement::replicas(6))],
    ));
    let decision = world.look();
    assert_eq!(decision.actions.len(), 1, "one host at a time: {:?}", decision.actions);
    for action in &decision.actions {
        world.carry_out(action);
    }
    world.settle(2, |world| assert_eq!(world.serving("web"), 6));
    let current = actor("shop", "web", "2", Placement::default()).spec.fingerprint();
    let all = world.observed.hosts.values().flat_map(|host| host.actors.values());
    assert!(all.into_iter().all(|actor| actor.fingerprint == Some(current)));
}

#[test]
fn a_version_that_does_not_start_stops_at_one_host_and_is_taken_back() {
    let mut world = World::new(three());
    let old = revision("shop", 1, vec![actor("shop", "web", "1", Placement::replicas(6))]);
    world.apply(old.clone());
    world.settle(1, |_| {});
    let bad = actor("shop", "web", "bad", Placement::replicas(6));
    world.broken.insert(bad.spec.fingerprint());
    world.apply(with_fallback(revision("shop", 2, vec![bad]), &old));
    let before = world.commands;
    world.settle(2, |world| assert_eq!(world.serving("web"), 6));
    let shop = &world.desired.apps[&"shop".parse::<AppName>().expect("a name")];
    assert_eq!(shop.revision.number, 3);
    assert!(matches!(&shop.revision.cause, Cause::Failed { revision: 2, to: 1, .. }));
    assert_eq!(world.commands - before, 4, "three tries on one host, and the way back");
}

#[test]
fn what_fails_is_tried_again_later_and_not_at_once() {
    let mut world = World::new(three());
    world.apply(revision(
        "shop",
        1,
        vec![actor("shop", "web", "1", Placement::replicas(3))],
    ));
    world.settle(1, |_| {});
    world.apply(revision("shop", 2, Vec::new()));
    let mut tries = 0;
    for _ in 0..600 {
        for action in world.look().actions {
            tries += 1;
            let refused = Err(ControlError::new(ErrorKind::Timeout, "it does not end"));
            world.memory.ended(&action, &refused, world.now);
        }
        world.now += Duration::from_millis(100);
    }
    // A minute, three hosts, pauses that double from half a second.
    assert!((15..=24).contains(&tries), "{tries}");
}

#[test]
fn nothing_that_was_ready_is_taken_back_for_what_happens_later() {
    let mut world = World::new(three());
    let old = revision("shop", 1, vec![actor("shop", "web", "1", Placement::replicas(3))]);
    let new = actor("shop", "web", "2", Placement::replicas(3));
    world.apply(with_fallback(revision("shop", 2, vec![new.clone()]), &old));
    world.settle(1, |_| {});
    world.broken.insert(new.spec.fingerprint());
    world.observed.hosts.remove(&host_id(3));
    for _ in 0..40 {
        let decision = world.look();
        assert!(
            !decision
                .actions
                .iter()
                .any(|action| matches!(action, Action::RollBack { .. }))
        );
        for action in &decision.actions {
            world.carry_out(action);
        }
        world.now += Duration::from_secs(5);
    }
    assert_eq!(world.desired.apps.values().next().expect("one").revision.number, 2);
}

#[test]
fn what_a_revision_dropped_is_stopped_and_a_deleted_application_leaves_nothing() {
    let mut world = World::new(three());
    let (web, batch) = (
        actor("shop", "web", "1", Placement::replicas(3)),
        actor("shop", "batch", "1", Placement::replicas(2)),
    );
    world.apply(revision("shop", 1, vec![web.clone(), batch]));
    world.settle(1, |_| {});
    world.apply(revision("shop", 2, vec![web]));
    world.settle(2, |_| {});
    assert_eq!((world.serving("web"), world.serving("batch")), (3, 0));
    let gone = Revision {
        cause: Cause::Deleted,
        ..revision("shop", 3, Vec::new())
    };
    world.apply(gone);
    let decision = world.settle(3, |_| {});
    assert!(world.observed.hosts.values().all(|host| host.actors.is_empty()));
    assert_eq!(decision.apps.values().next().expect("one").phase, AppPhase::Deleted);
}

#[test]
fn what_is_nobodys_or_started_by_hand_is_left_alone() {
    let mut world = World::new(three());
    for (seed, app) in [(1, None), (2, Some("lost".parse().expect("a name")))] {
        let seen = ObservedActor {
            fingerprint: None,
            app,
            replicas: 1,
        };
        let host = world.observed.hosts.get_mut(&host_id(seed)).expect("it is there");
        host.actors.insert("other".parse().expect("a name"), seen);
    }
    world.apply(revision(
        "shop",
        1,
        vec![actor("shop", "web", "1", Placement::replicas(3))],
    ));
    world.settle(1, |_| {});
    assert_eq!(world.serving("other"), 2);
}

fn provider(address: &str, placement: Placement) -> DesiredProvider {
    let mut spec = ProviderSpec::new("http".parse().expect("a name"), "http-server".parse().expect("a kind"));
    spec.managed = true;
    spec.config.insert("address".to_owned(), address.to_owned());
    DesiredProvider { spec, placement }
}

#[test]
fn a_shared_provider_stays_until_the_last_application_has_gone() {
    let mut world = World::new(three());
    for name in ["shop", "blog"] {
        let mut both = revision(name, 1, Vec::new());
        both.application.providers.push(provider(":80", Placement::replicas(1)));
        world.apply(both);
    }
    world.settle(1, |_| {});
    let running = |world: &World| {
        world
            .observed
            .hosts
            .values()
            .filter(|host| !host.providers.is_empty())
            .count()
    };
    assert_eq!(running(&world), 1);
    for (number, (name, left)) in [("shop", 1), ("blog", 0)].into_iter().enumerate() {
        let number = number as u64 + 2;
        let withdrawn = ["http".parse().expect("a name")].into();
        world.apply(Revision {
            cause: Cause::Deleted,
            withdrawn,
            ..revision(name, number, Vec::new())
        });
        world.settle(number, |_| {});
        assert_eq!(running(&world), left, "after {name} was deleted");
    }
}

#[test]
fn providers_change_one_host_at_a_time_and_stop_at_the_first_that_fails() {
    let mut world = World::new(three());
    let declare = |number, address| {
        let mut shop = revision("shop", number, Vec::new());
        let everywhere = Placement {
            scale: Scale::PerHost(1),
            ..Placement::default()
        };
        shop.application.providers.push(provider(address, everywhere));
        shop
    };
    world.apply(declare(1, ":80"));
    world.settle(1, |_| {});
    world.apply(declare(2, ":81"));
    for _ in 0..50 {
        for action in world.look().actions {
            match action {
                Action::StartProvider { .. } => {
                    let refused = Err(ControlError::new(ErrorKind::Unreachable, "the port is taken"));
                    world.memory.ended(&action, &refused, world.now);
                }
                other => world.carry_out(&other),
            }
        }
        world.now += Duration::from_secs(2);
    }
    let serving = world
        .observed
        .hosts
        .values()
        .filter(|host| !host.providers.is_empty())
        .count();
    assert_eq!(serving, 2, "one host is without it, and the others go on as they were");
}

#[test]
fn one_bad_host_takes_nothing_back_and_a_new_try_begins_anew() {
    let mut world = World::new(three());
    let old = revision("shop", 1, vec![actor("shop", "web", "1", Placement::replicas(3))]);
    world.apply(old.clone());
    world.settle(1, |_| {});
    let new = with_fallback(
        revision("shop", 2, vec![actor("shop", "web", "2", Placement::replicas(3))]),
        &old,
    );
    world.apply(new.clone());
    let bad = host_id(1);
    for looks in 0..60 {
        for action in world.look().actions {
            assert!(!matches!(action, Action::RollBack { .. }), "after {looks} looks");
            match &action {
                Action::StartActor { host, .. } if *host == bad && world.serving_version("web", "2") > 0 => {
                    let refused = Err(ControlError::new(ErrorKind::Invalid, "this host has no secret `key`"));
                    world.memory.ended(&action, &refused, world.now);
                }
                other => world.carry_out(other),
            }
        }
        world.now += Duration::from_secs(2);
    }

    // All hosts refuse it, and it is taken back; then somebody mends what was wrong, and applies the same again.
    let mut world = World::new(three());
    world.apply(old.clone());
    world.settle(1, |_| {});
    let fingerprint = new.application.actors[0].spec.fingerprint();
    world.broken.insert(fingerprint);
    world.apply(new.clone());
    world.settle(2, |_| {});
    assert_eq!(world.desired.apps.values().next().expect("one").revision.number, 3);
    world.broken.clear();
    world.apply(Revision { number: 4, ..new });
    world.settle(3, |_| {});
    assert_eq!(
        world.desired.apps.values().next().expect("one").revision.number,
        4,
        "it is not taken back again"
    );
    assert_eq!(world.serving_version("web", "2"), 3);
}

#[test]
fn a_newcomer_takes_no_room_from_what_runs() {
    let mut world = World::new([host(1, "")]);
    world
        .observed
        .hosts
        .get_mut(&host_id(1))
        .expect("it is there")
        .replicas_max = Some(4);
    world.apply(revision(
        "late",
        1,
        vec![actor("late", "zzz", "1", Placement::replicas(4))],
    ));
    world.settle(1, |_| {});
    world.apply(revision(
        "early",
        1,
        vec![actor("early", "aaa", "1", Placement::replicas(2))],
    ));
    world.settle(2, |_| {});
    assert_eq!((world.serving("zzz"), world.serving("aaa")), (4, 0));
}

#[test]
fn an_application_whose_provider_has_no_place_is_not_ready() {
    let mut world = World::new(three());
    let mut shop = revision("shop", 1, Vec::new());
    shop.application.providers.push(provider(":80", Placement::replicas(4)));
    world.apply(shop);
    let decision = world.settle(1, |_| {});
    let shop = decision.apps.values().next().expect("one");
    assert_eq!((shop.phase, shop.providers[0].ready), (AppPhase::Stuck, 3));
}

#[test]
fn a_provider_with_other_settings_stops_before_it_starts() {
    let mut world = World::new(three());
    for (number, address) in [(1, ":80"), (2, ":81")] {
        let mut shop = revision("shop", number, Vec::new());
        shop.application.providers.push(provider(
            address,
            Placement {
                scale: Scale::PerHost(1),
                ..Placement::default()
            },
        ));
        world.apply(shop);
        world.settle(number, |_| {});
    }
    let wanted = provider(":81", Placement::default()).spec.fingerprint();
    let all = world.observed.hosts.values().flat_map(|host| host.providers.values());
    assert_eq!(all.filter(|provider| provider.fingerprint == Some(wanted)).count(), 3);
}

#[test]
fn links_come_before_actors_and_end_after_them() {
    let lattice: LatticeId = "default".parse().expect("a lattice");
    let key = nkeys::KeyPair::new_account();
    let claims = LinkClaims::new(
        "actor/web".parse().expect("a party"),
        "wasi:keyvalue".parse().expect("a pattern"),
        "provider/kv".parse().expect("a party"),
    );
    let day = Validity::lasting(NOW, Duration::from_secs(86_400));
    let token = claims.sign(&key, &lattice, day).expect("signs");
    let mut world = World::new(three());
    let mut shop = revision("shop", 1, vec![actor("shop", "web", "1", Placement::replicas(1))]);
    shop.links.push(token);
    world.apply(shop);
    let first = world.look();
    assert!(
        matches!(first.actions.as_slice(), [Action::PutLink { .. }]),
        "{:?}",
        first.actions
    );
    world.carry_out(&first.actions[0]);
    world.settle(1, |_| {});
    assert_eq!(world.serving("web"), 1);

    let end = lattice_core::UnlinkClaims { generation: 2 };
    let end = end.sign(&key, &claims.id(&lattice), day).expect("signs");
    let gone = Revision {
        cause: Cause::Deleted,
        unlinks: vec![end],
        ..revision("shop", 2, Vec::new())
    };
    world.apply(gone);
    let first = world.look();
    assert!(
        matches!(first.actions.as_slice(), [Action::StopActor { .. }]),
        "{:?}",
        first.actions
    );
    world.carry_out(&first.actions[0]);
    world.settle(2, |_| {});
    assert_eq!(
        world
            .observed
            .links
            .values()
            .map(|link| link.generation)
            .collect::<Vec<_>>(),
        [2]
    );
}

#[test]
fn a_move_onto_a_busy_lattice_comes_to_rest() {
    for seed in 0..40u8 {
        let mut world = World::new((1..=4).map(|seed| host(seed, "")));
        let fixed = |on: u8| {
            let mut only = Placement::replicas(3);
            only.moved.extend(
                (1..=4)
                    .filter(|from| *from != on)
                    .map(|from| (host_id(from), host_id(on))),
            );
            only
        };
        world.apply(revision(
            "other",
            1,
            vec![actor("other", "fixed", "1", fixed(1 + seed % 4))],
        ));
        let mut web = Placement::replicas(u32::from(3 + seed % 5));
        world.apply(revision("shop", 1, vec![actor("shop", "web", "1", web.clone())]));
        world.settle(u64::from(seed), |_| {});
        web.moved.insert(host_id(1 + seed % 4), host_id(1 + (seed + 1) % 4));
        world.apply(revision("shop", 2, vec![actor("shop", "web", "1", web)]));
        world.settle(u64::from(seed), |_| {});
        assert!(world.look().actions.is_empty());
    }
}

#[test]
fn two_applications_that_declare_one_actor_do_not_wait_for_each_other() {
    let mut world = World::new(three());
    world.apply(revision(
        "two",
        1,
        vec![actor("two", "same", "1", Placement::replicas(1))],
    ));
    world.settle(1, |_| {});
    world.apply(revision(
        "one",
        1,
        vec![actor("one", "same", "1", Placement::replicas(1))],
    ));
    let decision = world.settle(2, |_| {});
    let phase = |name: &str| decision.apps[&name.parse::<AppName>().expect("a name")].phase;
    assert_eq!((phase("one"), phase("two")), (AppPhase::Ready, AppPhase::Stuck));
}

prop_compose! {
    fn arbitrary_hosts()(hosts in proptest::collection::btree_map(1..9u8, (0..3u8, 0..6u8, proptest::option::of(0..20u32)), 1..7))
        -> Vec<(HostId, ObservedHost)> {
        let make = |(seed, (zone, state, room)): (u8, (u8, u8, Option<u32>))| {
            let (id, host) = host(seed, &format!("zone=z{zone}"));
            let scheduling = match state {
                0 => Scheduling::Cordoned,
                1 => Scheduling::Evacuating,
                _ => Scheduling::Open,
            };
            (id, ObservedHost { scheduling, replicas_max: room, ..host })
        };
        hosts.into_iter().map(make).collect()
    }
}

prop_compose! {
    fn arbitrary_placement()(
        scale in prop_oneof![(0..12u32).prop_map(Scale::Replicas), (0..3u32).prop_map(Scale::PerHost)],
        shares in proptest::collection::vec((0..3u8, 0..100u32), 0..3),
        per_host_max in proptest::option::of(1..4u32),
        moved in proptest::collection::btree_map(1..9u8, 1..9u8, 0..3),
    ) -> Placement {
        let spread = shares.into_iter().map(|(zone, weight)| Share {
            name: None,
            labels: format!("zone=z{zone}").parse().expect("labels"),
            weight,
        });
        Placement { scale, spread: spread.collect(), per_host_max, moved: moved.into_iter().map(|(from, to)| (host_id(from), host_id(to))).collect(), ..Placement::default() }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn comes_to_rest_from_anywhere_and_stays_there(
        hosts in arbitrary_hosts(),
        placements in proptest::collection::vec(arbitrary_placement(), 1..4),
        running in proptest::collection::vec((0..8usize, 0..5usize, 0..3u8, 1..6u32), 0..20),
        dice in any::<u64>(),
    ) {
        let mut world = World::new(hosts);
        let ids: Vec<HostId> = world.observed.hosts.keys().cloned().collect();
        for (at, which, version, replicas) in running {
            let old = actor("shop", &format!("a{which}"), &version.to_string(), Placement::default());
            let seen = ObservedActor { fingerprint: Some(old.spec.fingerprint()), app: old.spec.app.clone(), replicas };
            let host = world.observed.hosts.get_mut(&ids[at % ids.len()]).expect("it is there");
            host.actors.insert(old.spec.name, seen);
        }
        let actors: Vec<DesiredActor> = placements
            .into_iter()
            .enumerate()
            .map(|(index, placement)| actor("shop", &format!("a{index}"), "1", placement))
            .collect();
        world.apply(revision("shop", 1, actors.clone()));
        let decision = world.settle(dice, |_| {});
        // At rest nothing more is asked for, also by a leader that has just come and remembers nothing.
        world.memory = Memory::default();
        prop_assert!(world.look().actions.is_empty());
        for progress in &decision.apps.values().next().expect("one").actors {
            let desired = actors.iter().find(|actor| actor.spec.name == progress.name).expect("it is declared");
            let counts = world.counts(progress.name.as_str());
            let expected: BTreeMap<String, u32> = progress.hosts.iter().cloned().collect();
            // What has no place at all stays where it was.
            if !expected.is_empty() || progress.wanted == 0 {
                prop_assert_eq!(&counts, &expected);
            }
            if let Scale::Replicas(count) = desired.placement.scale {
                prop_assert!(expected.values().sum::<u32>() <= count);
            }
            // What was moved by hand goes where it was moved to, room or not.
            if let Some(most) = desired.placement.per_host_max.filter(|_| desired.placement.moved.is_empty()) {
                prop_assert!(expected.values().all(|count| *count <= most.max(5)));
            }
        }
    }

    #[test]
    fn an_update_never_serves_less_than_before_and_after(
        hosts in 1..6u8, replicas in 1..10u32, later in 1..10u32, budget in 0..4u32, dice in any::<u64>(),
    ) {
        let mut world = World::new((1..=hosts).map(|seed| host(seed, "")));
        world.apply(revision("shop", 1, vec![actor("shop", "web", "1", Placement::replicas(replicas))]));
        world.settle(dice, |_| {});
        let mut new = actor("shop", "web", "2", Placement::replicas(later));
        new.update.max_unavailable = budget;
        world.apply(revision("shop", 2, vec![new]));
        let least = replicas.min(later);
        world.settle(dice, |world| assert!(world.serving("web") >= least));
        prop_assert_eq!(world.serving("web"), later);
    }
}
