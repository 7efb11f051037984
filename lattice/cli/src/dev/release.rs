//! Making what was built what runs: sent, signed, written down, and followed until it serves.

use std::time::{Duration, Instant};

use anyhow::Result;
use lattice_control::reconcile::AppProgress;
use lattice_core::{Application, application::Cause};

use crate::{
    applications::{Awaited, Follower, signer},
    manifests::Declared,
    output::Narrator,
    session::Session,
};

/// A revision that serves.
#[derive(Clone, Debug)]
pub(super) struct Release {
    /// What runs.
    pub(super) application: Application,
    /// In which revision.
    pub(super) number: u64,
    /// Where.
    pub(super) progress: AppProgress,
    /// How long it took from the first byte sent until it served.
    pub(super) took: Duration,
}

/// Writes the next revision, and returns when it serves. What ran before serves until then.
///
/// # Errors
/// When it cannot be stored, or does not serve within `within`: the controller may have gone back to the revision before by then.
pub(super) async fn release(session: &Session, declared: Declared, within: Duration) -> Result<Release> {
    let started = Instant::now();
    let name = declared.application.name.clone();
    let mut narrator = Narrator::new();
    for component in declared.components.into_values() {
        narrator.step(format!("{name}: sending a component"));
        component.store(session).await?;
    }
    narrator.step(format!("{name}: signing and storing"));
    // Somebody else may have written one meanwhile, such as the controller, that went back.
    let before = session.client.app(&name).await?;
    let signer = signer(session)?;
    let application = declared.application;
    let revised = session
        .client
        .revise(application.clone(), Cause::Applied, before.as_ref(), &signer)
        .await?;
    let number = revised.revision.number;
    let progress = Follower::new(session)
        .wait(&name, number, Awaited::Ready, within, &mut narrator)
        .await?;
    Ok(Release {
        application,
        number,
        progress,
        took: started.elapsed(),
    })
}
