//! What goes wrong.

use std::fmt;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Result;

use crate::field::Field;

/// A fault, by what it strikes. The source has the actors, the target is where they move to, and callers come in at the fronts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Fault {
    KillSource,
    KillTarget,
    KillFront,
    KillNatsFollower,
    KillNatsLeader,
    CutSource,
    CutTarget,
    StallSource,
    FreezeSource,
    FreezeTarget,
    /// Answers get lost between front and client, who makes the call again.
    LoseAnswers,
}

/// Who is who in a round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Roles {
    pub(crate) source: usize,
    pub(crate) target: usize,
    pub(crate) front: usize,
    /// The nats-server that leads the stream of the actor.
    pub(crate) leader: usize,
}

impl Fault {
    pub(crate) const ALL: [Self; 11] = [
        Self::KillSource,
        Self::KillTarget,
        Self::KillFront,
        Self::KillNatsFollower,
        Self::KillNatsLeader,
        Self::CutSource,
        Self::CutTarget,
        Self::StallSource,
        Self::FreezeSource,
        Self::FreezeTarget,
        Self::LoseAnswers,
    ];

    /// How long it lasts.
    pub(crate) fn lasts(self) -> Duration {
        Duration::from_secs(match self {
            // Longer than leases, staging and every deadline of a move.
            Self::FreezeSource => 20,
            Self::FreezeTarget => 6,
            _ => 4,
        })
    }

    /// Makes it happen.
    pub(crate) fn strike(self, field: &mut Field, roles: Roles) {
        let members = field.cluster.members.len();
        match self {
            Self::KillSource => field.workers[roles.source].kill(),
            Self::KillTarget => field.workers[roles.target].kill(),
            Self::KillFront => field.fronts[roles.front].kill(),
            Self::KillNatsFollower => field.cluster.members[(roles.leader + 1) % members].kill(),
            Self::KillNatsLeader => field.cluster.members[roles.leader].kill(),
            Self::CutSource => field.workers[roles.source].cut(),
            Self::CutTarget => field.workers[roles.target].cut(),
            Self::StallSource => field.workers[roles.source].stall(),
            Self::FreezeSource => field.workers[roles.source].pause(),
            Self::FreezeTarget => field.workers[roles.target].pause(),
            Self::LoseAnswers => field.losing.store(true, Ordering::Relaxed),
        }
    }

    /// Ends it, whatever it was.
    pub(crate) async fn heal(field: &mut Field) -> Result<()> {
        field.losing.store(false, Ordering::Relaxed);
        for member in &mut field.cluster.members {
            member.resume();
            if !member.process().is_running() {
                member.restart().await;
            }
        }
        for host in field.workers.iter_mut().chain(&mut field.fronts) {
            host.heal().await?;
        }
        Ok(())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::KillSource => "kill source",
            Self::KillTarget => "kill target",
            Self::KillFront => "kill front",
            Self::KillNatsFollower => "kill NATS follower",
            Self::KillNatsLeader => "kill NATS leader",
            Self::CutSource => "cut source-NATS",
            Self::CutTarget => "cut target-NATS",
            Self::StallSource => "stall source-NATS",
            Self::FreezeSource => "freeze source 20 s",
            Self::FreezeTarget => "freeze target 6 s",
            Self::LoseAnswers => "lose answers",
        })
    }
}
