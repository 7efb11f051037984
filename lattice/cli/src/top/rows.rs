//! What the tables say: hosts, actors over all hosts, links. Pure.

use std::collections::BTreeMap;

use lattice_control::{ActorState, ProviderState};
use lattice_core::{
    Party,
    presence::{MemberState, Scheduling},
    text::format_bytes,
};

use super::{
    numbers::percent,
    table::{Cell, Column, Room, Row, Rows, Tone, column, name, numbers},
};
use crate::{
    overview::{ActorView, HostView, LinkView, Overview, ProviderView, Rate},
    views::word,
};

const HOSTS: &[Column] = &[
    name("HOST"),
    column("STATE", Room::Full),
    numbers("CPU", 4, Room::Full),
    column("MEMORY", Room::Full),
    column("ACTORS", Room::Full),
    column("PROVIDERS", Room::Full),
    column("CALLS/S", Room::Full),
    column("FAILED/S", Room::Spare),
    numbers("P50", 5, Room::Wide),
    numbers("P99", 5, Room::Full),
    column("VERSION", Room::Wide),
    column("LABELS", Room::Wide),
];

const ACTORS: &[Column] = &[
    name("ACTOR"),
    name("ON"),
    column("STATE", Room::Spare),
    column("REPL", Room::Full),
    column("AWAKE", Room::Spare),
    numbers("BUSY", 6, Room::Full),
    column("CALLS/S", Room::Full),
    column("FAILED/S", Room::Full),
    numbers("P50", 5, Room::Full),
    numbers("P99", 5, Room::Full),
];

const LINKS: &[Column] = &[
    name("SOURCE"),
    name("INTERFACE"),
    name("TARGET"),
    column("STATE", Room::Full),
    column("CALLS/S", Room::Full),
    column("FAILED/S", Room::Spare),
    numbers("P50", 5, Room::Wide),
    numbers("P99", 5, Room::Full),
];

/// Hosts and stand-alone providers.
pub(super) fn hosts(overview: &Overview) -> Rows {
    let row = |host: &HostView| Row {
        cells: vec![
            Cell::text(&host.name),
            host_state(host),
            Cell::number(percent(host.cpu), host.cpu),
            Cell::count(format_bytes(host.memory_bytes), host.memory_bytes),
            Cell::count(host.actors.len().to_string(), host.actors.len() as u64),
            providers(host),
            Cell::calls(host.traffic),
            Cell::failed(host.traffic),
            Cell::took(host.traffic.p50_us),
            Cell::took(host.traffic.p99_us),
            Cell::text(&host.version),
            Cell::text(&host.labels),
        ],
    };
    Rows {
        columns: HOSTS,
        rows: overview.hosts.iter().map(row).collect(),
    }
}

fn host_state(host: &HostView) -> Cell {
    match (host.state, host.scheduling) {
        (MemberState::Ready, Scheduling::Open) => Cell::text("ready").toned(Tone::Ordinary),
        (MemberState::Ready, scheduling) => Cell::text(word(&scheduling)).toned(Tone::Odd),
        (state, _) => Cell::text(word(&state)).toned(Tone::Odd),
    }
}

fn providers(host: &HostView) -> Cell {
    let count = Cell::count(host.providers.len().to_string(), host.providers.len() as u64);
    let is_well = |provider: &ProviderView| provider.state == ProviderState::Ready;
    match host.providers.iter().all(is_well) {
        true => count,
        false => count.toned(Tone::Odd),
    }
}

/// Actors, each over all the hosts it runs on.
pub(super) fn actors(overview: &Overview) -> Rows {
    let mut by_name: BTreeMap<&str, Vec<(&HostView, &ActorView)>> = BTreeMap::new();
    for host in &overview.hosts {
        for actor in &host.actors {
            by_name.entry(&actor.name).or_default().push((host, actor));
        }
    }
    let served = overview.parties.iter().filter_map(|view| match &view.party {
        Party::Actor(name) => Some((name.as_str(), view.traffic)),
        Party::Provider(_) => None,
    });
    let served: BTreeMap<&str, Rate> = served.collect();
    let row = |(name, on): (&str, Vec<_>)| actor(name, &on, served.get(name).copied().unwrap_or_default());
    Rows {
        columns: ACTORS,
        rows: by_name.into_iter().map(row).collect(),
    }
}

fn actor(name: &str, on: &[(&HostView, &ActorView)], served: Rate) -> Row {
    let sum = |of: fn(&ActorView) -> u64| on.iter().map(|(_, actor)| of(actor)).fold(0, u64::saturating_add);
    let replicas = sum(|actor| actor.replicas.into());
    let (busy, capacity) = (sum(|actor| actor.in_flight), sum(|actor| actor.capacity));
    let is_stateful = on.iter().any(|(_, actor)| actor.awake.is_some());
    let awake = match is_stateful {
        true => Cell::count(
            sum(|actor| actor.awake.unwrap_or_default()).to_string(),
            sum(|actor| actor.awake.unwrap_or_default()),
        ),
        false => Cell::number("-".to_owned(), -1.0).toned(Tone::Ordinary),
    };
    let state = on
        .iter()
        .map(|(_, actor)| actor.state)
        .find(|state| *state != ActorState::Ready);
    let state = match state {
        None => Cell::text("ready").toned(Tone::Ordinary),
        Some(state) => Cell::text(word(&state)).toned(Tone::Odd),
    };
    let is_full = capacity > 0 && busy >= capacity;
    let busy = Cell::count(format!("{busy}/{capacity}"), busy);
    Row {
        cells: vec![
            Cell::text(name),
            match on {
                [(host, _)] => Cell::text(&host.name),
                several => Cell::text(format!("{} hosts", several.len())),
            },
            state,
            Cell::count(replicas.to_string(), replicas),
            awake,
            if is_full { busy.toned(Tone::Odd) } else { busy },
            Cell::calls(served),
            Cell::failed(served),
            Cell::took(served.p50_us),
            Cell::took(served.p99_us),
        ],
    }
}

/// Links in force.
pub(super) fn links(overview: &Overview) -> Rows {
    let row = |link: &LinkView| Row {
        cells: vec![
            Cell::text(link.source.to_string()),
            match link.label.as_str() {
                "default" => Cell::text(&link.interface),
                label => Cell::text(format!("{} ({label})", link.interface)),
            },
            Cell::text(link.target.to_string()),
            link_state(link, overview.hosts.len()),
            Cell::calls(link.traffic),
            Cell::failed(link.traffic),
            Cell::took(link.traffic.p50_us),
            Cell::took(link.traffic.p99_us),
        ],
    };
    Rows {
        columns: LINKS,
        rows: overview.links.iter().map(row).collect(),
    }
}

fn link_state(link: &LinkView, members: usize) -> Cell {
    let held = link.verified_by.len();
    match (&link.problem, link.refused_by.len()) {
        (Some(_), _) => Cell::text("hampered").toned(Tone::Bad),
        (None, 1..) => Cell::text(format!("refused by {}", link.refused_by.len())).toned(Tone::Bad),
        (None, 0) if held < members => Cell::text(format!("on {held} of {members}")).toned(Tone::Odd),
        (None, 0) => Cell::text("active").toned(Tone::Ordinary),
    }
}
