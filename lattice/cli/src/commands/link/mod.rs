//! `lattice link`

mod del;
mod get;
mod parties;
mod put;
mod verdicts;
mod verify;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::app::App;

/// Makes, shows, checks and ends links: signed grants that let an actor or provider use another
#[derive(Args, Debug)]
pub(crate) struct Link {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Put(put::Put),
    Get(get::Get),
    Del(del::Del),
    Verify(verify::Verify),
}

impl Link {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        match self.action {
            Action::Put(put) => put.run(app).await,
            Action::Get(get) => get.run(app).await,
            Action::Del(del) => del.run(app).await,
            Action::Verify(verify) => verify.run(app).await,
        }
    }
}
