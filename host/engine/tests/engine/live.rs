//! Stateful actors: woken, asked one turn after another, saved, put to rest.

mod dying;
mod life;
mod turns;

use std::sync::Arc;
use std::time::{Duration, Instant};

use lattice_core::{Fault, InvocationId, Limits};
use lattice_engine::{Actor, Cause, Cells, Effects, Image, Live, Turn, WakeError, Waking};
use uuid::Uuid;

use crate::stub::World;
use crate::support::{guest, interface, limited, start};

const OPERATIONS: &str = "test:stateful/operations";

/// The stateful guest, told by its configuration what to do when.
async fn actor(config: &[(&str, &str)], world: &Arc<World>) -> Actor {
    actor_within(Limits::default(), config, world).await
}

async fn actor_within(limits: Limits, config: &[(&str, &str)], world: &Arc<World>) -> Actor {
    let mut options = limited("cart", limits);
    options.config = config
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    start(guest("test-stateful"), options, world).await
}

fn waking(image: Option<Image>, cells: Cells) -> Waking {
    Waking {
        actor: "cart/alice".parse().expect("an actor"),
        epoch: 7,
        cause: if image.is_some() {
            Cause::Reactivated
        } else {
            Cause::Created
        },
        from_version: None,
        image,
        cells,
        state_bytes_max: 1000,
        deadline: Instant::now() + Duration::from_secs(60),
        trace: None,
    }
}

async fn wake(actor: &Actor) -> Live {
    try_wake(actor).await.unwrap_or_else(|error| panic!("{error}"))
}

async fn try_wake(actor: &Actor) -> Result<Live, WakeError> {
    actor.wake(waking(None, Cells::new())).await
}

fn turn() -> Turn {
    turn_within(Duration::from_secs(60))
}

fn turn_within(time: Duration) -> Turn {
    Turn {
        deadline: Instant::now() + time,
        invocation: InvocationId::from_parts(1, [1; 10]),
        trace: None,
        id: Uuid::from_u128(5),
        sender: None,
        chain: Vec::new(),
        now_ms: 1_000,
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// Lets the actor run an operation, and returns what it said and left behind.
async fn run(live: &mut Live, operation: &str, argument: &str) -> Result<(String, Effects), Fault> {
    run_in(live, operation, argument, turn()).await
}

async fn run_in(live: &mut Live, operation: &str, argument: &str, turn: Turn) -> Result<(String, Effects), Fault> {
    let args = format!("{operation:?}, {argument:?}");
    live.call_text(&interface(OPERATIONS), "run", &args, turn).await
}

/// As [`run`], of an operation that works.
async fn said(live: &mut Live, operation: &str, argument: &str) -> String {
    let (answer, _) = run(live, operation, argument)
        .await
        .unwrap_or_else(|fault| panic!("{operation} {argument}: {fault}"));
    answer
}

/// As [`run`], of an operation that works, for what it left behind.
async fn left(live: &mut Live, operation: &str, argument: &str) -> Effects {
    let (answer, effects) = run(live, operation, argument)
        .await
        .unwrap_or_else(|fault| panic!("{operation} {argument}: {fault}"));
    assert!(answer.starts_with("ok("), "{operation} {argument}: {answer}");
    effects
}
