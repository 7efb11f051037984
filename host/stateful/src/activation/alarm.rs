//! A timer that is put off more often than it rings.

use std::pin::Pin;
use std::time::Instant;

use tokio::time::Sleep;

/// Rings once a time has come. To set a timer may wake the thread that keeps them all, and an actor that is busy puts its own off with
/// each turn; so this one is left as it is, and rings early instead: whoever hears it looks what time it is.
pub(super) struct Alarm {
    sleep: Pin<Box<Sleep>>,
}

impl Alarm {
    pub(super) fn at(when: Instant) -> Self {
        Self {
            sleep: Box::pin(tokio::time::sleep_until(when.into())),
        }
    }

    /// Returns at `when`, or at a time before that it was set to.
    ///
    /// Cancel safe.
    pub(super) async fn ring(&mut self, when: Instant) {
        if self.sleep.is_elapsed() || self.sleep.deadline() > when.into() {
            self.sleep.as_mut().reset(when.into());
        }
        self.sleep.as_mut().await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn it_rings_by_the_time_asked_for_and_goes_on() {
        let start = tokio::time::Instant::now();
        let mut alarm = Alarm::at((start + 3 * SECOND).into());
        alarm.ring((start + 2 * SECOND).into()).await;
        assert_eq!(start.elapsed(), 2 * SECOND);
        let later = tokio::time::timeout(SECOND, alarm.ring((start + 5 * SECOND).into()));
        later.await.expect_err("it is not time yet");
        // Early is what it may be, late is not.
        alarm.ring((start + 9 * SECOND).into()).await;
        assert_eq!(start.elapsed(), 5 * SECOND);
        alarm.ring((start + 9 * SECOND).into()).await;
        assert_eq!(start.elapsed(), 9 * SECOND);
    }
}
