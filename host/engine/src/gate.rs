//! Who may call an actor now: so many at a time, so many waiting, nobody else.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

/// Admits calls up to a capacity, lets a bounded number wait in order, and refuses the rest at once.
#[derive(Clone)]
pub(crate) struct Gate(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    empty: Notify,
}

struct State {
    capacity: usize,
    queue_max: usize,
    in_flight: usize,
    waiting: VecDeque<oneshot::Sender<Permit>>,
    closed: bool,
}

/// Why a call was not admitted. Nothing of it was run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotAdmitted {
    Full { in_flight: usize, waiting: usize },
    DeadlinePassed,
    Closed,
}

/// A place inside. Dropping it lets the next one in.
pub(crate) struct Permit(Option<Arc<Inner>>);

impl Gate {
    pub(crate) fn new(capacity: usize, queue_max: usize) -> Self {
        let state = State {
            capacity,
            queue_max,
            in_flight: 0,
            waiting: VecDeque::new(),
            closed: false,
        };
        Self(Arc::new(Inner {
            state: Mutex::new(state),
            empty: Notify::new(),
        }))
    }

    /// Waits for a place, if there is room to wait, until `deadline`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the place in the queue.
    pub(crate) async fn enter(&self, deadline: Instant) -> Result<Permit, NotAdmitted> {
        let receiver = {
            let mut state = self.0.state.lock();
            if state.closed {
                return Err(NotAdmitted::Closed);
            }
            if state.in_flight < state.capacity {
                state.in_flight += 1;
                return Ok(Permit(Some(Arc::clone(&self.0))));
            }
            // Those who gave up waiting are still in the queue; they do not count.
            if state.waiting.len() >= state.queue_max {
                state.waiting.retain(|waiter| !waiter.is_closed());
            }
            if state.waiting.len() >= state.queue_max {
                return Err(NotAdmitted::Full {
                    in_flight: state.in_flight,
                    waiting: state.waiting.len(),
                });
            }
            let (sender, receiver) = oneshot::channel();
            state.waiting.push_back(sender);
            receiver
        };
        match tokio::time::timeout_at(deadline.into(), receiver).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(NotAdmitted::Closed),
            Err(_) => Err(NotAdmitted::DeadlinePassed),
        }
    }

    /// Goes in whatever the capacity, for calls that are bounded elsewhere.
    pub(crate) fn join(&self) -> Result<Permit, NotAdmitted> {
        let mut state = self.0.state.lock();
        if state.closed {
            return Err(NotAdmitted::Closed);
        }
        state.in_flight += 1;
        Ok(Permit(Some(Arc::clone(&self.0))))
    }

    /// Goes in even when nobody is admitted any more, to end what was begun.
    pub(crate) fn hold(&self) -> Permit {
        self.0.state.lock().in_flight += 1;
        Permit(Some(Arc::clone(&self.0)))
    }

    /// Changes how many may be inside and wait. Those inside stay.
    pub(crate) fn resize(&self, capacity: usize, queue_max: usize) {
        let mut state = self.0.state.lock();
        (state.capacity, state.queue_max) = (capacity, queue_max);
        self.0.admit(state);
    }

    /// Admits nobody any more; those who wait are refused.
    pub(crate) fn close(&self) {
        let mut state = self.0.state.lock();
        state.closed = true;
        state.waiting.clear();
    }

    /// Waits until nobody is inside.
    pub(crate) async fn emptied(&self) {
        loop {
            let notified = self.0.empty.notified();
            if self.0.state.lock().in_flight == 0 {
                return;
            }
            notified.await;
        }
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.0.state.lock().in_flight
    }

    pub(crate) fn waiting(&self) -> usize {
        self.0
            .state
            .lock()
            .waiting
            .iter()
            .filter(|waiter| !waiter.is_closed())
            .count()
    }

    pub(crate) fn capacity(&self) -> usize {
        self.0.state.lock().capacity
    }
}

impl Inner {
    /// Hands free places to those who wait. Takes the lock with it, since a permit that nobody takes needs the lock again.
    fn admit(self: &Arc<Self>, mut state: parking_lot::MutexGuard<'_, State>) {
        while state.in_flight < state.capacity {
            let Some(waiter) = state.waiting.pop_front() else { break };
            state.in_flight += 1;
            if let Err(mut refused) = waiter.send(Permit(Some(Arc::clone(self)))) {
                refused.0 = None;
                state.in_flight -= 1;
            }
        }
        if state.in_flight == 0 {
            self.empty.notify_waiters();
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(inner) = self.0.take() {
            let mut state = inner.state.lock();
            state.in_flight -= 1;
            inner.admit(state);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[tokio::test]
    async fn admits_queues_and_refuses() {
        let gate = Gate::new(1, 1);
        let first = gate.enter(soon()).await.expect("there is room");
        let second = tokio::spawn({
            let gate = gate.clone();
            async move { gate.enter(soon()).await.map(drop) }
        });
        while gate.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        let third = gate.enter(soon()).await.map(drop);
        assert_eq!(
            third,
            Err(NotAdmitted::Full {
                in_flight: 1,
                waiting: 1
            })
        );
        drop(first);
        assert_eq!(second.await.expect("runs"), Ok(()));
        gate.emptied().await;
    }

    #[tokio::test]
    async fn who_gave_up_waiting_leaves_the_queue() {
        let gate = Gate::new(1, 1);
        let first = gate.enter(soon()).await.expect("there is room");
        let passed = gate.enter(Instant::now()).await.map(drop);
        assert_eq!(passed, Err(NotAdmitted::DeadlinePassed));
        assert_eq!(gate.waiting(), 0);
        let again = tokio::spawn({
            let gate = gate.clone();
            async move { gate.enter(soon()).await.map(drop) }
        });
        while gate.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        drop(first);
        assert_eq!(again.await.expect("runs"), Ok(()));
        assert_eq!(gate.in_flight(), 0);
    }

    #[tokio::test]
    async fn shrinking_lets_those_inside_finish_and_growing_admits() {
        let gate = Gate::new(2, 4);
        let (one, two) = (
            gate.enter(soon()).await.expect("room"),
            gate.enter(soon()).await.expect("room"),
        );
        gate.resize(1, 4);
        drop(one);
        assert_eq!(
            gate.enter(Instant::now()).await.map(drop),
            Err(NotAdmitted::DeadlinePassed)
        );
        gate.resize(2, 4);
        let three = gate.enter(soon()).await.expect("grew");
        drop((two, three));
        assert_eq!(gate.in_flight(), 0);
    }

    #[tokio::test]
    async fn a_closed_gate_refuses_everybody() {
        let gate = Gate::new(1, 1);
        let inside = gate.enter(soon()).await.expect("room");
        let waiting = tokio::spawn({
            let gate = gate.clone();
            async move { gate.enter(soon()).await.map(drop) }
        });
        while gate.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        gate.close();
        assert_eq!(waiting.await.expect("runs"), Err(NotAdmitted::Closed));
        assert_eq!(gate.enter(soon()).await.map(drop), Err(NotAdmitted::Closed));
        assert_eq!(gate.join().map(drop), Err(NotAdmitted::Closed));
        drop(inside);
        gate.emptied().await;
    }
}
