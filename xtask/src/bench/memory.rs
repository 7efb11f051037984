//! What a process has in memory.

use anyhow::{Context, Result};
use std::time::Duration;

/// How often, and how long apart, the memory is looked at until it has settled.
const LOOKS: u32 = 20;
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
/// A change between two looks that is none.
const SETTLED_BYTES: f64 = 32.0 * 1024.0;

/// What a process has in memory once that does not change any more: what a compilation used goes back within seconds.
pub(super) fn settled_bytes(pid: u64) -> Result<f64> {
    let mut before = resident_bytes(pid)?;
    for _ in 0..LOOKS {
        std::thread::sleep(BETWEEN_LOOKS);
        let now = resident_bytes(pid)?;
        if (now - before).abs() < SETTLED_BYTES {
            return Ok(now);
        }
        before = now;
    }
    Ok(before)
}

/// What `/proc` says a process has in memory.
fn resident_bytes(pid: u64) -> Result<f64> {
    let path = format!("/proc/{pid}/status");
    let status = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("no VmRSS")?;
    let kilobytes: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kilobytes * 1024.0)
}
