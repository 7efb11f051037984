//! Runs `wrk` and reads what it printed.

use std::process::Command;

use anyhow::{Context, Result, bail};

/// What one run of `wrk` measured.
#[derive(Debug, PartialEq)]
pub(super) struct Measured {
    /// Requests answered in a second.
    pub(super) per_second: f64,
    /// Requests that were answered with another status than 2xx or 3xx, or not at all.
    pub(super) failed: u64,
}

/// Loads `url` for `seconds` over `connections` connections from one thread.
pub(super) fn run(url: &str, connections: u32, seconds: u32) -> Result<Measured> {
    let output = Command::new("wrk")
        .args(["-t1", &format!("-c{connections}"), &format!("-d{seconds}s"), url])
        .output()
        .context("cannot run wrk; `cargo xtask setup` installs it (Debian package `wrk`)")?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        bail!("wrk failed: {}{text}", String::from_utf8_lossy(&output.stderr));
    }
    parse(&text).with_context(|| format!("cannot read what wrk printed:\n{text}"))
}

fn parse(text: &str) -> Option<Measured> {
    let after = |prefix: &str| text.lines().find_map(|line| line.trim().strip_prefix(prefix));
    let per_second = after("Requests/sec:")?.trim().parse().ok()?;
    let bad_status: u64 = after("Non-2xx or 3xx responses:").map_or(Some(0), |count| count.trim().parse().ok())?;
    let socket_errors: u64 = after("Socket errors:").map_or(0, |line| {
        line.split(|letter: char| !letter.is_ascii_digit())
            .filter_map(|number| number.parse::<u64>().ok())
            .sum()
    });
    Some(Measured {
        per_second,
        failed: bad_status + socket_errors,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_summary() {
        let text = "  39120 requests in 5.00s, 4.51MB read\n  Socket errors: connect 0, read 1, write 0, timeout 2\n  \
                    Non-2xx or 3xx responses: 12\nRequests/sec:   7823.12\nTransfer/sec:      0.90MB\n";
        assert_eq!(
            parse(text),
            Some(Measured {
                per_second: 7823.12,
                failed: 15
            })
        );
        assert_eq!(parse("nothing"), None);
    }
}
