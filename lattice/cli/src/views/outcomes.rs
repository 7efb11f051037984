//! What came of an action.

use anyhow::Result;
use lattice_control::{KeyedMoved, Placed, Placement, Relocated};
use lattice_core::text::format_bytes;
use lattice_core::{ActorName, KeyedActor};
use serde::Serialize;

use crate::output::Document;

/// Says where an actor's replicas are.
pub(crate) fn placed(actor: &ActorName, placed: &Placed) -> Result<Document> {
    #[derive(Serialize)]
    struct Outcome<'a> {
        actor: &'a ActorName,
        replicas: u32,
        #[serde(flatten)]
        placed: &'a Placed,
    }
    let replicas = placed.placements.iter().map(|placement| placement.replicas).sum();
    let text = match placed.placements.as_slice() {
        [] => format!("actor/{actor} runs nowhere"),
        placements => format!("actor/{actor} serves with {}: {}", count(replicas), list(placements)),
    };
    Document::single(
        "Actor",
        format!("actor/{actor}"),
        &Outcome {
            actor,
            replicas,
            placed,
        },
        text,
    )
}

/// Says where a stateful actor moved.
pub(crate) fn keyed_moved(actor: &KeyedActor, from: &str, to: &str, moved: &KeyedMoved) -> Result<Document> {
    #[derive(Serialize)]
    struct Outcome<'a> {
        actor: &'a KeyedActor,
        from: &'a str,
        to: &'a str,
        pause_us: u64,
        bytes: u64,
        took_us: u64,
    }
    let pause_us = moved.pauses_us.first().copied().unwrap_or_default();
    let pause = match pause_us {
        0 => "it was at rest".to_owned(),
        us => format!("a pause of {}.{} ms", us / 1000, us % 1000 / 100),
    };
    let text = format!(
        "actor/{actor} moved from {from} to {to}: {pause}, {} of state",
        format_bytes(moved.bytes)
    );
    let outcome = Outcome {
        actor,
        from,
        to,
        pause_us,
        bytes: moved.bytes,
        took_us: moved.took_us,
    };
    Document::single("Move", format!("actor/{actor}"), &outcome, text)
}

/// Says where an actor moved.
pub(crate) fn relocated(actor: &ActorName, relocated: &Relocated) -> Result<Document> {
    #[derive(Serialize)]
    struct Outcome<'a> {
        actor: &'a ActorName,
        #[serde(flatten)]
        relocated: &'a Relocated,
    }
    let Relocated {
        from,
        to,
        cancelled,
        keyed,
        took_ms,
    } = relocated;
    let keyed = keyed.as_ref().map_or_else(String::new, taken_along);
    let lost = match cancelled {
        0 => String::new(),
        some => format!("; {some} invocations did not finish in time and were cancelled"),
    };
    let text = format!(
        "actor/{actor} moved from {} to {} in {took_ms} ms, {} there now{keyed}{lost}",
        from.host,
        to.host,
        count(to.replicas)
    );
    Document::single("Move", format!("actor/{actor}"), &Outcome { actor, relocated }, text)
}

fn count(replicas: u32) -> String {
    if replicas == 1 {
        "1 replica".to_owned()
    } else {
        format!("{replicas} replicas")
    }
}

fn list(placements: &[Placement]) -> String {
    let each = placements
        .iter()
        .map(|placement| format!("{}×{}", placement.host, placement.replicas));
    each.collect::<Vec<_>>().join(", ")
}

/// What came of moving the live actors of a stateful one.
fn taken_along(keyed: &KeyedMoved) -> String {
    let mut pauses = keyed.pauses_us.clone();
    pauses.sort_unstable();
    let millis = |at: usize| pauses.get(at).map_or(0.0, |us| *us as f64 / 1000.0);
    let (middle, most) = (millis(pauses.len() / 2), millis(pauses.len().saturating_sub(1)));
    let mut text = format!(
        "; {} live actors went along, with a pause of {middle:.1} ms in the middle and {most:.1} ms at most",
        pauses.len()
    );
    if let Some(first) = keyed.stayed.first() {
        text.push_str(&format!(
            "; {} did not and are woken when they are called (`{}`: {})",
            keyed.stayed.len(),
            first.key,
            first.reason
        ));
    }
    text
}
