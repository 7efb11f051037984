//! What do many actors cost: ten thousand awake, and many more than there is room for?

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use lattice_core::Durability;
use serde_json::json;
use tokio_util::task::AbortOnDropHandle;

use super::cluster::Stage;
use super::figures::{at_most, bytes, count, millis, none, plain};
use super::scale::Scale;

const ACTOR: &str = "keeper";
/// Calls at a time.
const AT_A_TIME: usize = 64;
/// Actors that are woken one after the other, to see how long one takes.
const ALONE: usize = 100;
/// More than any crowd here has, so that only the number of actors counts.
const NO_CAP: u64 = 1 << 40;
/// How often the memory of this process is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Measures.
pub(super) async fn run(scale: &Scale) -> Result<()> {
    awake(scale).await?;
    touched(scale).await
}

/// Actors that are all awake.
async fn awake(scale: &Scale) -> Result<()> {
    let mut stage = Stage::set_up(1, Some(NO_CAP)).await?;
    stage.keep(ACTOR, Durability::Commit).await?;
    let alone = stage.touch(ACTOR, &keys("alone", ALONE), 1).await?;
    let write = stage.write("activation", 200, scale.baseline.min(ALONE)).await?;
    // An activation reads the record, takes it, and stores what the first call changed.
    alone.print(
        "stateful/activation",
        Some(&("one write of 200 B", write)),
        [none(), none()],
    );

    let before = resident_bytes()?;
    let started = Instant::now();
    let crowded = stage.touch(ACTOR, &keys("crowd", scale.awake), AT_A_TIME).await?;
    let took = started.elapsed();
    let grown = resident_bytes()?.saturating_sub(before);
    let awake = stage.awake(ACTOR, &stage.homes[0]).await?.len();
    ensure!(awake == scale.awake + ALONE, "{awake} are awake");

    let name = format!("stateful/{}-awake", scale.awake);
    #[expect(clippy::cast_precision_loss, reason = "bytes of one actor")]
    plain(
        &format!("{name}/memory-of-one"),
        &bytes(grown as f64 / scale.awake as f64),
        &none(),
    );
    plain(&format!("{name}/all-woken"), &millis(took), &none());
    crowded.print(&format!("{name}/activation"), None, [none(), none()]);
    Ok(())
}

/// Far more actors than may be awake: each is touched once, and none is lost.
async fn touched(scale: &Scale) -> Result<()> {
    let mut stage = Stage::set_up(1, Some(scale.memory_max)).await?;
    stage.keep(ACTOR, Durability::Commit).await?;
    let before = resident_bytes()?;
    let peak = std::sync::Arc::new(AtomicU64::new(before));
    let seen = std::sync::Arc::clone(&peak);
    let _looking = AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            seen.fetch_max(resident_bytes().unwrap_or(0), Ordering::Relaxed);
            tokio::time::sleep(LOOK).await;
        }
    }));
    let keys = keys("touched", scale.touched);
    let started = Instant::now();
    let first = stage.touch(ACTOR, &keys, AT_A_TIME).await?;
    let took = started.elapsed();
    let awake = stage.awake(ACTOR, &stage.homes[0]).await?.len();

    let step = (keys.len() / scale.checked).max(1);
    let lost = futures::stream::iter(keys.iter().step_by(step))
        .map(async |key| anyhow::Ok(stage.run(ACTOR, key, "add", "1").await? != "2"))
        .buffer_unordered(AT_A_TIME)
        .try_filter(|lost| std::future::ready(*lost))
        .try_fold(0_usize, async |lost, _| Ok(lost + 1))
        .await?;

    let name = format!("stateful/{}-touched", scale.touched);
    plain(
        &format!("{name}/lost"),
        &count(lost),
        &at_most(&json!({ "count": 0.0 })),
    );
    plain(&format!("{name}/awake"), &count(awake), &none());
    #[expect(clippy::cast_precision_loss, reason = "bytes of a process")]
    let grown = |bytes: u64| bytes.saturating_sub(before) as f64;
    #[expect(clippy::cast_precision_loss, reason = "bytes of a process")]
    let most = bytes(scale.memory_max as f64);
    plain(
        &format!("{name}/memory"),
        &bytes(grown(peak.load(Ordering::Relaxed))),
        &at_most(&most),
    );
    plain(&format!("{name}/all"), &millis(took), &none());
    first.print(&format!("{name}/first-call"), None, [none(), none()]);
    Ok(())
}

fn keys(prefix: &str, number: usize) -> Vec<String> {
    (0..number).map(|number| format!("{prefix}-{number}")).collect()
}

/// Memory of this process, all of its hosts included, from the kernel: the second field of its `statm`, in pages.
fn resident_bytes() -> Result<u64> {
    const PAGE_BYTES: u64 = 4096;
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = statm.split(' ').nth(1).context("no second field")?.parse()?;
    Ok(pages * PAGE_BYTES)
}
