//! Finding somebody to call: any member that runs the target.

use std::time::Duration;

use lattice_core::{Fault, MemberId, Party};

use super::attempt::Attempt;
use super::{Invoker, nobody};
use crate::directory::{Candidate, DirectoryChange};
use crate::pick::{Load, pick};
use crate::spans::Done;
use crate::wire::CallRoute;
use crate::{OutgoingCall, Reply, dice};

/// Members tried for one call. When so many refuse, one more will not help.
const ATTEMPTS_MAX: usize = 5;
/// How long a call whose target seems to be nowhere waits for the directory: an actor on the move is announced at its new place before it is
/// taken away from the old one, and the two announcements may overtake each other.
const SETTLE: Duration = Duration::from_secs(1);

impl Invoker {
    /// Calls the target of `call` wherever it runs, but not at `exclude`. Tries elsewhere only when it is certain that nothing ran.
    pub(crate) async fn invoke_any(&self, call: OutgoingCall, exclude: &[MemberId]) -> Result<Reply, Fault> {
        let (making, attempt) = self.prepare(call);
        let work = async { self.invoke_somewhere(attempt?, &making.route, exclude).await };
        let outcome = work.await;
        Ok(making.end(outcome.map(|done| (done, ())))?.0)
    }

    async fn invoke_somewhere(&self, attempt: Attempt, route: &CallRoute, exclude: &[MemberId]) -> Result<Done, Fault> {
        let mut changes = self.directory.changes();
        let mut tried: Vec<MemberId> = exclude.to_vec();
        let mut settled = false;
        let mut last: Option<Fault> = None;
        let mut failed = false;
        while tried.len() - exclude.len() < ATTEMPTS_MAX {
            let hint = last.as_ref().and_then(|fault| fault.moved_to.clone());
            let Some(next) = self.choose(route, &tried, hint) else {
                let fault = last.take().unwrap_or_else(|| nobody(&route.target));
                // Everybody was busy: then that is the answer. Somebody was there and is not: then it may just be on its way.
                let moving = fault.kind.is_redirect();
                let known = tried.len() > exclude.len() || self.directory.is_running(&route.target);
                if settled || !moving || !known {
                    return Err(fault);
                }
                settled = !self.wait_for_news(&attempt, &route.target, &mut changes).await;
                tried.truncate(exclude.len());
                last = Some(fault);
                continue;
            };
            tried.push(next.address.member.clone());
            match self.try_at(&attempt, &next.address).await {
                Err(fault) if fault.is_safe_to_retry() && attempt.is_whole() => {
                    tracing::debug!(member = %next.address.member, %fault, "trying elsewhere");
                    failed |= !fault.kind.is_redirect();
                    last = Some(fault);
                }
                done => return done.map(|done| done.after_failures(failed)),
            }
        }
        Err(last.unwrap_or_else(|| nobody(&route.target)))
    }

    fn choose(&self, route: &CallRoute, tried: &[MemberId], hint: Option<MemberId>) -> Option<Candidate> {
        if let Some(hint) = hint.filter(|hint| !tried.contains(hint))
            && let Some(known) = self.directory.get(&hint)
        {
            return Some(Candidate {
                address: known.address(),
                load: Load {
                    in_flight: 0,
                    capacity: 1,
                },
            });
        }
        let mut candidates = self.directory.candidates(&route.target);
        candidates.retain(|candidate| !tried.contains(&candidate.address.member));
        let links = self.links.current();
        if let Some(key) = links.get(&route.link).and_then(|link| link.target_key.as_ref()) {
            candidates.retain(|candidate| candidate.address.member.as_str() == key.as_str());
        }
        let loads: Vec<Load> = candidates.iter().map(|candidate| self.load(candidate)).collect();
        pick(&loads, dice::roll()).map(|index| candidates.swap_remove(index))
    }

    /// What the candidate last said of itself, or what we have given it since, whichever is more.
    fn load(&self, candidate: &Candidate) -> Load {
        let ours = self.peers.in_flight(&candidate.address.member);
        Load {
            in_flight: candidate.load.in_flight.max(ours),
            ..candidate.load
        }
    }

    /// Waits until the directory says something new about the target; false when it does not in time.
    async fn wait_for_news(
        &self,
        attempt: &Attempt,
        target: &Party,
        changes: &mut tokio::sync::broadcast::Receiver<DirectoryChange>,
    ) -> bool {
        let Ok(left) = attempt.remaining() else { return false };
        let news = async {
            loop {
                match changes.recv().await {
                    Ok(change) if !change.member().runs(target) => {}
                    Ok(_) | Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => return true,
                    Err(tokio::sync::broadcast::error::RecvError::Closed) => return false,
                }
            }
        };
        tokio::time::timeout(SETTLE.min(left), news).await.unwrap_or(false)
    }
}
