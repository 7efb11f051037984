//! What does a call from an actor to an actor on the same host cost, against bare wasmtime with the same two components?
//!
//! The caller makes many calls in one invocation; each is served by a fresh instance of the callee, on both sides.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use lattice_control::{Call, TextEncoding};
use lattice_core::Reuse;
use serde_json::json;

use crate::bare::Bare;
use crate::lattice::{Placement, Stage, component};
use crate::{median, row};

/// Calls in one round.
const CALLS: u32 = 3_000;
/// Rounds of each side; the first of each warms it up.
const ROUNDS: u32 = 8;

/// Measures messages of several sizes.
pub(crate) async fn run() -> Result<()> {
    let stage = Stage::set_up(Placement::SameHost, Reuse::Fresh).await?;
    let bare = Bare::new(&component("test-relay")?, &component("pong")?)?;
    for bytes in [16, 4096] {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for round in 0..=ROUNDS {
            let our_time = of_actors(&stage, bytes).await?;
            let start = Instant::now();
            let right = bare.many(CALLS, bytes).await?;
            let their_time = start.elapsed();
            ensure!(right == CALLS, "bare wasmtime got {right} of {CALLS} answers right");
            if round > 0 {
                ours.push(each(our_time));
                theirs.push(each(their_time));
            }
        }
        let baseline = ("bare wasmtime", json!({ "micros": median(theirs) }));
        let target = json!({ "ratio-at-most": 1.3 });
        row(
            &format!("call/colocated/{bytes}B"),
            &json!({ "micros": median(ours) }),
            Some(&baseline),
            &target,
        );
    }
    Ok(())
}

async fn of_actors(stage: &Stage, bytes: u32) -> Result<Duration> {
    let call = Call {
        key: None,
        owner_unreachable: false,
        actor: "relay".parse()?,
        interface: "test:relay/relay".to_owned(),
        function: "many".to_owned(),
        arguments: format!("{CALLS}, {bytes}"),
        encoding: TextEncoding::Wave,
        deadline_ms: 60_000,
    };
    let reply = stage.lattice.send(&stage.caller, &call).await?;
    ensure!(
        reply.result == CALLS.to_string(),
        "Lattice got {} of {CALLS} answers right",
        reply.result
    );
    Ok(Duration::from_micros(reply.took_us))
}

fn each(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6 / f64::from(CALLS)
}
