//! What an actor logs, gathered from all hosts: what they keep, and what comes.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use anyhow::Result;
use lattice_bus::{Message, Subscription};
use lattice_control::{LogBatch, LogLine, Logs, MemberSummary};
use lattice_core::{
    Incarnation, MemberId,
    presence::MemberKind,
    subject::{self, Purpose, Subject},
};

use crate::{session::Session, views::Logged};

/// Messages of lines that wait to be printed. When full, further ones are lost, which is told.
const QUEUE: usize = 4096;

/// How often hosts are told that we still follow. Well within the time that they go on by themselves, and soon enough for hosts that come.
const RENEWED_EVERY: Duration = Duration::from_secs(4);

/// What was found when all hosts were asked.
pub(crate) struct Found {
    /// The lines, by time.
    pub(crate) lines: Vec<Logged>,
    /// The hosts on which the actor runs.
    pub(crate) runs_on: Vec<MemberSummary>,
}

/// Asks these hosts what they keep.
pub(crate) async fn gather(session: &Session, hosts: &[MemberSummary], wanted: &Logs, seen: &mut Seen) -> Found {
    let (mut lines, mut runs_on) = (Vec::new(), Vec::new());
    for (host, reply) in session.client.read_each(hosts, wanted).await {
        let Ok(reply) = reply else { continue };
        for line in reply.lines {
            if seen.is_new(&host, line.number) {
                lines.push(Logged {
                    host: host.name.clone(),
                    line,
                });
            }
        }
        if reply.runs {
            runs_on.push(host);
        }
    }
    // Stable: lines of one host stay in their order.
    lines.sort_by_key(|logged| logged.line.at_ms);
    let tail = usize::try_from(wanted.tail).unwrap_or(usize::MAX);
    lines.drain(..lines.len().saturating_sub(tail));
    Found { lines, runs_on }
}

/// Which lines of each host were seen, so that none that is both kept and passed on is seen twice.
#[derive(Default)]
pub(crate) struct Seen(HashMap<(MemberId, Incarnation), u64>);

impl Seen {
    /// Whether a line of a host was not seen yet; from now on it was. Of one run of a host, numbers only grow.
    fn is_new(&mut self, host: &MemberSummary, number: u64) -> bool {
        let last = self.0.entry((host.member.clone(), host.incarnation)).or_default();
        let is_new = number > *last;
        *last = number.max(*last);
        is_new
    }
}

/// Follows an actor on all hosts.
pub(crate) struct Following {
    wanted: Logs,
    /// Only on this host.
    only: Option<MemberId>,
    lines: Subscription,
    lost: u64,
    hosts: BTreeMap<MemberId, MemberSummary>,
    seen: Seen,
}

impl Following {
    /// Begins to listen. Lines come once hosts are asked, by [`Following::renew`].
    pub(crate) async fn start(session: &Session, wanted: Logs, only: Option<MemberId>) -> Result<Self> {
        let lines = subject::log_of_all(session.client.lattice(), &wanted.actor);
        let lines = session.client.bus().subscribe(lines, None, QUEUE).await?;
        Ok(Self {
            wanted: Logs { follow: true, ..wanted },
            only,
            lines,
            lost: 0,
            hosts: BTreeMap::new(),
            seen: Seen::default(),
        })
    }

    /// Asks all hosts to pass lines on, and returns what they keep that was not seen yet.
    pub(crate) async fn renew(&mut self, session: &Session) -> Result<Found> {
        let mut hosts = session.members().await?;
        hosts
            .retain(|host| host.kind == MemberKind::Host && self.only.as_ref().is_none_or(|only| host.member == *only));
        let found = gather(session, &hosts, &self.wanted, &mut self.seen).await;
        self.hosts = hosts.into_iter().map(|host| (host.member.clone(), host)).collect();
        Ok(found)
    }

    /// Whether there are several hosts that the actor may log on.
    pub(crate) fn spans_hosts(&self) -> bool {
        self.hosts.len() > 1
    }

    /// What comes next: lines, or how many were lost.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<Heard> {
        loop {
            let message = self.lines.recv().await?;
            let heard = self.take(&message);
            if heard.lost > 0 || !heard.lines.is_empty() {
                return Some(heard);
            }
        }
    }

    fn take(&mut self, message: &Message) -> Heard {
        let mut heard = Heard::default();
        let from = Subject::parse(&message.subject).map(|subject| subject.purpose);
        // Whoever may publish there may publish anything; only a host that is there is believed to be one.
        let (Some(Purpose::Log(member, _)), Ok(batch)) = (from, serde_json::from_slice::<LogBatch>(&message.payload))
        else {
            return heard;
        };
        let Some(host) = self.hosts.get(&member) else {
            return heard;
        };
        let here = self.lines.dropped();
        heard.lost = batch.dropped + here - self.lost;
        self.lost = here;
        for line in batch.lines {
            if line.actor == self.wanted.actor && self.seen.is_new(host, line.number) && fits(&line, &self.wanted) {
                heard.lines.push(Logged {
                    host: host.name.clone(),
                    line,
                });
            }
        }
        heard
    }
}

/// What came.
#[derive(Default)]
pub(crate) struct Heard {
    /// Lines.
    pub(crate) lines: Vec<Logged>,
    /// How many were lost before them.
    pub(crate) lost: u64,
}

/// Whether a line that was passed on is one that was asked for.
fn fits(line: &LogLine, wanted: &Logs) -> bool {
    line.level >= wanted.level && (wanted.key.is_none() || line.key == wanted.key)
}

/// When to ask hosts again.
pub(crate) fn renewals() -> tokio::time::Interval {
    let mut renewals = tokio::time::interval(RENEWED_EVERY);
    renewals.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    renewals
}
