//! What does a call to an actor on another host cost, against one NATS request and its reply with as many bytes?
//!
//! Both go through the same nats-server, each over two connections of their own.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use futures::StreamExt;
use lattice_core::Party;
use lattice_mesh::{OutgoingCall, new_invocation_id};
use serde_json::json;

use crate::lattice::{Placement, Stage};
use crate::row;

/// Calls in one round.
const CALLS: usize = 500;
/// Rounds of each side; the first of each warms it up.
const ROUNDS: usize = 8;
/// Where the baseline's responder listens.
const SUBJECT: &str = "bench.echo";

/// Measures messages of several sizes.
pub(crate) async fn run() -> Result<()> {
    let stage = Stage::set_up(Placement::OtherHost).await?;
    let responder = async_nats::connect(stage.nats.url()).await?;
    let mut requests = responder.subscribe(SUBJECT).await?;
    responder.flush().await?;
    let echo = tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            let Some(reply) = request.reply else { continue };
            if responder.publish(reply, request.payload).await.is_err() {
                break;
            }
        }
    });
    let requester = async_nats::connect(stage.nats.url()).await?;
    for bytes in [16, 4096] {
        let args: Bytes = rmp_serde::to_vec(&["x".repeat(bytes)])?.into();
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for round in 0..=ROUNDS {
            for _ in 0..CALLS {
                let start = Instant::now();
                let side = std::env::var("SIDE").unwrap_or_default();
                if side != "theirs" { call(&stage, args.clone()).await?; }
                let our_time = start.elapsed();
                let start = Instant::now();
                if side != "ours" {
                let reply = requester.request(SUBJECT, args.clone()).await?;
                ensure!(reply.payload == args, "the echo came back changed");
                }
                let their_time = start.elapsed();
                if round > 0 {
                    ours.push(our_time);
                    theirs.push(their_time);
                }
            }
        }
        for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
            let baseline = ("raw NATS request", json!({ "micros": percentile(&mut theirs, share) }));
            let target = if name == "p50" {
                json!({ "ratio-at-most": 1.5 })
            } else {
                json!("none")
            };
            row(
                &format!("call/remote/{bytes}B/{name}"),
                &json!({ "micros": percentile(&mut ours, share) }),
                Some(&baseline),
                &target,
            );
        }
    }
    echo.abort();
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
