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
    /// How long what happened under the load took.
    took: Option<Duration>,
    /// What came of it.
    outcome: String,
    blame: Blame,
}

/// What requests that failed in a step say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blame {
    /// Something is wrong.
    Ours,
    /// A host was killed while it served them.
    Killed,
}

impl Section {
    /// A step of which only the requests count.
    pub(super) fn new(name: &str, tally: Tally) -> Self {
        Self {
            name: name.to_owned(),
            tally,
            took: None,
            outcome: String::new(),
            blame: Blame::Ours,
        }
    }

    /// How long what happened under the load took.
    pub(super) fn took(self, took: Duration) -> Self {
        Self {
            took: Some(took),
            ..self
        }
    }

    /// What came of it, in a few words.
    pub(super) fn outcome(self, outcome: String) -> Self {
        Self { outcome, ..self }
    }

    /// A few requests may fail here: a host was killed while it served them.
    pub(super) fn with_a_kill(self) -> Self {
        Self {
            blame: Blame::Killed,
            ..self
        }
    }
}

impl Report {
    /// Adds a step's result.
    pub(super) fn add(&mut self, section: Section) {
        self.sections.push(section);
    }

    /// Requests that failed and should not have, over all steps.
    pub(super) fn failed(&self) -> usize {
        self.count(Blame::Ours)
    }

    fn count(&self, blame: Blame) -> usize {
        let sections = self.sections.iter().filter(|section| section.blame == blame);
        sections.map(|section| section.tally.failed).sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<20} {:>8} {:>6} {:>7} {:>9} {:>9}  what came of it",
            "step", "requests", "failed", "seconds", "p50", "p99"
        )?;
        for section in &self.sections {
            let Section { name, tally, .. } = section;
            let took = section
                .took
                .map_or_else(String::new, |took| format!("{:.1}", took.as_secs_f64()));
            let (p50, p99) = (millis(tally.percentile(0.5)), millis(tally.percentile(0.99)));
            let line = format!(
                "{name:<20} {:>8} {:>6} {took:>7} {p50:>9} {p99:>9}  {}",
                tally.sent, tally.failed, section.outcome
            );
            writeln!(f, "{}", line.trim_end())?;
        }
        let sent: usize = self.sections.iter().map(|section| section.tally.sent).sum();
        let (failed, killed) = (self.failed(), self.count(Blame::Killed));
        writeln!(f, "{:<20} {sent:>8} {:>6}", "all", failed + killed)?;
        if killed > 0 {
            writeln!(f, "{killed} requests were lost with the host that was killed")?;
        }
        let wrong = self.sections.iter().filter(|section| section.blame == Blame::Ours);
        for failure in wrong.filter_map(|section| section.tally.first_failure.as_ref()) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::load::Request;

    #[test]
    fn what_a_killed_host_took_along_is_counted_apart() {
        let failing = |count| Tally::of(&Request::Get("http://127.0.0.1:1/".into()), count);
        let mut report = Report::default();
        report.add(Section::new("kill", failing(2)).with_a_kill());
        assert_eq!(report.failed(), 0);
        assert!(!report.to_string().contains("failed: "));
        report.add(Section::new("drain", failing(1)));
        assert_eq!(report.failed(), 1);
        let text = report.to_string();
        assert!(
            text.contains("2 requests were lost") && text.contains("failed: http://127.0.0.1:1/"),
            "{text}"
        );
    }
}
