//! Waiting for a value instead of sleeping and hoping.

use std::fmt::Display;
use std::future::Future;
use std::time::{Duration, Instant};

/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// What a look at the world gave: the value, or what is still missing.
pub trait Outcome {
    /// The value waited for.
    type Value;

    /// Returns the value, or a line that says how things stand.
    fn outcome(self) -> Result<Self::Value, String>;
}

impl<T> Outcome for Option<T> {
    type Value = T;

    fn outcome(self) -> Result<T, String> {
        self.ok_or_else(|| "nothing yet".to_owned())
    }
}

impl<T, E: Display> Outcome for Result<T, E> {
    type Value = T;

    fn outcome(self) -> Result<T, String> {
        self.map_err(|err| err.to_string())
    }
}

/// Looks again and again until there is a value, and returns it.
///
/// # Panics
///
/// When there is none within `limit`; says what was waited for and how things stood at the last look.
pub async fn eventually<O, Look, Fut>(what: &str, limit: Duration, mut look: Look) -> O::Value
where
    O: Outcome,
    Look: FnMut() -> Fut,
    Fut: Future<Output = O>,
{
    let start = Instant::now();
    let mut status = "not even one look was finished".to_owned();
    loop {
        let left = limit.saturating_sub(start.elapsed());
        match tokio::time::timeout(left, look()).await.map(Outcome::outcome) {
            Ok(Ok(value)) => return value,
            Ok(Err(line)) => status = line,
            Err(_) => {}
        }
        assert!(
            start.elapsed() + PAUSE < limit,
            "waited {limit:?} in vain for {what}; last look: {status}"
        );
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn returns_the_value_when_it_is_there() {
        let mut looks = 0;
        let value = eventually("three looks", Duration::from_secs(10), || {
            looks += 1;
            std::future::ready((looks == 3).then_some(looks))
        });
        assert_eq!(value.await, 3);
    }

    #[tokio::test]
    #[should_panic(expected = "in vain for a miracle; last look: two of three")]
    async fn says_how_things_stood() {
        let limit = Duration::from_millis(50);
        eventually("a miracle", limit, || std::future::ready(Err::<(), _>("two of three"))).await;
    }
}
