//! Who is there, decided from heartbeats and the time. Pure.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lattice_core::presence::{ActorPlacement, MemberState};
use lattice_core::token::VerifiedMember;
use lattice_core::{Incarnation, Labels, MemberId, Party, Presence, SITE_LABEL, SiteName};

use crate::identity::Address;
use crate::pick::Load;

/// A member's latest word, with the token that vouches for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownMember {
    /// What it says of itself.
    pub presence: Presence,
    /// What its token says of it.
    pub token: Arc<VerifiedMember>,
    /// Its labels as they count for placement: those its token grants and what it says of its machine.
    pub labels: Labels,
}

impl KnownMember {
    pub(crate) fn new(presence: Presence, token: Arc<VerifiedMember>) -> Self {
        let labels = token.effective_labels(&presence.labels);
        Self {
            presence,
            token,
            labels,
        }
    }

    /// Its key.
    pub fn id(&self) -> &MemberId {
        &self.presence.member
    }

    /// The site it is at. As with any label, its token has to grant it.
    pub fn site(&self) -> Option<&SiteName> {
        let site = self.presence.site.as_ref()?;
        (self.labels.get(SITE_LABEL) == Some(site.as_str())).then_some(site)
    }

    /// Whether it runs `party`, busy or draining as it may be.
    pub fn runs(&self, party: &Party) -> bool {
        match party {
            Party::Actor(name) => self.presence.actor(name).is_some(),
            Party::Provider(name) => self.presence.has_provider(name),
        }
    }

    pub(crate) fn address(&self) -> Address {
        Address {
            member: self.presence.member.clone(),
            incarnation: self.presence.incarnation,
        }
    }

    fn parties(&self) -> HashSet<Party> {
        let actors = self
            .presence
            .actors
            .iter()
            .map(|placement| Party::Actor(placement.name.clone()));
        let providers = self
            .presence
            .providers
            .iter()
            .map(|placement| Party::Provider(placement.name.clone()));
        actors.chain(providers).collect()
    }
}

/// What changed in the directory.
#[derive(Debug, Clone)]
pub enum DirectoryChange {
    /// A member is there that was not: new, back, or started anew.
    Joined(Arc<KnownMember>),
    /// A member changed what it runs, what it is called, or whether it takes work.
    Changed(Arc<KnownMember>),
    /// A member has not been heard for too long.
    Lost(Arc<KnownMember>),
    /// A member said good-bye.
    Left(Arc<KnownMember>),
}

impl DirectoryChange {
    /// The member it is about, as last heard.
    pub fn member(&self) -> &Arc<KnownMember> {
        match self {
            Self::Joined(member) | Self::Changed(member) | Self::Lost(member) | Self::Left(member) => member,
        }
    }
}

/// What to do with a heartbeat.
#[derive(Debug)]
pub(crate) enum Heard {
    /// Something changed.
    Change(DirectoryChange),
    /// The member is still as it was.
    Alive,
    /// Not newer than what is known: a replay, or an answer that was overtaken.
    Old,
}

impl Heard {
    /// Whether the heartbeat was newer than what was known.
    pub(crate) fn is_news(&self) -> bool {
        !matches!(self, Self::Old)
    }

    pub(crate) fn into_change(self) -> Option<DirectoryChange> {
        match self {
            Self::Change(change) => Some(change),
            Self::Alive | Self::Old => None,
        }
    }
}

/// One that may be called.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) address: Address,
    pub(crate) load: Load,
}

/// How much a member that runs providers takes at a time, since providers do not say.
const PROVIDER_CAPACITY: u32 = 256;

/// How long a member that is gone is still shown, and its last word remembered against replays. Heartbeats older than a minute are
/// refused by their date.
const REMEMBER_GONE: Duration = Duration::from_secs(15 * 60);

#[derive(Debug)]
struct Record {
    member: Arc<KnownMember>,
    heard: Instant,
    standing: Standing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Heard of late.
    Here,
    /// Its mailbox had no listener; nothing goes there until it is heard again.
    Suspect,
    /// Lost or left.
    Gone,
}

impl Record {
    /// Whether it is at a site and not heard any more, without having said good-bye.
    fn is_away(&self) -> bool {
        let said_good_bye = self.member.presence.state == MemberState::Stopped;
        self.standing == Standing::Gone && !said_good_bye && self.member.site().is_some()
    }
}

/// All members heard of.
#[derive(Debug)]
pub(super) struct Roster {
    me: MemberId,
    lost_after: Duration,
    records: HashMap<MemberId, Record>,
    by_party: HashMap<Party, Vec<MemberId>>,
    /// Since when our own line is up. While it is down nobody can be heard, so nobody is lost.
    line_up: Option<Instant>,
}

impl Roster {
    pub(super) fn new(me: MemberId, lost_after: Duration, now: Instant) -> Self {
        Self {
            me,
            lost_after,
            records: HashMap::new(),
            by_party: HashMap::new(),
            line_up: Some(now),
        }
    }

    /// Takes in a heartbeat whose signature and token were checked.
    pub(super) fn hear(&mut self, member: KnownMember, now: Instant) -> Heard {
        let id = member.id().clone();
        let member = Arc::new(member);
        let previous = self.records.get(&id);
        if previous.is_some_and(|previous| !member.presence.supersedes(&previous.member.presence)) {
            return Heard::Old;
        }
        let was_here = previous
            .filter(|previous| previous.standing != Standing::Gone)
            .map(|record| record.member.clone());
        let stopped = member.presence.state == MemberState::Stopped;
        let standing = if stopped { Standing::Gone } else { Standing::Here };
        let outcome = match &was_here {
            _ if stopped => Heard::Change(DirectoryChange::Left(member.clone())),
            Some(before) if before.presence.incarnation != member.presence.incarnation => {
                Heard::Change(DirectoryChange::Joined(member.clone()))
            }
            Some(before) if same_standing(before, &member) => Heard::Alive,
            Some(_) => Heard::Change(DirectoryChange::Changed(member.clone())),
            None => Heard::Change(DirectoryChange::Joined(member.clone())),
        };
        let before = was_here.map(|before| before.parties()).unwrap_or_default();
        let after = if stopped { HashSet::new() } else { member.parties() };
        self.reindex(&id, &before, &after);
        self.records.insert(
            id,
            Record {
                member,
                heard: now,
                standing,
            },
        );
        outcome
    }

    /// Notices who has been silent for too long, and forgets who has been gone for long.
    pub(super) fn sweep(&mut self, now: Instant) -> Vec<DirectoryChange> {
        let mut changes = Vec::new();
        let silent: Vec<MemberId> = self
            .records
            .iter()
            .filter(|(id, record)| record.standing != Standing::Gone && **id != self.me && !self.is_fresh(record, now))
            .map(|(id, _)| id.clone())
            .collect();
        for id in silent {
            changes.extend(self.dismiss(&id).map(DirectoryChange::Lost));
        }
        self.records.retain(|_, record| {
            // A site may be cut off for days, and what runs there goes on.
            record.standing != Standing::Gone || now - record.heard < REMEMBER_GONE || record.is_away()
        });
        changes
    }

    /// Removes members whose token no longer holds.
    pub(super) fn distrust(&mut self, holds: impl Fn(&VerifiedMember) -> bool) -> Vec<DirectoryChange> {
        let out: Vec<MemberId> = self
            .records
            .iter()
            .filter(|(id, record)| **id != self.me && !holds(&record.member.token))
            .map(|(id, _)| id.clone())
            .collect();
        let mut changes = Vec::new();
        for id in out {
            let gone = self
                .records
                .get(&id)
                .is_some_and(|record| record.standing == Standing::Gone);
            if !gone {
                changes.extend(self.dismiss(&id).map(DirectoryChange::Lost));
            }
            // It will not be heard again, and does not count as being anywhere.
            self.records.remove(&id);
        }
        changes
    }

    /// Our own connection came back, or went.
    pub(super) fn line(&mut self, up: bool, now: Instant) {
        match (up, self.line_up) {
            (true, None) => self.line_up = Some(now),
            (false, Some(_)) => self.line_up = None,
            _ => {}
        }
    }

    /// Nobody listens to this run's mailbox; nothing goes there until it is heard again.
    pub(super) fn suspect(&mut self, address: &Address) {
        if let Some(record) = self.records.get_mut(&address.member)
            && record.member.presence.incarnation == address.incarnation
            && record.standing == Standing::Here
        {
            record.standing = Standing::Suspect;
        }
    }

    /// The last word of a member that is here.
    pub(super) fn get(&self, id: &MemberId, now: Instant) -> Option<Arc<KnownMember>> {
        let record = self.records.get(id)?;
        (record.standing != Standing::Gone && self.is_fresh(record, now)).then(|| record.member.clone())
    }

    /// The last word of this run of a member, fresh or not.
    pub(super) fn run_of(&self, id: &MemberId, incarnation: Incarnation) -> Option<Arc<KnownMember>> {
        let member = &self.records.get(id)?.member;
        (member.presence.incarnation == incarnation).then(|| member.clone())
    }

    /// Everybody who is here.
    pub(super) fn here(&self, now: Instant) -> Vec<Arc<KnownMember>> {
        let mut here: Vec<_> = self
            .records
            .values()
            .filter(|record| record.standing != Standing::Gone && self.is_fresh(record, now))
            .map(|record| record.member.clone())
            .collect();
        here.sort_by(|a, b| a.id().cmp(b.id()));
        here
    }

    /// Members at sites who are not heard any more, without having said good-bye.
    pub(super) fn away(&self) -> Vec<Arc<KnownMember>> {
        let away = self.records.values().filter(|record| record.is_away());
        away.map(|record| record.member.clone()).collect()
    }

    /// Who may be called for `party`. Those under suspicion only when there is nobody else.
    pub(super) fn candidates(&self, party: &Party, now: Instant) -> Vec<Candidate> {
        let (mut good, mut suspect) = (Vec::new(), Vec::new());
        for (record, load) in self.taking_work(party, now) {
            let candidate = Candidate {
                address: record.member.address(),
                load,
            };
            if record.standing == Standing::Suspect {
                &mut suspect
            } else {
                &mut good
            }
            .push(candidate);
        }
        if good.is_empty() { suspect } else { good }
    }

    /// Everybody who takes work for `party`, under suspicion or not: what all members agree on as soon as they have heard the same.
    pub(super) fn takers(&self, party: &Party, now: Instant) -> Vec<MemberId> {
        self.taking_work(party, now)
            .map(|(record, _)| record.member.id().clone())
            .collect()
    }

    fn taking_work<'a>(&'a self, party: &'a Party, now: Instant) -> impl Iterator<Item = (&'a Record, Load)> {
        let records = self
            .by_party
            .get(party)
            .into_iter()
            .flatten()
            .filter_map(|id| self.records.get(id));
        records
            .filter(move |record| record.standing != Standing::Gone && self.is_fresh(record, now))
            .filter_map(|record| Some((record, takes_work(&record.member.presence, party)?)))
    }

    /// Whether anybody who is here runs `party`, taking work or not.
    pub(super) fn is_known(&self, party: &Party) -> bool {
        self.by_party.get(party).is_some_and(|members| !members.is_empty())
    }

    fn is_fresh(&self, record: &Record, now: Instant) -> bool {
        let Some(line_up) = self.line_up else { return true };
        record.member.id() == &self.me || now < record.heard.max(line_up) + self.lost_after
    }

    fn dismiss(&mut self, id: &MemberId) -> Option<Arc<KnownMember>> {
        let record = self.records.get_mut(id)?;
        record.standing = Standing::Gone;
        let member = record.member.clone();
        self.reindex(id, &member.parties(), &HashSet::new());
        Some(member)
    }

    fn reindex(&mut self, id: &MemberId, before: &HashSet<Party>, after: &HashSet<Party>) {
        for party in before.difference(after) {
            if let Some(members) = self.by_party.get_mut(party) {
                members.retain(|member| member != id);
                if members.is_empty() {
                    self.by_party.remove(party);
                }
            }
        }
        for party in after.difference(before) {
            self.by_party.entry(party.clone()).or_default().push(id.clone());
        }
    }
}

/// How busy `party` is there, if it takes work.
fn takes_work(presence: &Presence, party: &Party) -> Option<Load> {
    if presence.state != MemberState::Ready {
        return None;
    }
    match party {
        Party::Actor(name) => {
            let placement = presence.actor(name).filter(|placement| placement.replicas > 0)?;
            Some(Load {
                in_flight: placement.in_flight,
                capacity: placement.capacity,
            })
        }
        Party::Provider(_) => Some(Load {
            in_flight: presence.load.in_flight,
            capacity: PROVIDER_CAPACITY,
        }),
    }
}

/// Whether two heartbeats differ only in what changes all the time.
fn same_standing(a: &KnownMember, b: &KnownMember) -> bool {
    let standing = |known: &KnownMember| {
        let presence = &known.presence;
        let named = (presence.name.clone(), presence.version.clone(), known.labels.clone());
        (named, presence.state, presence.scheduling, presence.replicas_max)
    };
    let (p, q) = (&a.presence, &b.presence);
    // All but the load, which is another at every heartbeat.
    let same_actor = |(x, y): (&ActorPlacement, &ActorPlacement)| {
        let rested = |placement: &ActorPlacement| ActorPlacement {
            in_flight: 0,
            ..placement.clone()
        };
        rested(x) == rested(y)
    };
    standing(a) == standing(b)
        && p.providers == q.providers
        && p.actors.len() == q.actors.len()
        && p.actors.iter().zip(&q.actors).all(same_actor)
}
