//! What does a warm call to a stateful actor cost, beside one to a service, and beside the write that it waits for?

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures::future::try_join_all;
use lattice_control::{Call, TextEncoding};
use lattice_core::Durability;
use lattice_node::testing::TestHost;
use serde_json::json;

use super::cluster::Stage;
use super::figures::{Samples, micros, none};
use super::scale::Scale;
use crate::{median, row};

/// Keys that are kept busy at a time.
const BUSY_KEYS: usize = 64;
/// Callers of each of them.
const CALLERS: usize = 4;
const VOLATILE: &str = "quick";
const COMMIT: &str = "keeper";
const CARTS: &str = "cart";

/// Measures.
pub(super) async fn run(scale: &Scale) -> Result<()> {
    let mut stage = Stage::set_up(1, None).await?;
    stage.keep(VOLATILE, Durability::Volatile).await?;
    stage.keep(COMMIT, Durability::Commit).await?;
    stage.keep_carts(CARTS).await?;
    stage.serve_pong(&stage.homes[0]).await?;
    within_a_host(&stage, scale).await?;
    across_hosts(&stage, scale).await?;
    commits(&stage, scale).await?;
    busy(&stage, scale).await
}

/// Calls by hand, timed by the host: without any message between processes.
async fn within_a_host(stage: &Stage, scale: &Scale) -> Result<()> {
    let home = &stage.homes[0];
    let keyed = by_hand(VOLATILE, Some("k"), "test:stateful/operations", "ping", r#""0""#)?;
    let plain = by_hand("pong", None, "example:ping-pong/pong", "ping", r#""0""#)?;
    let (mut ours, mut theirs) = (Samples::default(), Samples::default());
    for round in 0..=scale.rounds {
        for _ in 0..scale.calls {
            let (our_time, their_time) = (timed(stage, home, &keyed).await?, timed(stage, home, &plain).await?);
            if round > 0 {
                ours.add(our_time);
                theirs.add(their_time);
            }
        }
    }
    compare("within-a-host", &ours, "service, reused instance", &theirs, 1.5);
    Ok(())
}

fn by_hand(actor: &str, key: Option<&str>, interface: &str, function: &str, arguments: &str) -> Result<Call> {
    Ok(Call {
        key: key.map(str::parse).transpose()?,
        owner_unreachable: false,
        actor: actor.parse()?,
        interface: interface.to_owned(),
        function: function.to_owned(),
        arguments: arguments.to_owned(),
        encoding: TextEncoding::Wave,
        deadline_ms: 30_000,
    })
}

async fn timed(stage: &Stage, host: &TestHost, call: &Call) -> Result<Duration> {
    let reply = stage.lattice.send(host, call).await?;
    ensure!(reply.moved_to.is_none(), "it is elsewhere");
    Ok(Duration::from_micros(reply.took_us))
}

/// Calls from another host, through the cluster.
async fn across_hosts(stage: &Stage, scale: &Scale) -> Result<()> {
    let home = &stage.homes[0];
    let (mut ours, mut theirs) = (Samples::default(), Samples::default());
    for round in 0..=scale.rounds {
        for _ in 0..scale.calls {
            let start = Instant::now();
            stage.ping_keyed(VOLATILE, "k").await?;
            let our_time = start.elapsed();
            let start = Instant::now();
            stage.ping(home.id()).await?;
            let their_time = start.elapsed();
            if round > 0 {
                ours.add(our_time);
                theirs.add(their_time);
            }
        }
    }
    compare("across-hosts", &ours, "service, reused instance", &theirs, 1.5);
    Ok(())
}

/// Calls that are stored before they are answered, of as many keys as the baseline has buckets.
async fn commits(stage: &Stage, scale: &Scale) -> Result<()> {
    let keys: Vec<String> = (0..8).map(|number| format!("commit-{number}")).collect();
    stage.touch(COMMIT, &keys, 1).await?;
    let (mut ours, mut theirs) = (Samples::default(), Samples::default());
    for round in 0..scale.rounds {
        for nth in 0..scale.calls {
            let start = Instant::now();
            stage.run(COMMIT, &keys[nth % keys.len()], "add", "1").await?;
            ours.add(start.elapsed());
        }
        let bytes = stage.record_bytes(COMMIT, &keys[0]).await?;
        let written = stage.write(&format!("commit-{round}"), bytes, scale.calls).await?;
        theirs.extend(written.times());
    }
    compare("commit", &ours, "one write with three copies", &theirs, 2.5);
    Ok(())
}

/// Many keys, some callers each: what comes while a write is on its way goes into the next one together.
async fn busy(stage: &Stage, scale: &Scale) -> Result<()> {
    let keys: Vec<String> = (0..BUSY_KEYS).map(|number| format!("busy-{number}")).collect();
    try_join_all(keys.iter().map(|key| stage.add_to_cart(CARTS, key))).await?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..scale.rounds {
        let start = Instant::now();
        let until = start + scale.busy;
        let callers = keys.iter().flat_map(|key| [key; CALLERS]);
        let calls = callers.map(async |key| {
            let mut calls = 0_usize;
            while Instant::now() < until {
                stage.add_to_cart(CARTS, key).await?;
                calls += 1;
            }
            anyhow::Ok(calls)
        });
        let calls: usize = try_join_all(calls).await?.into_iter().sum();
        ours.push(a_second(calls, start));
        let bytes = stage.record_bytes(CARTS, &keys[0]).await?;
        let start = Instant::now();
        let until = start + scale.busy;
        let writes = (0..BUSY_KEYS).map(|nth| stage.write_until(nth, round, bytes, until));
        let writes: usize = try_join_all(writes).await?.into_iter().sum();
        theirs.push(a_second(writes, start));
    }
    let per_second = |rate: f64| json!({ "per-second": rate });
    row(
        &format!("stateful/{BUSY_KEYS}-busy-keys/commits"),
        &per_second(median(ours)),
        Some(&("as many writes at a time", per_second(median(theirs)))),
        &json!({ "ratio-at-least": 0.7 }),
    );
    Ok(())
}

fn a_second(count: usize, since: Instant) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a small count")]
    let count = count as f64;
    count / since.elapsed().as_secs_f64()
}

/// Prints medians with their target, and 99th percentiles without.
fn compare(name: &str, ours: &Samples, baseline: &'static str, theirs: &Samples, most: f64) {
    for (percent, target) in [(50, json!({ "ratio-at-most": most })), (99, none())] {
        row(
            &format!("stateful/call/{name}/p{percent}"),
            &micros(ours.percentile(percent)),
            Some(&(baseline, micros(theirs.percentile(percent)))),
            &target,
        );
    }
}
