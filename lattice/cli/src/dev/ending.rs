//! Leaving nothing behind.

use std::time::Duration;

use anyhow::Result;
use lattice_core::{AppName, Application, application::Cause};

use crate::{
    applications::{Awaited, Follower, revise},
    output::Narrator,
    session::Session,
};

/// How long it may take until nothing is left: what is in flight is finished first.
const WITHIN: Duration = Duration::from_secs(45);

/// Deletes the application, and returns when nothing is left of it. One that is not there is no failure.
pub(super) async fn end(session: &Session, name: &AppName) -> Result<()> {
    let Some(at) = session.client.app(name).await? else {
        return Ok(());
    };
    if at
        .revision
        .as_ref()
        .is_ok_and(|verified| verified.revision.is_deletion())
    {
        return Ok(());
    }
    let revised = revise(session, Application::empty(name.clone()), Cause::Deleted, &at).await?;
    let mut narrator = Narrator::new();
    Follower::new(session)
        .wait(name, revised.revision.number, Awaited::Deleted, WITHIN, &mut narrator)
        .await?;
    Ok(())
}
