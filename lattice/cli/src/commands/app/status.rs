//! `lattice app status`

use anyhow::Result;
use clap::Args;
use lattice_core::AppName;

use crate::{
    app::App,
    applications::{Follower, verified},
    failure::Failure,
    session::Session,
    views,
};

/// Shows how far an application is, and what keeps it
#[derive(Args, Debug)]
pub(super) struct Status {
    /// Which application
    name: AppName,
}

impl Status {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        let session = Session::connect_verifying(app.context()?).await?;
        let at = session.client.app(&self.name).await?.ok_or_else(|| {
            Failure::not_found(format!("there is no application `{}`", self.name))
                .help("`lattice app list` shows those there are")
        })?;
        let names = std::slice::from_ref(&self.name);
        let reply = Follower::new(&session).look(names).await?;
        let progress = reply.and_then(|reply| reply.apps.into_iter().next());
        app.print(&views::app_status(verified(&at)?, progress.as_ref())?)
    }
}
