//! How long does an actor pause that moves, and how long do a thousand take?

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lattice_control::{KeyedMove, KeyedMoved};
use lattice_core::{Durability, MemberId};
use lattice_node::testing::TestHost;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::cluster::Stage;
use super::figures::{Samples, at_most, millis, none, plain};
use super::scale::Scale;

/// The longest pause that is let happen: longer than any that is promised.
const PAUSE_MAX_MS: u64 = 10_000;
/// Between the calls of a light load.
const LOAD_PAUSE: Duration = Duration::from_millis(5);
/// Between moves under load: callers find the actor where it is, and then it moves.
const MOVE_PAUSE: Duration = Duration::from_millis(50);
/// Calls at a time that wake a herd.
const AT_A_TIME: usize = 64;
const ACTOR: &str = "keeper";
const HERD: &str = "herd";

/// Measures.
pub(super) async fn run(scale: &Scale) -> Result<()> {
    let mut stage = Stage::set_up(2, None).await?;
    stage.keep(ACTOR, Durability::Commit).await?;
    stage.keep(HERD, Durability::Commit).await?;

    let small = stage.write("small", 200, scale.baseline).await?;
    let larger = stage.write("larger", 64 << 10, scale.baseline).await?;
    let request = stage.requests(scale.baseline).await?;
    small.print("stateful/baseline/write-200B", None, [none(), none()]);
    larger.print("stateful/baseline/write-64KiB", None, [none(), none()]);
    request.print("stateful/baseline/nats-request", None, [none(), none()]);

    let promised = || [15.0, 75.0].map(|most| at_most(&json!({ "millis": most })));
    for (size, bytes, baseline) in [
        ("1KiB", 1 << 10, ("write of 200 B", small)),
        ("60KiB", 60 << 10, ("write of 64 KiB", larger)),
    ] {
        stage.run(ACTOR, size, "cell-set", &cell(0, bytes)).await?;
        let idle = to_and_fro(&stage, size, scale.moves, Duration::ZERO).await?;
        idle.print(&format!("stateful/move/{size}/idle"), Some(&baseline), promised());
        let (pauses, calls) = under_load(&stage, size, scale.moves).await?;
        pauses.print(&format!("stateful/move/{size}/load"), Some(&baseline), promised());
        calls.print(&format!("stateful/move/{size}/load/call"), None, [none(), none()]);
        let worst = millis(calls.worst());
        plain(&format!("stateful/move/{size}/load/call/longest"), &worst, &none());
    }
    large(&stage, scale).await?;
    herd(&stage, scale).await
}

/// An actor whose state lies in the object store.
async fn large(stage: &Stage, scale: &Scale) -> Result<()> {
    for nth in 0..scale.large_cells {
        stage.run(ACTOR, "large", "cell-set", &cell(nth, 1 << 20)).await?;
    }
    let pauses = to_and_fro(stage, "large", scale.large_moves, Duration::ZERO).await?;
    plain(
        &format!("stateful/move/{}MiB/idle/worst", scale.large_cells),
        &millis(pauses.worst()),
        &at_most(&json!({ "millis": 250.0 })),
    );
    Ok(())
}

/// All actors of one name.
async fn herd(stage: &Stage, scale: &Scale) -> Result<()> {
    let keys: Vec<String> = (0..scale.herd).map(|number| number.to_string()).collect();
    // The first of all make the buckets.
    let first: Vec<String> = (0..AT_A_TIME).map(|number| format!("first-{number}")).collect();
    stage.touch(HERD, &first, 1).await?;
    let woken = stage.touch(HERD, &keys, AT_A_TIME).await?;
    woken.print("stateful/herd/first-call", None, [none(), none()]);
    let [from, to] = &stage.homes[..] else {
        unreachable!("two homes were asked for")
    };
    order(stage, HERD, None, to, from.id()).await?;
    let moved = order(stage, HERD, None, from, to.id()).await?;
    let size = keys.len() + first.len();
    ensure!(moved.pauses_us.len() == size, "{} moved", moved.pauses_us.len());
    let took = millis(Duration::from_micros(moved.took_us));
    plain(&format!("stateful/move/{size}-keys/all"), &took, &none());
    let mut pauses = Samples::default();
    pauses.add_micros(moved.pauses_us);
    pauses.print(&format!("stateful/move/{size}-keys/pause"), None, [none(), none()]);
    Ok(())
}

/// What `cell-set` takes, so many bytes of it.
fn cell(nth: usize, bytes: usize) -> String {
    format!("cell-{nth}={}", "x".repeat(bytes))
}

/// Moves an actor between the two homes, so long between each time, and returns its pauses.
async fn to_and_fro(stage: &Stage, key: &str, moves: usize, between: Duration) -> Result<Samples> {
    let mut at = stage.home_of(ACTOR, key).await?;
    let mut pauses = Samples::default();
    for _ in 0..moves {
        let (from, to) = (&stage.homes[at], &stage.homes[1 - at]);
        let moved = order(stage, ACTOR, Some(key), from, to.id()).await?;
        pauses.add_micros(moved.pauses_us);
        at = 1 - at;
        tokio::time::sleep(between).await;
    }
    Ok(pauses)
}

/// The same while one caller counts, which sees the pauses as long calls. Returns both.
async fn under_load(stage: &Stage, key: &str, moves: usize) -> Result<(Samples, Samples)> {
    let enough = CancellationToken::new();
    let load = async {
        let mut calls = Samples::default();
        let mut count = stage.run(ACTOR, key, "get", "").await?.parse::<u64>()?;
        while !enough.is_cancelled() {
            let start = Instant::now();
            let counted = stage.run(ACTOR, key, "add", "1").await?.parse::<u64>()?;
            calls.add(start.elapsed());
            count += 1;
            ensure!(counted == count, "it counts {counted} after {count} calls");
            tokio::time::sleep(LOAD_PAUSE).await;
        }
        Ok(calls)
    };
    let moves = async {
        let moved = to_and_fro(stage, key, moves, MOVE_PAUSE).await;
        enough.cancel();
        moved
    };
    let (moved, calls) = tokio::join!(moves, load);
    Ok((moved?, calls?))
}

/// Moves one actor, or all of a name.
async fn order(stage: &Stage, name: &str, key: Option<&str>, from: &TestHost, to: &MemberId) -> Result<KeyedMoved> {
    let order = KeyedMove {
        name: name.parse()?,
        key: key.map(str::parse).transpose()?,
        to: to.clone(),
        pause_max_ms: PAUSE_MAX_MS,
    };
    let moved = stage.lattice.send(from, &order).await.context("not moved")?;
    ensure!(moved.stayed.is_empty(), "some stay: {:?}", moved.stayed.first());
    Ok(moved)
}
