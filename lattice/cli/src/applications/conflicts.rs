//! Whether the names that the application needs are somebody else's.

use anyhow::Result;
use lattice_control::InventoryReply;
use lattice_core::{Application, application::VerifiedRevision};

use crate::{
    failure::{Exit, Failure},
    session::Session,
};

/// Refuses early what the controller would not do: to take away what another application or a person runs.
pub(crate) async fn check_free(session: &Session, next: &Application) -> Result<()> {
    let apps = session.client.apps().await?;
    let others: Vec<VerifiedRevision> = apps.into_iter().filter_map(|at| at.revision.ok()).collect();
    let inventories = session.client.inventories().await?;
    let conflicts = conflicts(next, &others, &inventories);
    if conflicts.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Conflict,
        format!("`{}` cannot be applied; nothing was done", next.name),
    )
    .because(conflicts.join("\n       "))
    .help("give what is yours another name, or take the other away first")
    .into())
}

fn conflicts(next: &Application, apps: &[VerifiedRevision], inventories: &[InventoryReply]) -> Vec<String> {
    let others = || {
        let all = apps.iter().map(|verified| &verified.revision.application);
        all.filter(|other| other.name != next.name)
    };
    let mut conflicts = Vec::new();
    for name in next.actors.iter().map(|actor| &actor.spec.name) {
        for other in others().filter(|other| other.actor(name).is_some()) {
            conflicts.push(format!("actor `{name}` belongs to the application `{}`", other.name));
        }
        for inventory in inventories {
            let mut running = inventory.actors.iter();
            if running.any(|actor| actor.name() == name && actor.spec.app.is_none()) {
                let host = &inventory.summary.name;
                conflicts.push(format!(
                    "actor `{name}` runs on {host}, started by hand: `lattice stop actor {name}`"
                ));
            }
        }
    }
    for provider in &next.providers {
        let name = &provider.spec.name;
        // One that is declared alike is shared.
        for other in others().filter(|other| other.provider(name).is_some_and(|theirs| theirs != provider)) {
            conflicts.push(format!(
                "provider `{name}` is declared otherwise by the application `{}`: declare it alike to share it",
                other.name
            ));
        }
        for inventory in inventories {
            let mut running = inventory.providers.iter();
            if running.any(|running| running.spec.name == *name && !running.spec.managed) {
                let host = &inventory.summary.name;
                conflicts.push(format!(
                    "provider `{name}` runs on {host}, started by hand: `lattice stop provider {name}`"
                ));
            }
        }
    }
    conflicts
}
