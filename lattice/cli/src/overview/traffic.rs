//! Rates: what members have counted since an earlier look, divided by the time between. Pure.

use std::{
    collections::{BTreeMap, HashMap},
    time::Instant,
};

use lattice_control::{Flow, TrafficReply};
use lattice_core::{Incarnation, LinkId, MemberId, Party};

use super::{Rate, said::Said};

/// Two words of a member are not taken for closer than this: a rate over less says nothing.
const SECONDS_MIN: f64 = 0.001;

/// What a member had counted when it was last asked.
#[derive(Clone, Debug)]
pub(super) struct Counted {
    incarnation: Incarnation,
    at: Instant,
    flows: HashMap<(LinkId, Party), Flow>,
}

impl Counted {
    /// What it says now; none if it told nothing.
    pub(super) fn of(said: &Said) -> Option<Self> {
        let (at, reply) = said.traffic.as_ref()?;
        let flows = reply.flows.iter();
        Some(Self {
            incarnation: said.inventory.summary.incarnation,
            at: *at,
            flows: flows.map(|flow| (key(flow), flow.clone())).collect(),
        })
    }

    /// What was added until now, and over how many seconds. A member that has started anew counts from nothing.
    fn until(&self, incarnation: Incarnation, at: Instant, reply: &TrafficReply) -> (Vec<Flow>, f64) {
        let before = |flow: &Flow| match incarnation == self.incarnation {
            true => self.flows.get(&key(flow)),
            false => None,
        };
        let added = |flow: &Flow| before(flow).map_or_else(|| flow.clone(), |before| flow.since(before));
        let seconds = at.saturating_duration_since(self.at).as_secs_f64();
        (reply.flows.iter().map(added).collect(), seconds.max(SECONDS_MIN))
    }
}

fn key(flow: &Flow) -> (LinkId, Party) {
    (flow.link.clone(), flow.target.clone())
}

/// What all members served since they were asked before, added up in every way that is shown.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    all: Sum,
    links: BTreeMap<LinkId, Sum>,
    parties: BTreeMap<Party, Sum>,
    hosts: BTreeMap<MemberId, Sum>,
    placed: BTreeMap<MemberId, BTreeMap<Party, Sum>>,
}

impl Traffic {
    /// Adds what one member says now to what it said before. Its first word makes no rate.
    pub(super) fn add(&mut self, said: &Said, before: Option<&Counted>) {
        let (Some((at, reply)), Some(before)) = (&said.traffic, before) else {
            return;
        };
        let (added, seconds) = before.until(said.inventory.summary.incarnation, *at, reply);
        let member = said.member();
        let placed = self.placed.entry(member.clone()).or_default();
        for flow in &added {
            self.all.add(flow, seconds);
            self.links.entry(flow.link.clone()).or_default().add(flow, seconds);
            self.parties.entry(flow.target.clone()).or_default().add(flow, seconds);
            self.hosts.entry(member.clone()).or_default().add(flow, seconds);
            placed.entry(flow.target.clone()).or_default().add(flow, seconds);
        }
    }

    /// Everything.
    pub(super) fn all(&self) -> Rate {
        self.all.rate()
    }

    /// What went over a link.
    pub(super) fn over(&self, link: &LinkId) -> Rate {
        self.links.get(link).map(Sum::rate).unwrap_or_default()
    }

    /// What a member served.
    pub(super) fn on(&self, member: &MemberId) -> Rate {
        self.hosts.get(member).map(Sum::rate).unwrap_or_default()
    }

    /// What an actor or a provider served on a member.
    pub(super) fn at(&self, member: &MemberId, party: &Party) -> Rate {
        let placed = self.placed.get(member).and_then(|placed| placed.get(party));
        placed.map(Sum::rate).unwrap_or_default()
    }

    /// What each actor and provider served.
    pub(super) fn parties(&self) -> impl Iterator<Item = (&Party, Rate)> {
        self.parties.iter().map(|(party, sum)| (party, sum.rate()))
    }
}

/// Calls of several members: each counted over a time of its own.
#[derive(Debug, Default)]
struct Sum {
    calls: f64,
    failed: f64,
    /// All of them, for how long they took.
    flow: Option<Flow>,
}

impl Sum {
    #[expect(clippy::cast_precision_loss, reason = "calls a second, for people")]
    fn add(&mut self, flow: &Flow, seconds: f64) {
        self.calls += flow.calls as f64 / seconds;
        self.failed += flow.failed as f64 / seconds;
        match &mut self.flow {
            Some(sum) => sum.add(flow),
            none => *none = Some(flow.clone()),
        }
    }

    fn rate(&self) -> Rate {
        let took = |share| {
            let took = self.flow.as_ref().and_then(|flow| flow.took(share))?;
            u64::try_from(took.as_micros()).ok()
        };
        Rate {
            calls: self.calls,
            failed: self.failed,
            p50_us: took(0.5),
            p99_us: took(0.99),
        }
    }
}
