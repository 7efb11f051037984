//! NATS, JetStream, trust, and what every member says of itself.

use std::time::{Duration, SystemTime};

use lattice_bus::BucketConfig;
use lattice_control::{Check, CheckStatus, Doctor, links_bucket};
use lattice_core::{UnixSeconds, subject::TRUST_BUNDLE_KEY, text::format_duration, time::CLOCK_SKEW};

use super::failed;
use crate::session::{Session, now};

/// How long one answer may take.
const WITHIN: Duration = Duration::from_secs(3);
/// A bundle that ends sooner is worth a word.
const SOON: Duration = Duration::from_secs(14 * 24 * 3600);

pub(super) async fn examine(session: &Session, checks: &mut Vec<Check>) {
    checks.push(server(session).await);
    checks.push(state(session).await);
    checks.push(trust(session).await);
    members(session, checks).await;
}

async fn server(session: &Session) -> Check {
    let bus = session.client.bus();
    let info = bus.server_info();
    let trip = bus.round_trip(WITHIN).await;
    let far = trip.map_or_else(
        |error| format!("; {error}"),
        |trip| format!("; {} µs away", trip.as_micros()),
    );
    let what = format!(
        "{} at {}{far}",
        info.version,
        session.context.nats.url.as_deref().unwrap_or(&info.name)
    );
    if info.is_at_least(2, 11) {
        return Check::ok("NATS", what);
    }
    Check::failed(
        "NATS",
        what,
        "leases need nats-server 2.11 or newer",
        "upgrade the NATS servers",
    )
}

/// The lattice's buckets, and the server's clock by way of what it stored last.
async fn state(session: &Session) -> Check {
    let config: BucketConfig = links_bucket(&session.context.lattice);
    let bucket = match session.client.bus().bucket(config).await {
        Ok(bucket) => bucket,
        Err(error) => {
            return Check::failed(
                "JetStream",
                error.to_string(),
                "links, trust and components are kept there",
                "enable JetStream on the NATS servers and for this account",
            );
        }
    };
    match bucket.replicas() {
        1 => Check::ok(
            "JetStream",
            "the lattice's state has one copy (a single NATS server, or one was asked for)",
        ),
        copies => Check::ok("JetStream", format!("the lattice's state has {copies} copies")),
    }
}

async fn trust(session: &Session) -> Check {
    let trust = match session.trust().await {
        Ok(Some(trust)) => trust,
        Ok(None) => {
            return Check::warning(
                "trust",
                "this context names no operator",
                "without one, answers cannot be told from forgeries",
                "add `trustedOperators` to the context",
            );
        }
        Err(error) => return failed("trust", &error),
    };
    let serial = trust.serial().unwrap_or_default();
    let Some(ends) = trust.expires_at() else {
        return Check::ok("trust", format!("bundle {serial}"));
    };
    let what = format!("bundle {serial}, until {ends}");
    if ends < now() {
        let fix = "an operator must sign another; `lattice up` does so when it starts";
        return Check::failed("trust", what, "nothing new is believed until there is a new one", fix);
    }
    if ends < now().after(SOON) {
        let fix = "let an operator sign another in time; `lattice up` does so when it starts";
        return Check::warning("trust", what, "after that nothing new is believed", fix);
    }
    Check::ok("trust", what)
}

async fn members(session: &Session, checks: &mut Vec<Check>) {
    checks.push(clock(session).await);
    let members = match session.members().await {
        Ok(members) => members,
        Err(error) => return checks.push(failed("hosts", &error)),
    };
    if members.is_empty() {
        let fix = "start one with `lattice up`, or join one with `lattice-host`";
        return checks.push(Check::failed("hosts", "none answers", "actors need one to run on", fix));
    }
    for (member, report) in session.client.read_each(&members, &Doctor {}).await {
        match report {
            Ok(report) => checks.extend(report.checks.into_iter().map(|check| Check {
                name: format!("{}: {}", member.name, check.name),
                ..check
            })),
            Err(error) => checks.push(Check {
                status: CheckStatus::Failed,
                ..failed(&member.name, &anyhow::Error::from(error))
            }),
        }
    }
}

/// Compares our clock with the server's: tokens live by the clock.
async fn clock(session: &Session) -> Check {
    let lattice = &session.context.lattice;
    let bucket = match session
        .client
        .bus()
        .bucket(lattice_control::trust_bucket(lattice))
        .await
    {
        Ok(bucket) => bucket,
        Err(error) => {
            return Check::failed(
                "clock",
                error.to_string(),
                "it could not be compared",
                "see JetStream above",
            );
        }
    };
    match bucket.last(TRUST_BUNDLE_KEY).await {
        // A stored time can only be in the past: one in our future means that we are behind.
        Ok(Some(entry)) => {
            let (stored, ours) = (UnixSeconds::from(entry.created), UnixSeconds::from(SystemTime::now()));
            if stored > ours.after(CLOCK_SKEW) {
                let behind = format_duration(stored.since(ours));
                return Check::failed(
                    "clock",
                    format!("this machine is at least {behind} behind the NATS server"),
                    "commands it signs are refused as expired",
                    "set the clock, best by NTP",
                );
            }
            Check::ok("clock", "not behind the NATS server's")
        }
        Ok(None) => Check::ok("clock", "nothing to compare it with yet"),
        Err(error) => Check::failed(
            "clock",
            error.to_string(),
            "it could not be compared",
            "see JetStream above",
        ),
    }
}
