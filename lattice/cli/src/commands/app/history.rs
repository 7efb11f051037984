//! `lattice app history`

use anyhow::Result;
use clap::Args;
use lattice_core::AppName;

use crate::{app::App, failure::Failure, session::Session, views};

/// Lists the revisions of an application: who wrote each, when and why
#[derive(Args, Debug)]
pub(super) struct History {
    /// Which application
    name: AppName,
}

impl History {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        let session = Session::connect_verifying(app.context()?).await?;
        let past = session.client.app_history(&self.name).await?;
        if past.is_empty() {
            return Err(Failure::not_found(format!("there is no application `{}`", self.name))
                .help("`lattice app list` shows those there are")
                .into());
        }
        app.print(&views::app_history(&past)?)
    }
}
