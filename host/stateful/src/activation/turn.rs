//! Running one turn.

use std::time::Instant;

use lattice_core::stateful::{Effects, Refusal, derived_id};
use lattice_core::{Durability, Fault, FaultKind, InvocationId};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::gate::Held;
use super::{Activation, Delivery, End, HOUSEKEEPING};
use crate::ports::{Answer, Call, Turn};
use crate::record::{Due, Known};
use crate::session::Lease;

/// How long a reminder waits that the actor could not take.
const PUT_OFF_MS: u64 = 1_000;

impl Activation {
    /// Runs a call, or answers it without, if it has run before.
    pub(super) async fn take(&mut self, delivery: Delivery) -> Result<(), End> {
        let Delivery { call, answer, .. } = delivery;
        // Nobody waits any more. It has not been begun, so that it never happened.
        if answer.is_closed() {
            return Ok(());
        }
        self.last_used = Instant::now();
        let now_ms = Self::now_ms();
        let address = &call.address;
        let Some(answer) = self.attach(address.call, answer) else {
            return Ok(());
        };
        self.now.answers.hear(&address.lane, now_ms);
        match self.now.answers.look_up(address.call, &address.lane) {
            Known::New => {}
            Known::Answered(known) => {
                let held = Held {
                    call: None,
                    answer: known.clone(),
                    waiting: vec![answer],
                };
                self.release_read(held);
                return Ok(());
            }
            Known::Lost => {
                let fault = format!("`{}` has served this call; its answer was too long to keep", self.actor);
                let _ = answer.send(Err(Fault::new(FaultKind::Unreachable, fault)));
                return Ok(());
            }
            Known::Settled => {
                let fault = "an answer to this call was taken already";
                let _ = answer.send(Err(Fault::new(FaultKind::Cancelled, fault)));
                return Ok(());
            }
        }
        if call.deadline <= Instant::now() {
            let fault = format!("the deadline passed while the call waited for `{}`", self.actor);
            let _ = answer.send(Err(Fault::new(FaultKind::Overloaded, fault)));
            return Ok(());
        }
        let turn = self.turn_of(&call, now_ms);
        match self.instance.serve(&call, turn).await {
            Ok((given, effects)) => {
                let held = Held {
                    call: Some((address.call, address.lane)),
                    answer: given,
                    waiting: vec![answer],
                };
                self.ran(held, effects, now_ms);
                Ok(())
            }
            Err(fault) => self.failed(fault, answer),
        }
    }

    /// Fires what is due, and says when the next reminder is.
    pub(super) async fn look(&mut self, next: oneshot::Sender<Option<u64>>) -> Result<(), End> {
        let fired = self.fire_due().await;
        self.indexed_ms = self.now.look_ms(Self::now_ms());
        // Nobody waits when whoever asked is gone.
        let _ = next.send(self.indexed_ms);
        fired
    }

    /// Runs the reminder that is due longest, if any is.
    pub(super) async fn fire_due(&mut self) -> Result<(), End> {
        let now_ms = Self::now_ms();
        let Some(due) = self.now.reminders.due(now_ms).filter(|_| self.may_run()) else {
            return Ok(());
        };
        let turn = Turn {
            id: derived_id(&format!("reminder {} {} {}", self.actor, due.name, due.due_ms)),
            deadline: Instant::now() + self.kind.limits().deadline(),
            invocation: InvocationId::from(Uuid::new_v4()),
            trace: None,
            sender: None,
            chain: vec![self.actor.clone()],
            now_ms,
        };
        match self.instance.fire(&due, turn).await {
            Ok((outcome, effects)) => {
                self.heard(&due, outcome, now_ms);
                let held = Held {
                    call: None,
                    answer: Answer::default(),
                    waiting: Vec::new(),
                };
                self.ran(held, effects, now_ms);
                Ok(())
            }
            Err(fault) => {
                self.warn("a reminder failed", &fault);
                self.now.reminders.put_off(&due, now_ms + PUT_OFF_MS);
                self.owes = true;
                self.check_alive("it died of a reminder")
            }
        }
    }

    fn heard(&mut self, due: &Due, outcome: Result<(), Refusal>, now_ms: u64) {
        self.owes = true;
        match outcome {
            Ok(()) => self.now.reminders.heard(due, now_ms),
            Err(Refusal::Transient(why)) => {
                tracing::debug!(actor = %self.actor, reminder = %due.name, why, "put off");
                self.now.reminders.put_off(due, now_ms + PUT_OFF_MS);
            }
            Err(refusal) => {
                self.warn("a reminder was refused and is dropped", &refusal);
                self.now.reminders.heard(due, now_ms);
            }
        }
    }

    /// Takes in what a turn has done, and lets its answer go or holds it.
    fn ran(&mut self, held: Held, effects: Effects, now_ms: u64) {
        let Effects {
            cells,
            sends,
            reminders,
        } = effects;
        self.place.weigh(self.instance.memory_bytes());
        self.unsaved |= !cells.is_empty();
        self.owes |= !sends.is_empty() || !reminders.is_empty();
        for (key, value) in cells {
            match value {
                Some(value) => drop(self.state.cells.insert(key, value)),
                None => drop(self.state.cells.remove(&key)),
            }
        }
        let epoch = self.now.epoch;
        sends.into_iter().for_each(|send| self.now.outbox.push(send, epoch));
        reminders
            .into_iter()
            .for_each(|change| self.now.reminders.apply(change, now_ms));
        match self.kind.policy().durability {
            Durability::Commit => self.ahead.push(held),
            Durability::Checkpoint(_) | Durability::Volatile => {
                // What its state is now is not asked: it is written down when it is stored.
                self.dirty_since.get_or_insert_with(Instant::now);
                if let Some((call, lane)) = &held.call {
                    self.now.answers.keep(*call, lane, &held.answer, now_ms);
                }
                self.letters.post(self.now.outbox.waiting());
                self.release_at(held, Lease::Slow);
            }
        }
    }

    /// A turn failed. What it did has not happened; if the instance died of it, neither has anything that is not stored.
    fn failed(&mut self, fault: Fault, answer: oneshot::Sender<Result<Answer, Fault>>) -> Result<(), End> {
        let _ = answer.send(Err(fault));
        self.check_alive("its instance died")
    }

    pub(crate) fn check_alive(&self, why: &'static str) -> Result<(), End> {
        if self.instance.is_dead() {
            Err(End::Lost(why))
        } else {
            Ok(())
        }
    }

    /// Lets an answer go that rests on nothing but what is stored.
    pub(super) fn release_read(&self, held: Held) {
        let lease = match self.kind.policy().durability {
            Durability::Commit => Lease::Fast,
            Durability::Checkpoint(_) | Durability::Volatile => Lease::Slow,
        };
        self.release_at(held, lease);
    }

    fn release_at(&self, held: Held, lease: Lease) {
        held.release_when_vouched(&self.actor, &self.shared, self.standing.id, lease);
    }

    /// Lets a call that came twice wait for the turn that runs for it already. Gives back what waits for none.
    fn attach(
        &mut self,
        call: Uuid,
        answer: oneshot::Sender<Result<Answer, Fault>>,
    ) -> Option<oneshot::Sender<Result<Answer, Fault>>> {
        let storing = self.storing.iter_mut().flat_map(|storing| &mut storing.batch);
        let same = |held: &&mut Held| held.call.is_some_and(|(known, _)| known == call);
        match self.ahead.iter_mut().chain(storing).find(same) {
            Some(held) => {
                held.waiting.push(answer);
                None
            }
            None => Some(answer),
        }
    }

    fn turn_of(&self, call: &Call, now_ms: u64) -> Turn {
        let mut chain = call.address.chain.clone();
        chain.push(self.actor.clone());
        Turn {
            id: call.address.call,
            deadline: call.deadline.min(Instant::now() + self.kind.limits().deadline()),
            invocation: call.invocation,
            trace: call.trace.clone(),
            sender: call.sender.clone(),
            chain,
            now_ms,
        }
    }

    pub(super) fn housekeeping() -> Instant {
        Instant::now() + HOUSEKEEPING
    }
}
