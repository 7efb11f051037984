//! `lattice app list`

use anyhow::Result;
use clap::Args;

use crate::{app::App, applications::Follower, session::Session, views};

/// Lists the applications, and how far each is
#[derive(Args, Debug)]
pub(super) struct List {
    /// Deleted ones too
    #[arg(long)]
    deleted: bool,
}

impl List {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        let session = Session::connect_verifying(app.context()?).await?;
        let stored = session.client.apps().await?;
        let progress = Follower::new(&session).look(&[]).await?.map(|reply| reply.apps);
        let progress = progress.unwrap_or_default();
        app.print(&views::apps(&stored, &progress, self.deleted)?)
    }
}
