//! The owner of every task a node starts.

use std::future::Future;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, error};

/// Spawns, and answers for, the tasks of one node.
///
/// Two words, two meanings: [`Tasks::drain`] waits for tasks to finish by themselves, [`Tasks::abort`] tells them to
/// stop. Each long-running task holds a [`Tasks::stopping`] token and returns soon after it is cancelled.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    /// Runs `work` until it returns; a panic in it is logged under `name`, not lost.
    pub(crate) fn spawn<F>(&self, name: &'static str, work: F) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let span = tracing::debug_span!("task", task = name);
        let guard = PanicReport { name, armed: true };
        self.tracker.spawn(
            async move {
                let mut guard = guard;
                work.await;
                guard.armed = false;
            }
            .instrument(span),
        )
    }

    /// As [`Tasks::spawn`], for work with a result. Dropping the handle does not end the work.
    pub(crate) fn spawn_with<F>(&self, name: &'static str, work: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.tracker
            .spawn(work.instrument(tracing::debug_span!("task", task = name)))
    }

    /// A token that is cancelled when the node stops.
    pub(crate) fn stopping(&self) -> CancellationToken {
        self.stop.child_token()
    }

    /// Tells every task to stop and takes no new ones.
    pub(crate) fn abort(&self) {
        self.stop.cancel();
        self.tracker.close();
    }

    /// Waits until no task is left, at most `patience`; says whether that was reached.
    pub(crate) async fn drain(&self, patience: Duration) -> bool {
        self.tracker.close();
        tokio::time::timeout(patience, self.tracker.wait()).await.is_ok()
    }

    /// How many tasks run now.
    pub(crate) fn running(&self) -> usize {
        self.tracker.len()
    }
}

/// Speaks up when the task it belongs to ends by a panic.
struct PanicReport {
    name: &'static str,
    armed: bool,
}

impl Drop for PanicReport {
    fn drop(&mut self) {
        if self.armed && std::thread::panicking() {
            error!(task = self.name, "a task of this host panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn abort_reaches_every_task_and_drain_sees_them_gone() {
        let tasks = Tasks::default();
        for _ in 0..3 {
            let stop = tasks.stopping();
            tasks.spawn("waits", async move { stop.cancelled().await });
        }
        assert_eq!(tasks.running(), 3);
        assert!(!tasks.drain(Duration::from_millis(10)).await);
        tasks.abort();
        assert!(tasks.drain(Duration::from_secs(5)).await);
    }
}
