//! What an actor does without being asked.

use std::time::{Duration, Instant};

use lattice_core::stateful::StopReason;

use super::{Activation, End};

/// The longest an actor sleeps at a time, so that no arithmetic comes near the end of a clock.
pub(super) const SLEEP_MAX: Duration = Duration::from_secs(3600);

/// How much earlier than by this host's clock another may look after a reminder.
const CLOCKS_DIFFER_MS: u64 = 5_000;

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

    /// What the index of reminders has to say before the next write, if that is something new. Too early is harmless, too late is not, so that
    /// it is written first.
    pub(super) fn index_before_storing(&mut self) -> Option<u64> {
        let now_ms = Self::now_ms();
        let next = self.now.look_ms(now_ms)?;
        if says_enough(self.indexed_ms, next, now_ms) {
            return None;
        }
        self.indexed_ms = Some(next);
        Some(next)
    }
}

/// Whether the index has somebody look by `next` as it is. What it said of a time that has come may be gone: who looked then found nothing to do.
fn says_enough(indexed_ms: Option<u64>, next_ms: u64, now_ms: u64) -> bool {
    indexed_ms.is_some_and(|indexed| indexed == next_ms || (indexed < next_ms && indexed > now_ms + CLOCKS_DIFFER_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_is_relied_on_for_times_to_come_alone() {
        let now = 1_000_000;
        let soon = now + CLOCKS_DIFFER_MS;
        assert!(!says_enough(None, soon, now));
        assert!(says_enough(Some(soon), soon, now));
        assert!(says_enough(Some(soon + 1), soon + 2, now));
        // Somebody may have looked by now, and have taken it out.
        assert!(!says_enough(Some(now - 1), soon, now));
        assert!(!says_enough(Some(soon), soon + 1, now));
        // Too late.
        assert!(!says_enough(Some(soon + 2), soon + 1, now));
    }
}
