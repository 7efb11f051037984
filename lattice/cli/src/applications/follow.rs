//! Asking the leading controller how far an application is, until it is far enough.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::Result;
use lattice_control::{
    AppsProgress, AppsProgressReply, ErrorKind,
    reconcile::{AppPhase, AppProgress},
};
use lattice_core::{AppName, MemberId};

use crate::{
    failure::{Exit, Failure},
    output::Narrator,
    session::Session,
};

/// Between two looks.
const BETWEEN_LOOKS: Duration = Duration::from_millis(150);

/// How long a problem must last before it is told: on the way there, things are missing for a moment.
const PROBLEM_LASTS: Duration = Duration::from_secs(1);

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// Everything runs as it shall.
    Ready,
    /// Nothing is left.
    Deleted,
}

/// Follows one application.
pub(crate) struct Follower<'a> {
    session: &'a Session,
    leader: Option<MemberId>,
}

impl<'a> Follower<'a> {
    pub(crate) fn new(session: &'a Session) -> Self {
        Self { session, leader: None }
    }

    /// How far applications are; none when nobody leads now.
    pub(crate) async fn look(&mut self, apps: &[AppName]) -> Result<Option<AppsProgressReply>> {
        if self.leader.is_none() {
            self.leader = match self.session.client.leader().await {
                // An outage that passes is no reason to give up.
                Err(error) if error.kind == ErrorKind::Unreachable => None,
                outcome => outcome?,
            };
        }
        let Some(leader) = &self.leader else {
            return Ok(None);
        };
        let question = AppsProgress { apps: apps.to_vec() };
        match self.session.client.read(leader, &question).await {
            Ok(reply) if reply.leads => Ok(Some(reply)),
            // It leads no more, or not yet, or is gone: ask again who does.
            Ok(_) | Err(_) => {
                self.leader = None;
                Ok(None)
            }
        }
    }

    /// Waits until this revision, or a later one, has come so far, and tells what goes on meanwhile.
    ///
    /// # Errors
    /// When the revision was taken back, or it takes longer than `within`: says what is stuck and why.
    pub(crate) async fn wait(
        &mut self,
        app: &AppName,
        revision: u64,
        awaited: Awaited,
        within: Duration,
        narrator: &mut Narrator,
    ) -> Result<AppProgress> {
        let until = Instant::now() + within;
        let mut last = None;
        let mut stuck_since: Option<Instant> = None;
        let mut told = BTreeSet::new();
        loop {
            let looking = tokio::time::timeout_at(until.into(), self.look(std::slice::from_ref(app)));
            let reply = looking.await.unwrap_or(Ok(None))?;
            let seen = reply.and_then(|reply| reply.apps.into_iter().next());
            let seen = seen.filter(|progress| progress.revision >= revision);
            if let Some(progress) = &seen {
                if progress.revision > revision {
                    return Err(self.superseded(app, revision, progress).await?.into());
                }
                match (awaited, progress.phase) {
                    (Awaited::Ready, AppPhase::Ready) | (Awaited::Deleted, AppPhase::Deleted) => {
                        return Ok(progress.clone());
                    }
                    (_, AppPhase::Stuck) => drop(stuck_since.get_or_insert_with(Instant::now)),
                    _ => stuck_since = None,
                }
                narrator.step(summary(progress));
                if stuck_since.is_some_and(|since| since.elapsed() >= PROBLEM_LASTS) {
                    let new = progress
                        .problems
                        .iter()
                        .filter(|problem| told.insert((*problem).clone()));
                    new.for_each(|problem| narrator.remark(problem));
                }
            } else {
                narrator.step("waiting for a controller to take it up");
            }
            last = seen.or(last);
            if Instant::now() >= until {
                return Err(too_late(app, revision, within, last.as_ref()).into());
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }

    /// Why another revision counts by now.
    async fn superseded(&self, app: &AppName, revision: u64, progress: &AppProgress) -> Result<Failure> {
        use lattice_core::application::Cause;
        let at = self.session.client.app(app).await?;
        let cause = at
            .and_then(|at| at.revision.ok())
            .map(|verified| verified.revision.cause);
        Ok(match cause {
            Some(Cause::Failed {
                revision: failed,
                to,
                reason,
            }) if failed == revision => Failure::failed(format!(
                "revision {revision} of `{app}` did not become ready, and revision {to} is back in force"
            ))
            .because(reason)
            .help(format!("`lattice app history {app}` shows what happened")),
            _ => Failure::new(
                Exit::Conflict,
                format!(
                    "revision {} of `{app}` has taken the place of revision {revision}",
                    progress.revision
                ),
            )
            .help(format!("`lattice app history {app}` shows who wrote it")),
        })
    }
}

/// How far an application is, on one line.
pub(crate) fn summary(progress: &AppProgress) -> String {
    let actors: Vec<String> = progress
        .actors
        .iter()
        .filter(|actor| actor.ready < actor.wanted || actor.serving != actor.ready)
        .map(|actor| format!("{} {}/{}", actor.name, actor.ready, actor.wanted))
        .collect();
    let providers = progress
        .providers
        .iter()
        .filter(|provider| provider.ready < provider.wanted)
        .map(|provider| format!("{} {}/{}", provider.name, provider.ready, provider.wanted));
    let waits: Vec<String> = actors.into_iter().chain(providers).collect();
    let (ready, all) = (
        progress.actors.iter().map(|actor| actor.ready).sum::<u32>(),
        progress.actors.iter().map(|actor| actor.wanted).sum::<u32>(),
    );
    match waits.len() {
        0 => format!("{ready} of {all} replicas ready"),
        1..=4 => format!("{ready} of {all} replicas ready; waiting for {}", waits.join(", ")),
        more => format!(
            "{ready} of {all} replicas ready; waiting for {} and {} more",
            waits[..3].join(", "),
            more - 3
        ),
    }
}

fn too_late(app: &AppName, revision: u64, within: Duration, last: Option<&AppProgress>) -> Failure {
    let within = lattice_core::text::format_duration(within);
    let Some(progress) = last else {
        return Failure::new(Exit::Timeout, format!("revision {revision} of `{app}` is stored, and nobody took it up within {within}")).help(
            "hosts with a controller's key do: `lattice up` gives it to all of its hosts, `lattice key enroll --controller FILE` to another",
        );
    };
    let problems = match progress.problems.as_slice() {
        [] => summary(progress),
        problems => problems.join("\n       "),
    };
    Failure::new(Exit::Timeout, format!("`{app}` was not ready within {within}"))
        .because(problems)
        .help(format!(
            "it goes on by itself: `lattice app status {app}`, `lattice wait app/{app} --for ready`"
        ))
}
