//! Samples, and what is printed of them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::row;

/// Times of one thing.
#[derive(Clone, Debug, Default)]
pub(super) struct Samples(Vec<Duration>);

impl Samples {
    pub(super) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub(super) fn add_micros(&mut self, times: impl IntoIterator<Item = u64>) {
        self.0.extend(times.into_iter().map(Duration::from_micros));
    }

    pub(super) fn extend(&mut self, others: impl IntoIterator<Item = Duration>) {
        self.0.extend(others);
    }

    pub(super) fn times(&self) -> impl Iterator<Item = Duration> {
        self.0.iter().copied()
    }

    /// The time that so many percent do not exceed; zero without any.
    pub(super) fn percentile(&self, percent: usize) -> Duration {
        let mut times = self.0.clone();
        times.sort_unstable();
        let index = (times.len().saturating_sub(1) * percent).div_ceil(100);
        times.get(index).copied().unwrap_or_default()
    }

    /// The longest.
    pub(super) fn worst(&self) -> Duration {
        self.percentile(100)
    }

    /// Prints the median and the 99th percentile, with what is promised of each.
    pub(super) fn print(&self, name: &str, baseline: Option<&(&'static str, Self)>, targets: [Value; 2]) {
        for (percent, target) in [50, 99].into_iter().zip(targets) {
            let baseline = baseline.map(|(name, samples)| (*name, millis(samples.percentile(percent))));
            row(
                &format!("{name}/p{percent}"),
                &millis(self.percentile(percent)),
                baseline.as_ref(),
                &target,
            );
        }
    }
}

pub(super) fn millis(time: Duration) -> Value {
    json!({ "millis": time.as_secs_f64() * 1e3 })
}

pub(super) fn micros(time: Duration) -> Value {
    json!({ "micros": time.as_secs_f64() * 1e6 })
}

pub(super) fn bytes(bytes: f64) -> Value {
    json!({ "bytes": bytes })
}

pub(super) fn count(count: usize) -> Value {
    json!({ "count": count })
}

pub(super) fn at_most(figure: &Value) -> Value {
    json!({ "at-most": figure })
}

pub(super) fn none() -> Value {
    json!("none")
}

/// Prints a figure that stands for itself.
pub(super) fn plain(name: &str, ours: &Value, target: &Value) {
    row(name, ours, None, target);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_samples() {
        let mut samples = Samples::default();
        assert_eq!(samples.percentile(50), Duration::ZERO);
        samples.add_micros(1..=101);
        assert_eq!(samples.percentile(50), Duration::from_micros(51));
        assert_eq!(samples.percentile(99), Duration::from_micros(100));
        assert_eq!(samples.worst(), Duration::from_micros(101));
    }
}
