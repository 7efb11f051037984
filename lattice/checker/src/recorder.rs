//! What clients write down while they run.

use std::time::Instant;

use parking_lot::Mutex;

use crate::history::History;
use crate::op::{Client, Op, OpId, Operation, Outcome};

/// Takes down what many clients do at once. Share it by reference or in an `Arc`.
///
/// An operation that nobody ends is unknown, so a client may be dropped, cancelled or killed at any time.
#[derive(Debug)]
pub struct Recorder<O: Operation> {
    started: Instant,
    ops: Mutex<Vec<Op<O>>>,
}

impl<O: Operation> Recorder<O> {
    /// Starts the clock.
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
            ops: Mutex::default(),
        }
    }

    /// Takes down that a client is about to do something. To be called before the request leaves.
    pub fn begin(&self, client: Client, key: impl Into<String>, what: O) -> OpId {
        let key = key.into();
        // Read before the lock is waited for: an operation that seems longer than it was is judged too mildly, never wrongly.
        let begun_ns = self.now_ns();
        let mut ops = self.ops.lock();
        let id = OpId(ops.len() as u64);
        ops.push(Op {
            id,
            client,
            key,
            what,
            begun_ns,
            ended_ns: None,
            outcome: Outcome::Unknown,
        });
        id
    }

    /// Takes down an answer. It may still come after [`unknown`](Self::unknown).
    ///
    /// # Panics
    /// When the operation has had its outcome already, or another recorder named it.
    pub fn ok(&self, id: OpId, answer: O::Answer) {
        self.end(id, Outcome::Ok(answer));
    }

    /// Takes down that an operation did not happen and never will. Where that is not sure, it is [`unknown`](Self::unknown).
    ///
    /// # Panics
    /// As [`ok`](Self::ok).
    pub fn failed(&self, id: OpId) {
        self.end(id, Outcome::Failed);
    }

    /// Takes down that the client gave up waiting.
    ///
    /// # Panics
    /// As [`ok`](Self::ok).
    pub fn unknown(&self, id: OpId) {
        self.end(id, Outcome::Unknown);
    }

    /// What was taken down so far. What is still under way is unknown in it.
    pub fn history(&self) -> History<O> {
        History::new(self.ops.lock().clone())
    }

    fn end(&self, id: OpId, outcome: Outcome<O::Answer>) {
        // Here it is the other way round: the answer was there before this moment.
        let ended_ns = self.now_ns();
        let mut ops = self.ops.lock();
        let op = usize::try_from(id.0).ok().and_then(|index| ops.get_mut(index));
        let op = op.expect("an operation is ended at the recorder where it began");
        assert!(op.is_unknown(), "operation {id} has ended already: end each once");
        op.ended_ns = Some(ended_ns);
        op.outcome = outcome;
    }

    fn now_ns(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

impl<O: Operation> Default for Recorder<O> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counter::CounterOp;

    #[test]
    fn clients_record_at_once() {
        let recorder = Recorder::new();
        std::thread::scope(|scope| {
            for client in 0..8 {
                let recorder = &recorder;
                scope.spawn(move || {
                    for _ in 0..100 {
                        let id = recorder.begin(client, "a", CounterOp::Get);
                        recorder.ok(id, 0);
                    }
                });
            }
        });
        let history = recorder.history();
        assert_eq!(history.ops().len(), 800);
        assert!(history.ops().is_sorted_by_key(|op| op.begun_ns));
        assert!(
            history
                .ops()
                .iter()
                .all(|op| op.ended_ns.is_some_and(|ended_ns| ended_ns >= op.begun_ns))
        );
    }

    #[test]
    fn a_late_answer_counts_and_nobody_ended_is_unknown() {
        let recorder = Recorder::new();
        let late = recorder.begin(1, "a", CounterOp::Add(1));
        let never = recorder.begin(1, "a", CounterOp::Add(1));
        recorder.unknown(late);
        recorder.ok(late, 1);
        let history = recorder.history();
        assert_eq!(history.get(late).expect("recorded").outcome, Outcome::Ok(1));
        assert_eq!(history.get(never).expect("recorded").outcome, Outcome::Unknown);
    }

    #[test]
    #[should_panic(expected = "has ended already")]
    fn an_operation_ends_once() {
        let recorder = Recorder::new();
        let id = recorder.begin(1, "a", CounterOp::Add(1));
        recorder.ok(id, 1);
        recorder.failed(id);
    }
}
