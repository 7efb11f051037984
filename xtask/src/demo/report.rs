//! The table the demonstration ends with.

use super::load::Tally;
use std::fmt;
use std::time::Duration;

/// What every step measured.
#[derive(Debug, Default)]
pub(super) struct Report {
    sections: Vec<Section>,
}

/// One step.
#[derive(Debug)]
pub(super) struct Section {
    name: String,
    tally: Tally,
    /// Where the actor ran before and after, for a step that changes it.
    places: Option<(String, String)>,
}

impl Section {
    /// A step that leaves everything where it is.
    pub(super) fn quiet(name: &str, tally: Tally) -> Self {
        Self {
            name: name.to_owned(),
            tally,
            places: None,
        }
    }

    /// A step that changes where an actor runs.
    pub(super) fn moving(name: &str, tally: Tally, before: String, after: String) -> Self {
        Self {
            name: name.to_owned(),
            tally,
            places: Some((before, after)),
        }
    }
}

impl Report {
    /// Adds a step's result.
    pub(super) fn add(&mut self, section: Section) {
        self.sections.push(section);
    }

    /// Requests that failed, over all steps.
    pub(super) fn failed(&self) -> usize {
        self.sections.iter().map(|section| section.tally.failed).sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<20} {:>8} {:>6} {:>9} {:>9}  where it ran",
            "step", "requests", "failed", "p50", "p99"
        )?;
        for Section { name, tally, places } in &self.sections {
            let places = places
                .as_ref()
                .map_or(String::new(), |(before, after)| format!("{before}  →  {after}"));
            let (p50, p99) = (millis(tally.percentile(0.5)), millis(tally.percentile(0.99)));
            writeln!(
                f,
                "{name:<20} {:>8} {:>6} {p50:>9} {p99:>9}  {places}",
                tally.sent, tally.failed
            )?;
        }
        let sent: usize = self.sections.iter().map(|section| section.tally.sent).sum();
        writeln!(f, "{:<20} {sent:>8} {:>6}", "all", self.failed())?;
        for failure in self
            .sections
            .iter()
            .filter_map(|section| section.tally.first_failure.as_ref())
        {
            writeln!(f, "failed: {failure}")?;
        }
        Ok(())
    }
}

fn millis(latency: Option<Duration>) -> String {
    latency.map_or_else(
        || "-".to_owned(),
        |latency| format!("{:.1} ms", latency.as_secs_f64() * 1000.0),
    )
}
