//! What this host is and runs.

use std::collections::BTreeMap;

use lattice_control::{ActorStatus, InventoryReply, MemberSummary, PlacementsReply};
use lattice_core::presence::MemberState;
use lattice_core::{ActorName, Party};
use lattice_engine::{Compilation, ENGINE};

use crate::shared::Shared;

/// This host in a few words.
pub(super) fn summary(shared: &Shared) -> MemberSummary {
    let member = &shared.member;
    let directory = member.directory();
    let me = directory.get(member.id());
    let presence = me.as_ref().map(|me| &me.presence);
    MemberSummary {
        member: member.id().clone(),
        incarnation: member.incarnation(),
        name: presence.map(|presence| presence.name.clone()).unwrap_or_default(),
        kind: lattice_core::presence::MemberKind::Host,
        state: presence.map_or(MemberState::Starting, |presence| presence.state),
        scheduling: shared.scheduling(),
        labels: shared.labels(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        engine: engine(shared),
        started_at: presence.map(|presence| presence.started_at).unwrap_or_default(),
        actors: u32::try_from(shared.actors.statuses().len()).unwrap_or(u32::MAX),
        providers: u32::try_from(shared.providers.statuses().len()).unwrap_or(u32::MAX),
        sees: directory.members().iter().map(|member| member.id().clone()).collect(),
        token: me.as_ref().map(|me| me.token.token.to_string()).unwrap_or_default(),
    }
}

/// How it runs components, in a word or two.
fn engine(shared: &Shared) -> String {
    let report = shared.engine.profile();
    match report.compilation {
        Compilation::Here => report.profile.to_string(),
        Compilation::Elsewhere => format!("{}, no compiler", report.profile),
    }
}

/// What people call this host.
pub(super) fn name(shared: &Shared) -> String {
    let me = shared.member.directory().get(shared.member.id());
    me.map(|me| me.presence.name.clone()).unwrap_or_default()
}

/// Everything this host runs.
pub(super) fn inventory(shared: &Shared) -> InventoryReply {
    InventoryReply {
        summary: summary(shared),
        actors: actors(shared),
        providers: shared.providers.statuses(),
        facts: facts(shared),
    }
}

fn actors(shared: &Shared) -> Vec<ActorStatus> {
    let mut actors = shared.actors.statuses();
    let is_stateful = |name: &ActorName| shared.actors.get(name).is_some_and(|hosted| hosted.kind().is_some());
    for actor in actors.iter_mut().filter(|actor| is_stateful(&actor.spec.name)) {
        let runtime = shared.stateful.runtime(&actor.spec.name);
        actor.awake = runtime.map(|runtime| runtime.live_count_of(&actor.spec.name) as u64);
    }
    actors
}

/// Where this host would send an invocation.
pub(super) fn placements(shared: &Shared, party: &Party) -> PlacementsReply {
    let members = shared.member.directory().running(party);
    let takes_work = |member: &&std::sync::Arc<lattice_mesh::KnownMember>| {
        let presence = &member.presence;
        let replicas = |name| presence.actor(name).is_some_and(|placement| placement.replicas > 0);
        presence.state == MemberState::Ready && party.as_actor().is_none_or(replicas)
    };
    PlacementsReply {
        members: members
            .iter()
            .filter(takes_work)
            .map(|member| member.id().clone())
            .collect(),
    }
}

fn facts(shared: &Shared) -> BTreeMap<String, String> {
    let server = shared.bus.server_info();
    let load = shared.machine.load(shared.actors.in_flight());
    let profile = shared.engine.profile();
    let facts = [
        ("engine.profile", profile.profile.to_string()),
        ("engine.why", profile.why.to_string()),
        ("engine.code", profile.target.to_string()),
        ("engine.version", ENGINE.to_owned()),
        (
            "engine.compiles",
            (profile.compilation == Compilation::Here).to_string(),
        ),
        ("nats.server", format!("{} {}", server.name, server.version)),
        ("nats.connected", shared.bus.is_connected().to_string()),
        ("memory.resident", load.memory_bytes.to_string()),
        ("cpu.permille", load.cpu_permille.to_string()),
        ("in-flight", load.in_flight.to_string()),
        ("links", shared.member.links().current().len().to_string()),
        ("frames.refused", shared.member.refused_frames().to_string()),
    ];
    facts
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
