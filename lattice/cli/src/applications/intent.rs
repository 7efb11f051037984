//! Changing by hand what an application declares: the change is written down as its next revision, so that the controller does not
//! undo it.

use anyhow::Result;
use lattice_control::{AppAt, InventoryReply};
use lattice_core::{ActorName, AppName, Application};

use super::current;
use crate::session::Session;

/// An actor about which an application decides.
pub(crate) struct Managed {
    /// Where the application stands.
    pub(crate) at: AppAt,
    /// What it declares now.
    pub(crate) application: Application,
}

/// The application that decides about an actor, if one does.
pub(crate) async fn managed(
    session: &Session,
    actor: &ActorName,
    inventories: &[InventoryReply],
) -> Result<Option<Managed>> {
    let running = inventories.iter().flat_map(|inventory| &inventory.actors);
    let owner = running
        .filter(|status| status.name() == actor)
        .find_map(|status| status.spec.app.clone());
    let owner: Option<AppName> = match owner {
        Some(owner) => Some(owner),
        // Scaled to nothing it runs nowhere, and is declared all the same.
        None if session.context.trusted_operators.is_empty() => None,
        None => session
            .client
            .apps()
            .await?
            .into_iter()
            .filter_map(|at| at.revision.ok())
            .find(|verified| verified.revision.application.actor(actor).is_some())
            .map(|verified| verified.revision.application.name),
    };
    let Some(owner) = owner else { return Ok(None) };
    let (at, verified) = current(session, &owner).await?;
    let application = verified.revision.application;
    if application.actor(actor).is_none() {
        return Ok(None);
    }
    Ok(Some(Managed { at, application }))
}
