//! What does a warm call to a stateful actor cost, beside one to a service, and beside the write that it waits for?

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures::future::try_join_all;
use lattice_control::{Call, TextEncoding};
use lattice_core::Durability;
use serde_json::json;

use super::cluster::Stage;
use super::figures::{Samples, micros, none};
use super::scale::Scale;
use crate::{median, row};

/// Keys that are kept busy at a time.
const BUSY_KEYS: usize = 64;
/// Callers of each of them.
const CALLERS: usize = 4;
/// Calls that an actor makes in a row to others on its host, and how long their messages are.
const PAIRED: u32 = 3_000;
const BYTES: u32 = 16;
const PAIR: &str = "pair";
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
    stage.pair(PAIR, VOLATILE).await?;
    within_a_host(&stage, scale).await?;
    across_hosts(&stage, scale).await?;
    commits(&stage, scale).await?;
    busy(&stage, scale).await
}

/// Calls of an actor to others on its host, one after another.
async fn within_a_host(stage: &Stage, scale: &Scale) -> Result<()> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..=scale.rounds {
        let keyed = calls_of_pair(stage, "keyed", &format!("\"k\", {PAIRED}, {BYTES}")).await?;
        let plain = calls_of_pair(stage, "plain", &format!("{PAIRED}, {BYTES}")).await?;
        if round > 0 {
            ours.push(keyed);
            theirs.push(plain);
        }
    }
    let each = |time: f64| json!({ "micros": time });
    row(
        "stateful/call/within-a-host",
        &each(median(ours)),
        Some(&("service, reused instance", each(median(theirs)))),
        &json!({ "ratio-at-most": 1.5 }),
    );
    Ok(())
}

/// How long one call takes, in microseconds.
async fn calls_of_pair(stage: &Stage, function: &str, arguments: &str) -> Result<f64> {
    let call = Call {
        key: None,
        owner_unreachable: false,
        actor: PAIR.parse()?,
        interface: "test:keyed-relay/relay".to_owned(),
        function: function.to_owned(),
        arguments: arguments.to_owned(),
        encoding: TextEncoding::Wave,
        deadline_ms: 60_000,
    };
    let reply = stage.lattice.send(&stage.homes[0], &call).await?;
    ensure!(
        reply.result == PAIRED.to_string(),
        "{} of {PAIRED} answers were right",
        reply.result
    );
    Ok(Duration::from_micros(reply.took_us).as_secs_f64() * 1e6 / f64::from(PAIRED))
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
