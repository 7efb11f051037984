//! The table that the scenario ends with, and what in it is wrong.

use super::load::Tally;
use std::fmt;

/// What is to be true of requests while the site is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// They are answered, all of them.
    Answered,
    /// They are answered, but for those that the host that was killed took along, and until it serves again.
    Killed,
    /// They cannot be: what they are for is on the other side.
    OtherSide,
}

/// The phases, in order.
pub(super) const PHASES: [&str; 3] = ["before", "cut", "after"];

/// One row: requests from one place to one actor, in each phase.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) from: &'static str,
    pub(super) what: &'static str,
    pub(super) cut: Cut,
    pub(super) phases: Vec<Tally>,
}

/// Something that was looked at besides the requests.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) what: String,
    pub(super) found: String,
    pub(super) good: bool,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) rows: Vec<Row>,
    pub(super) findings: Vec<Finding>,
}

impl Report {
    /// Notes what was found.
    pub(super) fn found(&mut self, what: impl Into<String>, found: impl Into<String>, good: bool) {
        self.findings.push(Finding {
            what: what.into(),
            found: found.into(),
            good,
        });
    }

    /// Everything that is not as it has to be.
    pub(super) fn wrong(&self) -> Vec<String> {
        let rows = self.rows.iter().flat_map(|row| {
            row.phases.iter().zip(PHASES).filter_map(move |(tally, phase)| {
                let may_fail = phase == "cut" && row.cut != Cut::Answered;
                let silent = tally.answered == 0 && !(phase == "cut" && row.cut == Cut::OtherSide);
                ((tally.failed > 0 && !may_fail) || silent).then(|| {
                    let failure = tally.first_failure.as_deref().unwrap_or("none was answered");
                    let (from, what, failed) = (row.from, row.what, tally.failed);
                    format!("{from}, {what}, {phase}: {failed} failed: {failure}")
                })
            })
        });
        let findings = self.findings.iter().filter(|finding| !finding.good);
        rows.chain(findings.map(|finding| format!("{}: {}", finding.what, finding.found)))
            .collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<9} {:<34}", "requests", "")?;
        for phase in PHASES {
            write!(f, " | {phase:>7}: sent  answ.  fail  slowest")?;
        }
        writeln!(f)?;
        for row in &self.rows {
            write!(f, "{:<9} {:<34}", row.from, row.what)?;
            for tally in &row.phases {
                let Tally {
                    sent,
                    answered,
                    failed,
                    slowest_ms,
                    ..
                } = tally;
                write!(f, " | {:>8}{sent:>5} {answered:>6} {failed:>5} {slowest_ms:>6}ms", "")?;
            }
            match row.cut {
                Cut::Answered => writeln!(f)?,
                Cut::Killed => writeln!(f, "  (its host is killed in the cut)")?,
                Cut::OtherSide => writeln!(f, "  (on the other side of the cut)")?,
            }
        }
        writeln!(f)?;
        for Finding { what, found, good } in &self.findings {
            writeln!(f, "{} {what}: {found}", if *good { "ok   " } else { "WRONG" })?;
        }
        Ok(())
    }
}
