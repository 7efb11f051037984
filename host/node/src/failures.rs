//! Calls that ended by an actor's own fault, told as events: the first at once, those that follow together.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use lattice_core::event::names;
use lattice_core::{ActorName, Blame, Fault, FaultKind, Party};
use lattice_mesh::Events;
use parking_lot::Mutex;
use serde_json::json;

use crate::tasks::Tasks;

/// At most one event for an actor and a reason within this time.
const TOGETHER: Duration = Duration::from_secs(10);

/// Actors and reasons that are remembered. Beyond them failures go untold until others have been forgotten, which takes no longer than
/// [`TOGETHER`].
const REASONS_MAX: usize = 4096;

/// Counts failures, and tells them.
pub(crate) struct Failures {
    events: Events,
    tally: Mutex<Tally>,
}

impl Failures {
    pub(crate) fn new(events: Events) -> Self {
        Self {
            events,
            tally: Mutex::default(),
        }
    }

    /// Takes note of how a call ended, if that was the actor's fault.
    pub(crate) fn note(&self, actor: &ActorName, fault: &Fault) {
        if !is_the_actors(fault) {
            return;
        }
        let told = self.tally.lock().note(actor, fault, Instant::now());
        if let Some(failed) = told {
            self.tell(failed);
        }
    }

    /// As [`Failures::note`], for what the call came to.
    pub(crate) fn noted<T>(&self, actor: &ActorName, outcome: Result<T, Fault>) -> Result<T, Fault> {
        if let Err(fault) = &outcome {
            self.note(actor, fault);
        }
        outcome
    }

    /// Starts to tell what was held back.
    pub(crate) fn keep_telling(self: &std::sync::Arc<Self>, tasks: &Tasks) {
        let (failures, stop) = (std::sync::Arc::clone(self), tasks.stopping());
        tasks.spawn("tell failures", async move {
            let mut due = tokio::time::interval(TOGETHER);
            while stop.run_until_cancelled(due.tick()).await.is_some() {
                let held_back = failures.tally.lock().due(Instant::now());
                for failed in held_back {
                    failures.tell(failed);
                }
            }
        });
    }

    fn tell(&self, failed: Failed) {
        let about = Party::Actor(failed.actor).to_string();
        let data = json!({ "kind": failed.kind, "reason": failed.message, "count": failed.count });
        self.events.tell(names::ACTOR_FAILED, Some(about), data);
    }
}

/// Whether it is the component that has to change, or its limits.
fn is_the_actors(fault: &Fault) -> bool {
    match fault.kind {
        FaultKind::Trap | FaultKind::LimitMemory | FaultKind::Overloaded => true,
        FaultKind::DeadlineExceeded => fault.blame == Blame::Guest,
        _ => false,
    }
}

/// Failures to be told.
#[derive(Debug, PartialEq, Eq)]
struct Failed {
    actor: ActorName,
    kind: FaultKind,
    message: String,
    count: u64,
}

/// What was told when, and what was not. Pure.
#[derive(Default)]
struct Tally(HashMap<(ActorName, FaultKind), Told>);

struct Told {
    at: Instant,
    untold: u64,
    message: String,
}

impl Tally {
    /// Counts a failure; returns what to tell now.
    fn note(&mut self, actor: &ActorName, fault: &Fault, now: Instant) -> Option<Failed> {
        let key = (actor.clone(), fault.kind);
        if let Some(told) = self.0.get_mut(&key) {
            told.untold += 1;
            told.message.clone_from(&fault.message);
            return None;
        }
        if self.0.len() >= REASONS_MAX {
            return None;
        }
        let told = Told {
            at: now,
            untold: 0,
            message: String::new(),
        };
        self.0.insert(key, told);
        Some(Failed {
            actor: actor.clone(),
            kind: fault.kind,
            message: fault.message.clone(),
            count: 1,
        })
    }

    /// Returns what was held back for long enough, and forgets what has come to rest.
    fn due(&mut self, now: Instant) -> Vec<Failed> {
        let is_due = |told: &Told| now.saturating_duration_since(told.at) >= TOGETHER;
        self.0.retain(|_, told| told.untold > 0 || !is_due(told));
        let due = self.0.iter_mut().filter(|(_, told)| told.untold > 0 && is_due(told));
        due.map(|((actor, kind), told)| {
            told.at = now;
            Failed {
                actor: actor.clone(),
                kind: *kind,
                message: std::mem::take(&mut told.message),
                count: std::mem::take(&mut told.untold),
            }
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_is_told_at_once_and_the_rest_together() {
        let (mut tally, start) = (Tally::default(), Instant::now());
        let actor: ActorName = "hello".parse().expect("a name");
        let trap = Fault::new(FaultKind::Trap, "unreachable");
        let counts = |told: Vec<Failed>| told.iter().map(|failed| failed.count).collect::<Vec<_>>();
        assert_eq!(tally.note(&actor, &trap, start).map(|failed| failed.count), Some(1));
        for _ in 0..41 {
            assert_eq!(tally.note(&actor, &trap, start), None);
        }
        let memory = Fault::new(FaultKind::LimitMemory, "more than 1 MiB");
        assert!(tally.note(&actor, &memory, start).is_some(), "another reason");
        assert_eq!(counts(tally.due(start + TOGETHER / 2)), [] as [u64; 0]);
        assert_eq!(counts(tally.due(start + TOGETHER)), [41]);
        assert_eq!(tally.0.len(), 1, "memory came to rest");
        assert_eq!(counts(tally.due(start + TOGETHER * 2)), [] as [u64; 0]);
        assert!(
            tally.note(&actor, &trap, start + TOGETHER * 2).is_some(),
            "forgotten by now"
        );
    }

    #[test]
    fn what_others_did_is_not_the_actors_failure() {
        let late = Fault::new(FaultKind::DeadlineExceeded, "late");
        for (fault, expect) in [
            (Fault::new(FaultKind::Trap, "x"), true),
            (Fault::new(FaultKind::Denied, "x"), false),
            (Fault::new(FaultKind::Draining, "x"), false),
            (late.clone().blaming(Blame::Guest), true),
            (late.blaming(Blame::Lattice), false),
        ] {
            assert_eq!(is_the_actors(&fault), expect, "{fault:?}");
        }
    }
}
