//! What does a call to an actor on another host cost, against one NATS request and its reply with as many bytes?
//!
//! Both go through the same nats-server, each over two connections of their own. The baseline runs no guest; so the callee's
//! instance is reused, which leaves the call itself, and the figure with a fresh instance for each call stands beside it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use futures::StreamExt;
use lattice_core::{Party, Reuse};
use lattice_mesh::{OutgoingCall, new_invocation_id};
use serde_json::{Value, json};
use tokio_util::task::AbortOnDropHandle;

use crate::lattice::{Placement, Stage};
use crate::row;

/// Calls in one round.
const CALLS: usize = 500;
/// Rounds of each side; the first of each warms it up.
const ROUNDS: usize = 8;
/// Where the baseline's responder listens.
const SUBJECT: &str = "bench.echo";

/// Measures both modes of the callee.
pub(crate) async fn run() -> Result<()> {
    measure("reused", Reuse::Invocations(1000), &json!({ "ratio-at-most": 1.5 })).await?;
    measure("fresh", Reuse::Fresh, &json!("none")).await
}

/// Measures messages of several sizes. `target` is that of the median.
async fn measure(mode: &str, reuse: Reuse, target: &Value) -> Result<()> {
    let stage = Stage::set_up(Placement::OtherHost, reuse).await?;
    let responder = async_nats::connect(stage.nats.url()).await?;
    let mut requests = responder.subscribe(SUBJECT).await?;
    responder.flush().await?;
    let echo = AbortOnDropHandle::new(tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            let Some(reply) = request.reply else { continue };
            if responder.publish(reply, request.payload).await.is_err() {
                break;
            }
        }
    }));
    let requester = async_nats::connect(stage.nats.url()).await?;
    for bytes in [16, 4096] {
        let args: Bytes = rmp_serde::to_vec(&["x".repeat(bytes)])?.into();
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for round in 0..=ROUNDS {
            for _ in 0..CALLS {
                let start = Instant::now();
                call(&stage, args.clone()).await?;
                let our_time = start.elapsed();
                let start = Instant::now();
                let reply = requester.request(SUBJECT, args.clone()).await?;
                let their_time = start.elapsed();
                ensure!(reply.payload == args, "the echo came back changed");
                if round > 0 {
                    ours.push(our_time);
                    theirs.push(their_time);
                }
            }
        }
        for (name, share, target) in [("p50", 0.5, target), ("p99", 0.99, &json!("none"))] {
            let baseline = ("raw NATS request", json!({ "micros": percentile(&mut theirs, share) }));
            row(
                &format!("call/remote/{mode}/{bytes}B/{name}"),
                &json!({ "micros": percentile(&mut ours, share) }),
                Some(&baseline),
                target,
            );
        }
    }
    drop(echo);
    Ok(())
}

/// Calls `pong` as the relay would.
async fn call(stage: &Stage, args: Bytes) -> Result<()> {
    let call = OutgoingCall {
        id: new_invocation_id(),
        source: Party::Actor("relay".parse()?),
        target: Party::Actor("pong".parse()?),
        link: stage.link.clone(),
        interface: "example:ping-pong/pong@0.1.0".parse()?,
        function: "ping".parse()?,
        deadline: Instant::now() + Duration::from_secs(10),
        trace: None,
        head: Bytes::new(),
        body: args.into(),
    };
    let callee = stage.callee.as_ref().context("the callee has no host of its own")?;
    let reply = stage.caller.node().member().invoke(call, callee.id()).await?;
    ensure!(
        reply.body.len().is_some_and(|bytes| bytes > 6),
        "pong's answer is too short"
    );
    Ok(())
}

fn percentile(times: &mut [Duration], share: f64) -> f64 {
    times.sort_unstable();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of a small count"
    )]
    let index = ((times.len() - 1) as f64 * share).round() as usize;
    times[index].as_secs_f64() * 1e6
}
