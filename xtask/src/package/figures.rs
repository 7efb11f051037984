//! What was measured, as a table.

use super::architecture::Architecture;
use anyhow::{Context, Result};
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// How often, and how long apart, memory is looked at until it has settled.
const LOOKS: u32 = 10;
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
/// A change between two looks that is none.
const SETTLED_BYTES: u64 = 256 * 1024;

/// Rows of a table.
pub(super) struct Figures {
    title: String,
    rows: Vec<(String, String)>,
}

impl Figures {
    pub(super) fn new(architecture: Architecture) -> Self {
        let how = if architecture.is_native() {
            "on this machine"
        } else {
            "emulated by qemu-user: times and memory include the emulator's"
        };
        Self {
            title: format!("{architecture}, {how}"),
            rows: Vec::new(),
        }
    }

    pub(super) fn size(&mut self, what: &str, file: &Path) -> Result<()> {
        let bytes = std::fs::metadata(file)
            .with_context(|| format!("find {}", file.display()))?
            .len();
        self.row(format!("{what}: size"), mib(bytes));
        Ok(())
    }

    pub(super) fn memory(&mut self, what: &str, bytes: u64) {
        self.row(format!("{what}, resident"), mib(bytes));
    }

    pub(super) fn time(&mut self, what: &str, time: Duration) {
        self.row(what.to_owned(), format!("{:.1} ms", time.as_secs_f64() * 1e3));
    }

    pub(super) fn count(&mut self, what: &str, count: u32) {
        self.row(what.to_owned(), count.to_string());
    }

    fn row(&mut self, what: String, value: String) {
        self.rows.push((what, value));
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self
            .rows
            .iter()
            .map(|(what, _)| what.chars().count())
            .max()
            .unwrap_or(0);
        writeln!(f, "\n{}\n", self.title)?;
        self.rows
            .iter()
            .try_for_each(|(what, value)| writeln!(f, "  {what:<width$}  {value:>12}"))
    }
}

/// What a process has in memory once that does not change any more.
pub(super) fn settled(pid: u32) -> Result<u64> {
    let mut before = resident(pid)?;
    for _ in 0..LOOKS {
        std::thread::sleep(BETWEEN_LOOKS);
        let now = resident(pid)?;
        if now.abs_diff(before) < SETTLED_BYTES {
            return Ok(now);
        }
        before = now;
    }
    Ok(before)
}

fn resident(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let status = std::fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kib.with_context(|| format!("{path} names no resident memory"))? * 1024)
}

fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
