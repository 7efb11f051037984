//! How long until actors answer again whose host is lost?

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures::StreamExt as _;
use lattice_core::{ActorSpec, Durability};
use lattice_node::testing::TestHost;
use serde_json::json;

use super::cluster::Stage;
use super::figures::{Samples, at_most, millis, none, plain};
use super::scale::Scale;

const ACTOR: &str = "keeper";
/// Calls at a time that wake the actors beforehand.
const AT_A_TIME: usize = 64;

/// Measures.
pub(super) async fn run(scale: &Scale) -> Result<()> {
    let mut stage = Stage::set_up(2, None).await?;
    let spec = stage.keep(ACTOR, Durability::Commit).await?;
    let mut one = Samples::default();
    for crash in 0..scale.crashes {
        one.extend(crash_with(&mut stage, &spec, crash, 1).await?);
    }
    plain(
        "stateful/failover/one-actor/worst",
        &millis(one.worst()),
        &at_most(&json!({ "millis": 3_000.0 })),
    );
    let mut many = Samples::default();
    many.extend(crash_with(&mut stage, &spec, scale.crashes, scale.bereaved).await?);
    let name = format!("stateful/failover/{}-actors", scale.bereaved);
    plain(&format!("{name}/p50"), &millis(many.percentile(50)), &none());
    plain(
        &format!("{name}/all"),
        &millis(many.worst()),
        &at_most(&json!({ "millis": 6_000.0 })),
    );
    Ok(())
}

/// Loses a host with so many actors on it that are in use, and returns how long each was not there. Then there is another host.
async fn crash_with(stage: &mut Stage, spec: &ActorSpec, crash: usize, actors: usize) -> Result<Vec<Duration>> {
    let keys: Vec<String> = (0..actors * 3 + 8).map(|number| format!("{crash}-{number}")).collect();
    stage.touch(ACTOR, &keys, AT_A_TIME).await?;
    let victim: TestHost = stage.homes.remove(0);
    let mut bereaved = stage.awake(ACTOR, &victim).await?;
    bereaved.retain(|key| keys.contains(key));
    bereaved.truncate(actors);
    anyhow::ensure!(bereaved.len() == actors, "{} actors live there", bereaved.len());

    // Nothing is drained, nobody is told.
    drop(victim);
    let lost = Instant::now();
    let stage_now = &*stage;
    let calls = bereaved.iter().map(async |key| {
        let count = stage_now
            .run(ACTOR, key, "add", "1")
            .await
            .context("it does not go on")?;
        anyhow::ensure!(count == "2", "{key} counts {count}");
        Ok(lost.elapsed())
    });
    let calls: futures::stream::FuturesUnordered<_> = calls.collect();
    let back: Vec<Result<Duration>> = calls.collect().await;

    let next = stage.home(&format!("home-after-{crash}"), None).await;
    stage.lattice.start_actor(&next, spec).await;
    stage.homes.push(next);
    back.into_iter().collect()
}
