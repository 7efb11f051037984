//! What an actor does without being asked.

use std::time::{Duration, Instant};

use lattice_core::stateful::StopReason;

use super::{Activation, End};

/// The longest an actor sleeps at a time, so that no arithmetic comes near the end of a clock.
const SLEEP_MAX: Duration = Duration::from_secs(3600);

impl Activation {
    /// When there is something to do next.
    pub(super) fn next_timer(&self) -> Instant {
        let now = Instant::now();
        let idle = self.last_used + self.kind.policy().idle_after().min(SLEEP_MAX);
        // While nothing may run, its own progress wakes the actor.
        let due_ms = self.now.reminders.next_ms().filter(|_| self.may_run());
        let reminder = due_ms.map(|due| now + Duration::from_millis(due.saturating_sub(Self::now_ms())).min(SLEEP_MAX));
        let checkpoint = self.checkpoint_at().filter(|_| self.storing.is_none());
        let first = [Some(idle), reminder, checkpoint].into_iter().flatten().min();
        first.unwrap_or(now + SLEEP_MAX)
    }

    pub(super) async fn on_timer(&mut self) -> Result<(), End> {
        self.fire_due().await?;
        let policy = self.kind.policy();
        if self.last_used.elapsed() < policy.idle_after() {
            return Ok(());
        }
        self.rest_if_idle(StopReason::Idle).await?;
        // Something keeps it busy; it is asked again after as long.
        self.last_used = Instant::now();
        Ok(())
    }

    /// What the index of reminders has to say before the next write, if it is to say something new: earlier than what is there. Too early is
    /// harmless, too late is not, so that it is written first.
    pub(super) fn index_before_storing(&mut self) -> Option<u64> {
        let next = self.now.look_ms(Self::now_ms())?;
        if self.indexed_ms.is_some_and(|indexed| indexed <= next) {
            return None;
        }
        self.indexed_ms = Some(next);
        Some(next)
    }
}
