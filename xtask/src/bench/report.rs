//! The table a benchmark run ends with: our figure, its baseline from the same run, and their ratio.

use serde::Deserialize;
use std::fmt;

/// One comparison. `lattice-bench` prints the same as JSON.
#[derive(Debug, Deserialize)]
pub(super) struct Row {
    /// What was measured, as `group/variant/size`.
    pub(super) name: String,
    /// Our figure.
    pub(super) ours: Figure,
    /// What it is compared with, and its figure; none where there is no baseline but a limit.
    pub(super) baseline: Option<(String, Figure)>,
    /// What was promised.
    pub(super) target: Target,
}

/// A measured number with its unit.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Figure {
    /// Microseconds for one operation; less is better.
    Micros(f64),
    /// Operations in a second; more is better.
    PerSecond(f64),
    /// Milliseconds; less is better.
    Millis(f64),
    /// Bytes; less is better.
    Bytes(f64),
    /// How many; less is better.
    Count(f64),
    /// Of one processor; less is better.
    Percent(f64),
}

/// What was promised of a row.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Target {
    /// Ours over the baseline is at most this.
    RatioAtMost(f64),
    /// Ours over the baseline is at least this.
    RatioAtLeast(f64),
    /// Ours is at most this, whatever others do.
    AtMost(Figure),
    /// Nothing was promised; the figure is for information.
    None,
}

impl Figure {
    fn value(self) -> f64 {
        match self {
            Self::Micros(value)
            | Self::PerSecond(value)
            | Self::Millis(value)
            | Self::Bytes(value)
            | Self::Count(value)
            | Self::Percent(value) => value,
        }
    }
}

impl Row {
    /// Ours over the baseline.
    fn ratio(&self) -> Option<f64> {
        self.baseline
            .as_ref()
            .map(|(_, baseline)| self.ours.value() / baseline.value())
    }

    /// Whether the promise holds; none where nothing was promised or there is nothing to compare with.
    pub(super) fn holds(&self) -> Option<bool> {
        match self.target {
            Target::RatioAtMost(most) => self.ratio().map(|ratio| ratio <= most),
            Target::RatioAtLeast(least) => self.ratio().map(|ratio| ratio >= least),
            Target::AtMost(most) => Some(self.ours.value() <= most.value()),
            Target::None => None,
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Micros(value) => write!(f, "{value:.1} µs"),
            Self::PerSecond(value) => write!(f, "{value:.0} /s"),
            Self::Millis(value) => write!(f, "{value:.1} ms"),
            Self::Count(value) => write!(f, "{value:.0}"),
            Self::Percent(value) => write!(f, "{value:.1} %"),
            Self::Bytes(value) if *value < 1e6 => write!(f, "{:.1} KiB", value / 1024.0),
            Self::Bytes(value) => write!(f, "{:.1} MiB", value / 1024.0 / 1024.0),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RatioAtMost(most) => write!(f, "≤ {most}×"),
            Self::RatioAtLeast(least) => write!(f, "≥ {least}×"),
            Self::AtMost(most) => write!(f, "≤ {most}"),
            Self::None => Ok(()),
        }
    }
}

/// Prints the rows as a table on standard output.
pub(super) fn print(rows: &[Row]) {
    println!(
        "{:<38} {:>12} {:>12} {:>7} {:>10}  {:<5} baseline",
        "benchmark", "ours", "baseline", "ratio", "target", "holds"
    );
    for row in rows {
        let (baseline_name, baseline) = row
            .baseline
            .as_ref()
            .map_or((String::new(), String::new()), |(name, figure)| {
                (name.clone(), figure.to_string())
            });
        println!(
            "{:<38} {:>12} {:>12} {:>7} {:>10}  {:<5} {}",
            row.name,
            row.ours.to_string(),
            baseline,
            row.ratio().map(|ratio| format!("{ratio:.2}×")).unwrap_or_default(),
            row.target.to_string(),
            row.holds().map_or("", |holds| if holds { "yes" } else { "NO" }),
            baseline_name,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_is_checked_against_the_ratio_of_the_same_run() {
        let row = |ours, target| Row {
            name: "call".into(),
            ours: Figure::Micros(ours),
            baseline: Some(("bare".into(), Figure::Micros(10.0))),
            target,
        };
        assert_eq!(row(13.0, Target::RatioAtMost(1.3)).holds(), Some(true));
        assert_eq!(row(14.0, Target::RatioAtMost(1.3)).holds(), Some(false));
        assert_eq!(row(9.0, Target::RatioAtLeast(1.0)).holds(), Some(false));
        assert_eq!(row(9.0, Target::None).holds(), None);
    }
}
