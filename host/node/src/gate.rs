//! Counts the calls inside something that will one day have to stop.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// The top bit says "closed"; the rest counts the calls inside.
const CLOSED: usize = 1 << (usize::BITS - 1);

/// A door that calls pass on their way in, and that can be shut once and for all.
///
/// Entering is one atomic addition. After [`Gate::close`] nobody enters any more, so the count only falls, and
/// [`Gate::emptied`] returns when the last call has left. That is what makes a drain exact: there is no moment in which
/// a call is neither counted nor refused.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: AtomicUsize,
    left: Notify,
}

impl Gate {
    /// Lets one more call in, or refuses because the gate is closed. Who was let in has to [`leave`](Self::leave).
    #[must_use]
    pub(crate) fn enter(&self) -> bool {
        let before = self.state.fetch_add(1, Ordering::AcqRel);
        if before & CLOSED == 0 {
            return true;
        }
        self.leave();
        false
    }

    /// Counts one call out.
    pub(crate) fn leave(&self) {
        if self.state.fetch_sub(1, Ordering::AcqRel) == CLOSED | 1 {
            self.left.notify_waiters();
        }
    }

    /// Shuts the gate.
    pub(crate) fn close(&self) {
        self.state.fetch_or(CLOSED, Ordering::AcqRel);
        self.left.notify_waiters();
    }

    /// How many calls are inside now.
    pub(crate) fn inside(&self) -> usize {
        self.state.load(Ordering::Acquire) & !CLOSED
    }

    /// Returns when the gate is closed and the last call has left.
    ///
    /// Cancel safety: keeps nothing, call it again.
    pub(crate) async fn emptied(&self) {
        loop {
            let left = self.left.notified();
            tokio::pin!(left);
            // Registers before looking, so that a call leaving in between is not missed.
            left.as_mut().enable();
            if self.state.load(Ordering::Acquire) == CLOSED {
                return;
            }
            left.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::time::Duration;

    #[test]
    fn an_open_gate_counts_who_is_inside() {
        let gate = Gate::default();
        assert!(gate.enter() && gate.enter());
        assert_eq!(gate.inside(), 2);
        gate.leave();
        assert_eq!(gate.inside(), 1);
    }

    #[test]
    fn a_closed_gate_lets_nobody_in_and_keeps_the_count() {
        let gate = Gate::default();
        assert!(gate.enter());
        gate.close();
        assert!(!gate.enter());
        assert_eq!(gate.inside(), 1);
        gate.leave();
        assert_eq!(gate.inside(), 0);
    }

    #[tokio::test]
    async fn emptied_waits_for_the_last_call() {
        let gate = Arc::new(Gate::default());
        assert!(gate.enter());
        gate.close();
        let waiting = tokio::spawn({
            let gate = Arc::clone(&gate);
            async move { gate.emptied().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        gate.leave();
        tokio::time::timeout(Duration::from_secs(5), waiting)
            .await
            .expect("emptied")
            .expect("no panic");
    }

    #[tokio::test]
    async fn emptied_does_not_return_while_the_gate_is_open() {
        let gate = Gate::default();
        let waited = tokio::time::timeout(Duration::from_millis(20), gate.emptied()).await;
        assert!(waited.is_err());
        gate.close();
        gate.emptied().await;
    }

    #[test]
    fn racing_entries_and_a_close_never_lose_a_call() {
        for _ in 0..200 {
            let gate = Gate::default();
            let entered: usize = std::thread::scope(|scope| {
                let workers: Vec<_> = (0..4).map(|_| scope.spawn(|| gate.enter())).collect();
                gate.close();
                workers
                    .into_iter()
                    .map(|worker| usize::from(worker.join().expect("no panic")))
                    .sum()
            });
            assert_eq!(gate.inside(), entered);
        }
    }
}
