//! What this host can say about its own health.

use std::path::Path;
use std::time::Duration;

use lattice_bus::ServerInfo;
use lattice_control::Check;
use lattice_core::UnixSeconds;
use lattice_core::text::{format_bytes, format_duration};
use lattice_engine::{Compilation, ENGINE, Profile, ProfileReport, Why};

/// The oldest nats-server with the features we cannot do without (per-message TTL).
const NATS_MINIMUM: (u64, u64) = (2, 11);
/// The oldest with all that we use.
const NATS_FULL: (u64, u64) = (2, 12);
/// Clocks that differ by more make tokens fail.
const SKEW_WARNING: Duration = Duration::from_secs(10);
const SKEW_FAILED: Duration = Duration::from_secs(30);
/// Less than this free, and the next component or generation mark may not fit.
const DISK_WARNING: u64 = 512 << 20;
const DISK_FAILED: u64 = 64 << 20;
/// Tokens that end sooner should be renewed.
const TOKEN_WARNING: Duration = Duration::from_secs(3 * 24 * 3600);

/// Judges how components are run here. Which profile is best the engine has decided; here is what that means for who uses it.
pub(super) fn engine(report: &ProfileReport) -> Check {
    let instances = match report.instances_max {
        Some(most) => format!("{most} instances at a time"),
        None => "instances as memory allows".to_owned(),
    };
    let compiles = match report.compilation {
        Compilation::Here => format!("compiles for {}", report.target),
        Compilation::Elsewhere => format!("compiles nothing, runs signed code for {} ({ENGINE})", report.target),
    };
    let what = format!("{report}; {instances}; {compiles}");
    match (report.profile, &report.why) {
        (Profile::Pulley, Why::MayNotExecute) => Check::warning(
            "engine",
            what,
            "an interpreter runs components some ten times slower than their own code",
            "let this process make memory executable: without MemoryDenyWriteExecute= in its unit, or a like rule of the system",
        ),
        (_, Why::InsteadOf { .. } | Why::LastResort) => Check::warning(
            "engine",
            what,
            "components run, though not in the best way",
            "see what did not work; `--engine-profile auto` takes what fits",
        ),
        _ => Check::ok("engine", what),
    }
}

/// Judges the server that this host is connected to.
pub(super) fn nats(connected: bool, server: &ServerInfo) -> Check {
    let what = format!("nats-server {} (`{}`)", server.version, server.name);
    if !connected {
        return Check::failed(
            "nats",
            "not connected",
            "co-located calls go on, but nothing reaches other hosts",
            "see that nats-server runs and this host can reach it",
        );
    }
    let fix = "upgrade nats-server; Debian's package is too old, take a release from nats.io";
    if !server.is_at_least(NATS_MINIMUM.0, NATS_MINIMUM.1) {
        return Check::failed(
            "nats",
            what,
            format!("it is older than {}.{}", NATS_MINIMUM.0, NATS_MINIMUM.1),
            fix,
        );
    }
    if !server.is_at_least(NATS_FULL.0, NATS_FULL.1) {
        let why = format!("it works, but timers and batches need {}.{}", NATS_FULL.0, NATS_FULL.1);
        return Check::warning("nats", what, why, fix);
    }
    Check::ok("nats", what)
}

/// Judges how far away the server is.
pub(super) fn round_trip(took: Option<Duration>) -> Check {
    match took {
        Some(took) if took > Duration::from_millis(500) => Check::warning(
            "nats round trip",
            format_duration(took),
            "every remote call takes at least this long",
            "put a leaf node near this host",
        ),
        Some(took) => Check::ok("nats round trip", format_duration(took)),
        None => Check::failed(
            "nats round trip",
            "no answer",
            "the server does not answer, or the credentials do not cover our own inbox",
            "compare the user's permissions with those of `lattice key host-creds`",
        ),
    }
}

/// Judges whether JetStream, which holds the lattice's state, can be reached.
pub(super) fn jetstream(reached: Result<String, String>) -> Check {
    match reached {
        Ok(what) => Check::ok("jetstream", what),
        Err(error) => Check::failed(
            "jetstream",
            error,
            "links and components are kept there; this host runs on what it already has",
            "start nats-server with JetStream (`jetstream {}`), or name its domain with `--jetstream-domain`",
        ),
    }
}

/// Judges the clock against others'. `None` when there is nothing to compare with.
pub(super) fn clock(skew: Option<Duration>) -> Check {
    let fix = "synchronise the clock (chrony, systemd-timesyncd)";
    let why = "tokens and commands carry times; clocks that differ refuse each other";
    match skew {
        None => Check::ok("clock", "nobody to compare with"),
        Some(skew) if skew >= SKEW_FAILED => {
            Check::failed("clock", format!("off by {}", format_duration(skew)), why, fix)
        }
        Some(skew) if skew >= SKEW_WARNING => {
            Check::warning("clock", format!("off by {}", format_duration(skew)), why, fix)
        }
        Some(skew) => Check::ok(
            "clock",
            format!("within {}", format_duration(skew.max(Duration::from_secs(1)))),
        ),
    }
}

/// Judges the trust bundle in force.
pub(super) fn trust(serial: Option<u64>) -> Check {
    match serial {
        Some(serial) => Check::ok("trust", format!("bundle {serial} in force")),
        None => Check::failed(
            "trust",
            "no trust bundle in force",
            "no link and no command is believed",
            "an operator signs and publishes one: `lattice key trust publish`",
        ),
    }
}

/// Judges how long this host's own token lasts.
pub(super) fn token(expires_at: UnixSeconds, now: UnixSeconds) -> Check {
    let left = expires_at.since(now);
    let fix = "renew it with `lattice key enroll`";
    if left.is_zero() {
        return Check::failed(
            "enrolment",
            format!("ended at {expires_at}"),
            "other members do not believe this host",
            fix,
        );
    }
    let what = format!("until {expires_at} ({} left)", format_duration(left));
    if left < TOKEN_WARNING {
        return Check::warning(
            "enrolment",
            what,
            "after that other members do not believe this host",
            fix,
        );
    }
    Check::ok("enrolment", what)
}

/// Judges the room on the disk that holds `folder`.
pub(super) fn disk(folder: &Path, free: Option<u64>) -> Check {
    let name = "disk";
    let Some(free) = free else {
        return Check::warning(
            name,
            format!("{} cannot be measured", folder.display()),
            "this host keeps link generations and components there",
            "see that the folder exists",
        );
    };
    let what = format!("{} free at {}", format_bytes(free), folder.display());
    let why = "link generations must be written before they are believed, components before they run";
    match free {
        free if free < DISK_FAILED => Check::failed(name, what, why, "make room"),
        free if free < DISK_WARNING => Check::warning(name, what, why, "make room"),
        _ => Check::ok(name, what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lattice_control::CheckStatus::{Failed, Ok as Fine, Warning};

    #[test]
    fn the_clock_is_judged_by_what_tokens_bear() {
        for (seconds, expect) in [(0, Fine), (9, Fine), (10, Warning), (30, Failed)] {
            assert_eq!(clock(Some(Duration::from_secs(seconds))).status, expect, "{seconds} s");
        }
        assert_eq!(clock(None).status, Fine);
    }

    #[test]
    fn a_token_near_its_end_is_a_warning_and_past_it_a_failure() {
        let now = UnixSeconds::new(1_000_000);
        let day = Duration::from_secs(24 * 3600);
        assert_eq!(token(now.after(day * 10), now).status, Fine);
        assert_eq!(token(now.after(day), now).status, Warning);
        assert_eq!(token(now.before(day), now).status, Failed);
    }

    #[test]
    fn a_full_disk_is_a_failure() {
        let folder = Path::new("/data");
        assert_eq!(disk(folder, Some(1 << 40)).status, Fine);
        assert_eq!(disk(folder, Some(100 << 20)).status, Warning);
        assert_eq!(disk(folder, Some(1 << 20)).status, Failed);
        assert_eq!(disk(folder, None).status, Warning);
    }
}
