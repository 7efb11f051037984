//! What came of an action.

use anyhow::Result;
use lattice_control::{Placed, Placement, Relocated};
use lattice_core::ActorName;
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
        took_ms,
    } = relocated;
    let lost = match cancelled {
        0 => String::new(),
        some => format!("; {some} invocations did not finish in time and were cancelled"),
    };
    let text = format!(
        "actor/{actor} moved from {} to {} in {took_ms} ms, {} there now{lost}",
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
