//! Where replicas shall be: exact by largest remainder, weights and room honoured, and no more moves than needed.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use lattice_core::{
    ActorName, HostId, Labels, Party,
    application::{Placement, Scale, Share},
    presence::Scheduling,
};

use super::{Memory, Observed, ObservedActor, ObservedHost};
use crate::spread::{Part, share_out};

/// Where replicas shall be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// How many on which host; hosts with none are absent.
    pub(crate) hosts: BTreeMap<HostId, u32>,
    /// How many in all, found a place or not.
    pub(crate) total: u32,
    /// Why some have no place.
    pub(crate) homeless: Vec<String>,
}

/// What is to be placed.
#[derive(Clone, Copy)]
struct Asked<'p> {
    party: &'p Party,
    require: &'p Labels,
    placement: &'p Placement,
    stays: bool,
}

/// Places one after the other, and remembers what each host has got.
pub(crate) struct Placer<'a> {
    observed: &'a Observed,
    memory: &'a Memory,
    now: Instant,
    /// What has been placed on each host so far.
    placed: BTreeMap<&'a HostId, u32>,
    /// The actors that have been placed.
    done: BTreeSet<ActorName>,
    /// Which actors have been placed where.
    actors: BTreeMap<&'a HostId, Vec<(ActorName, Vec<ActorName>)>>,
}

impl<'a> Placer<'a> {
    pub(crate) fn new(observed: &'a Observed, memory: &'a Memory, now: Instant) -> Self {
        Self {
            observed,
            memory,
            now,
            placed: BTreeMap::new(),
            done: BTreeSet::new(),
            actors: BTreeMap::new(),
        }
    }

    /// Decides where an actor or provider shall run that asks of every host the labels `require`. What `stays` counts as running at a site
    /// out of sight.
    pub(crate) fn place(&mut self, party: &Party, require: &Labels, placement: &Placement, stays: bool) -> Wanted {
        let asked = Asked {
            party,
            require,
            placement,
            stays,
        };
        let spread = shares(placement);
        let mut wanted = match placement.scale {
            Scale::PerHost(count) => self.on_each(asked, &spread, count),
            Scale::Replicas(count) => self.over_all(asked, &spread, count),
        };
        self.honour_moves(party, require, placement, &mut wanted);
        wanted.hosts.retain(|_, count| *count > 0);
        if let Party::Actor(name) = party {
            self.done.insert(name.clone());
            for (id, count) in &wanted.hosts {
                if let Some((id, _)) = self.observed.hosts.get_key_value(id) {
                    *self.placed.entry(id).or_default() += count;
                    let apart = (name.clone(), placement.apart_from.clone());
                    self.actors.entry(id).or_default().push(apart);
                }
            }
        }
        wanted
    }

    fn on_each(&self, asked: Asked<'_>, spread: &[Share], count: u32) -> Wanted {
        let Asked {
            party,
            require,
            placement,
            stays,
        } = asked;
        let mut wanted = Wanted::default();
        for (id, host) in &self.observed.hosts {
            let matches = host.labels.matches(require) && spread.iter().any(|share| host.labels.matches(&share.labels));
            if !matches || !host.has_place(stays) {
                continue;
            }
            let count = placement.per_host_max.unwrap_or(count).min(count);
            let room = self.room(id, host, party, placement);
            wanted.hosts.insert(id.clone(), count.min(room));
            wanted.total += count.min(room);
        }
        wanted
    }

    fn over_all(&self, asked: Asked<'_>, spread: &[Share], count: u32) -> Wanted {
        let Asked {
            party,
            require,
            placement,
            stays,
        } = asked;
        let mut wanted = Wanted {
            total: count,
            ..Wanted::default()
        };
        let weights: Vec<Part> = spread
            .iter()
            .map(|share| Part {
                weight: share.weight,
                room: u32::MAX,
                current: 0,
                busy: 0,
            })
            .collect();
        for (share, count) in spread.iter().zip(share_out(count, &weights)) {
            let matching: Vec<(&HostId, &ObservedHost)> = self
                .observed
                .hosts
                .iter()
                .filter(|(_, host)| {
                    host.has_place(stays) && host.labels.matches(require) && host.labels.matches(&share.labels)
                })
                .collect();
            let parts: Vec<Part> = matching
                .iter()
                .map(|(id, host)| {
                    let before = wanted.hosts.get(*id).copied().unwrap_or(0);
                    Part {
                        weight: 1,
                        room: self.room(id, host, party, placement).saturating_sub(before),
                        current: self.current(id, host, party).saturating_sub(before),
                        busy: self.busy(id, host, party),
                    }
                })
                .collect();
            let counts = share_out(count, &parts);
            let placed: u32 = counts.iter().sum();
            for ((id, _), count) in matching.iter().zip(counts) {
                *wanted.hosts.entry((*id).clone()).or_default() += count;
            }
            if placed < count {
                wanted
                    .homeless
                    .push(self.why_homeless(count - placed, count, matching.len(), require, share));
            }
        }
        wanted
    }

    /// What runs there now, or is on its way there.
    fn current(&self, id: &HostId, host: &ObservedHost, party: &Party) -> u32 {
        let seen = match party {
            Party::Actor(name) => host.actors.get(name).map_or(0, |actor| actor.replicas),
            Party::Provider(name) => u32::from(host.providers.contains_key(name)),
        };
        self.memory.expected(id, party).unwrap_or(seen)
    }

    /// How many replicas of it may be there.
    fn room(&self, id: &HostId, host: &ObservedHost, party: &Party, placement: &Placement) -> u32 {
        let current = self.current(id, host, party);
        if host.away || host.scheduling == Scheduling::Cordoned || self.memory.trusted_from(id, self.now).is_some() {
            return current;
        }
        let mut room = placement.per_host_max.unwrap_or(u32::MAX);
        if let Party::Actor(name) = party {
            let clashes = |(other, apart): &(ActorName, Vec<ActorName>)| {
                placement.apart_from.contains(other) || apart.contains(name)
            };
            if self.actors.get(id).is_some_and(|others| others.iter().any(clashes)) {
                return 0;
            }
            if let Some(most) = host.replicas_max {
                room = room.min(most.saturating_sub(self.taken(id, host, name)));
            }
        }
        room
    }

    /// The room that others take: what has been placed there, and what runs there and has not been placed yet. Whoever comes later in
    /// the alphabet keeps its place.
    fn taken(&self, id: &HostId, host: &ObservedHost, actor: &ActorName) -> u32 {
        let runs_unplaced = |(name, _): &(&ActorName, &ObservedActor)| *name != actor && !self.done.contains(*name);
        let unplaced = host
            .actors
            .iter()
            .filter(runs_unplaced)
            .map(|(_, running)| running.replicas);
        unplaced.sum::<u32>() + self.placed.get(id).copied().unwrap_or(0)
    }

    /// What else runs there, or has been placed there: the more of the two, so that a pass over many starts spreads them. What runs there
    /// of the same is not part of it, or each change of that would be a reason for the next.
    fn busy(&self, id: &HostId, host: &ObservedHost, party: &Party) -> u32 {
        match party {
            Party::Actor(name) => {
                let own = host.actors.get(name).map_or(0, |actor| actor.replicas);
                let others = host.replicas().saturating_sub(own);
                others.max(self.placed.get(id).copied().unwrap_or(0))
            }
            Party::Provider(name) => {
                let others = host.providers.keys().filter(|other| *other != name).count();
                u32::try_from(others).unwrap_or(u32::MAX)
            }
        }
    }

    /// What an operator has moved by hand runs where it was moved to, while that host will have it.
    fn honour_moves(&self, party: &Party, require: &Labels, placement: &Placement, wanted: &mut Wanted) {
        let before = wanted.hosts.clone();
        for (from, to) in &placement.moved {
            let takes = |(id, host): (&HostId, &ObservedHost)| {
                let open = host.scheduling == Scheduling::Open || self.current(id, host, party) > 0;
                host.keeps() && open && host.labels.matches(require)
            };
            let Some(count) = before.get(from).copied().filter(|count| *count > 0) else {
                continue;
            };
            if self.observed.hosts.get_key_value(to).is_some_and(takes) {
                *wanted.hosts.entry(from.clone()).or_default() -= count;
                *wanted.hosts.entry(to.clone()).or_default() += count;
            }
        }
    }

    fn why_homeless(&self, homeless: u32, of: u32, matching: usize, require: &Labels, share: &Share) -> String {
        let mut labels = require.clone();
        for (key, value) in share.labels.iter() {
            // Both were checked when they were read.
            let _ = labels.insert(key, value);
        }
        let share = share
            .name
            .as_ref()
            .map_or_else(String::new, |name| format!(" of the share `{name}`"));
        let why = match (matching, self.observed.hosts.len()) {
            (0, all) if labels.is_empty() => format!("none of {all} hosts takes work"),
            (0, all) => format!("none of {all} hosts has the labels {labels} and takes work"),
            (some, _) => format!("the {some} that match have no room for more, or are cordoned"),
        };
        format!("{homeless} of {of} replicas{share} have no host: {why}")
    }
}

fn shares(placement: &Placement) -> Vec<Share> {
    if !placement.spread.is_empty() {
        return placement.spread.clone();
    }
    vec![Share {
        name: None,
        labels: Labels::default(),
        weight: Share::DEFAULT_WEIGHT,
    }]
}
