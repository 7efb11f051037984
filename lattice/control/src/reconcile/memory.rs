//! What the controller remembers between two looks: what it has asked for, what failed, and who comes and goes.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use lattice_core::{AppName, Fingerprint, HostId, Party};

use super::{Action, KnownApp, Observed, Target};
use crate::{ControlError, ErrorKind};

/// How long what was done may take to show in a heartbeat, before it is taken for undone.
const SHOWS_WITHIN: Duration = Duration::from_secs(5);
/// The pauses after a failure: the first, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// For how long a loss counts against a host.
const LOSSES_COUNT_FOR: Duration = Duration::from_secs(600);
/// How long a host that was lost twice must have been there before more is placed on it; twice as long for each further loss.
const PROBATION: Duration = Duration::from_secs(15);
const LONGEST_PROBATION: Duration = Duration::from_secs(300);

/// What the controller remembers. All of it may be lost: then it looks, and asks again.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    asked: BTreeMap<Target, Asked>,
    failures: BTreeMap<Target, Failed>,
    hosts: BTreeMap<HostId, VecDeque<Instant>>,
    /// The revision of each application that was seen to be all ready.
    completed: BTreeMap<AppName, u64>,
    /// The revision of each application that was looked at last.
    looked_at: BTreeMap<AppName, u64>,
}

/// How an action ended.
pub type Outcome = Result<(), ControlError>;

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// What was to run cannot: another host would fail like this one.
    Version,
    /// The host, the network, the hour: the next try may do.
    Circumstance,
}

#[derive(Clone, Debug)]
struct Asked {
    fingerprint: Option<Fingerprint>,
    /// How many replicas, or for a link which generation, will be there.
    amount: u64,
    /// When the outcome was heard, and that it was done.
    done: Option<Instant>,
}

/// What failed about one thing, lately.
#[derive(Clone, Debug)]
pub(crate) struct Failed {
    pub(crate) fingerprint: Option<Fingerprint>,
    /// How many times in a row.
    pub(crate) times: u32,
    pub(crate) error: String,
    pub(crate) blame: Blame,
    retry_at: Instant,
}

impl Blame {
    /// Whose fault an error of a host is.
    pub fn of(error: &ControlError) -> Self {
        match error.kind {
            ErrorKind::Unreachable | ErrorKind::Overloaded | ErrorKind::Conflict | ErrorKind::Internal => {
                Self::Circumstance
            }
            _ => Self::Version,
        }
    }
}

impl Memory {
    /// Remembers that something was asked for.
    pub fn asked(&mut self, action: &Action) {
        let (fingerprint, amount) = action.expects();
        let asked = Asked {
            fingerprint,
            amount,
            done: None,
        };
        self.asked.insert(action.target(), asked);
    }

    /// Remembers how it ended.
    pub fn ended(&mut self, action: &Action, outcome: &Outcome, now: Instant) {
        let target = action.target();
        match outcome {
            Ok(()) => {
                self.failures.remove(&target);
                if let Some(asked) = self.asked.get_mut(&target) {
                    asked.done = Some(now);
                }
            }
            Err(error) => {
                self.asked.remove(&target);
                let (fingerprint, _) = action.expects();
                let before = self
                    .failures
                    .get(&target)
                    .filter(|failed| failed.fingerprint == fingerprint);
                let times = before.map_or(0, |failed| failed.times) + 1;
                let pause = FIRST_PAUSE.saturating_mul(1 << (times - 1).min(16)).min(LONGEST_PAUSE);
                let failed = Failed {
                    fingerprint,
                    times,
                    error: told(error),
                    blame: Blame::of(error),
                    retry_at: now + pause,
                };
                self.failures.insert(target, failed);
            }
        }
    }

    /// Remembers that a host was lost.
    pub fn lost(&mut self, host: &HostId, now: Instant) {
        let losses = self.hosts.entry(host.clone()).or_default();
        losses.push_back(now);
        losses.retain(|at| now.duration_since(*at) < LOSSES_COUNT_FOR);
    }

    /// Forgets what has become visible, what did not in time, and what concerns nobody any more.
    pub(crate) fn settle(&mut self, observed: &Observed, now: Instant) {
        self.asked.retain(|target, asked| match asked.done {
            None => true,
            Some(done) => now.duration_since(done) < SHOWS_WITHIN && !shows(target, asked, observed),
        });
        self.failures.retain(|target, _| match target {
            Target::OnHost(host, _) => observed.hosts.contains_key(host),
            Target::Link(_) | Target::App(_) => true,
        });
        self.hosts.retain(|_, losses| {
            losses.retain(|at| now.duration_since(*at) < LOSSES_COUNT_FOR);
            !losses.is_empty()
        });
    }

    /// Whether something about it is under way.
    pub(crate) fn is_pending(&self, target: &Target) -> bool {
        self.asked.contains_key(target)
    }

    /// Whether something may be done about it now: nothing is under way, and nothing that failed is to be waited for. What failed with
    /// another version says nothing about this one.
    pub(crate) fn is_free(&self, target: &Target, fingerprint: Option<Fingerprint>, now: Instant) -> bool {
        let counts = |failed: &&Failed| failed.fingerprint.is_none() || failed.fingerprint == fingerprint;
        let failed = self.failures.get(target).filter(counts);
        !self.is_pending(target) && failed.is_none_or(|failed| now >= failed.retry_at)
    }

    /// How many replicas are on their way to a host, or will be there.
    pub(crate) fn expected(&self, host: &HostId, party: &Party) -> Option<u32> {
        let target = Target::OnHost(host.clone(), party.clone());
        let asked = self.asked.get(&target)?;
        u32::try_from(asked.amount).ok()
    }

    /// What failed about it, when it was this very version.
    pub(crate) fn failure(&self, target: &Target, fingerprint: Option<Fingerprint>) -> Option<&Failed> {
        self.failures
            .get(target)
            .filter(|failed| failed.fingerprint == fingerprint)
    }

    /// When more may be placed on a host that comes and goes; none when it may now.
    pub(crate) fn trusted_from(&self, host: &HostId, now: Instant) -> Option<Instant> {
        let losses = self.hosts.get(host)?;
        let last = losses.back()?;
        let times = u32::try_from(losses.len()).unwrap_or(u32::MAX);
        if times < 2 {
            return None;
        }
        let probation = PROBATION
            .saturating_mul(1 << (times - 2).min(16))
            .min(LONGEST_PROBATION);
        let from = *last + probation;
        (from > now).then_some(from)
    }

    /// Looks at a revision. What failed of an earlier one is no reason to wait, or to give up: somebody has changed something.
    pub(crate) fn look_at(&mut self, app: &KnownApp) {
        let number = app.revision.number;
        if self.looked_at.insert(app.name().clone(), number) == Some(number) {
            return;
        }
        self.failures.retain(|target, _| match target {
            Target::OnHost(_, Party::Actor(name)) => !app.actors.contains_key(name),
            Target::OnHost(_, Party::Provider(name)) => !app.providers.contains_key(name),
            Target::App(name) => name != app.name(),
            Target::Link(link) => app.links.iter().all(|known| known.id != *link),
        });
    }

    /// Remembers that all of a revision was ready.
    pub(crate) fn complete(&mut self, app: &AppName, revision: u64) {
        self.completed.insert(app.clone(), revision);
    }

    /// Whether all of that revision was ready once.
    pub(crate) fn was_complete(&self, app: &AppName, revision: u64) -> bool {
        self.completed.get(app) == Some(&revision)
    }

    /// The earliest time at which something that is put off may be tried.
    pub(crate) fn next_retry(&self, now: Instant) -> Option<Instant> {
        let retries = self.failures.values().map(|failed| failed.retry_at);
        let shown = self.asked.values().filter_map(|asked| Some(asked.done? + SHOWS_WITHIN));
        let trusted = self.hosts.keys().filter_map(|host| self.trusted_from(host, now));
        retries.chain(shown).chain(trusted).filter(|at| *at > now).min()
    }
}

/// An error with what would help, on one line.
fn told(error: &ControlError) -> String {
    match error.help.as_deref().and_then(|help| help.lines().next()) {
        Some(help) => format!("{error} ({help})"),
        None => error.to_string(),
    }
}

fn shows(target: &Target, asked: &Asked, observed: &Observed) -> bool {
    match target {
        Target::OnHost(host, party) => {
            let Some(host) = observed.hosts.get(host) else {
                return true;
            };
            let seen = match party {
                Party::Actor(name) => host.actors.get(name).map(|actor| (actor.fingerprint, actor.replicas)),
                Party::Provider(name) => host.providers.get(name).map(|provider| (provider.fingerprint, 1)),
            };
            match seen {
                Some((fingerprint, replicas)) => {
                    u64::from(replicas) == asked.amount
                        && (asked.fingerprint.is_none() || fingerprint == asked.fingerprint)
                }
                None => asked.amount == 0,
            }
        }
        Target::Link(link) => observed
            .links
            .get(link)
            .is_some_and(|seen| seen.generation >= asked.amount),
        // It shows as a new revision, which is another application to look at.
        Target::App(_) => false,
    }
}
