//! `lattice app`

mod delete;
mod get;
mod history;
mod list;
mod rollback;
mod status;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::app::App as Surroundings;

/// Lists, shows and ends applications, and goes back to earlier revisions
#[derive(Args, Debug)]
pub(crate) struct App {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    #[command(visible_alias = "ls")]
    List(list::List),
    Get(get::Get),
    Status(status::Status),
    History(history::History),
    Rollback(rollback::Rollback),
    #[command(visible_alias = "del")]
    Delete(delete::Delete),
}

impl App {
    pub(crate) async fn run(self, app: &Surroundings) -> Result<()> {
        match self.what {
            What::List(command) => command.run(app).await,
            What::Get(command) => command.run(app).await,
            What::Status(command) => command.run(app).await,
            What::History(command) => command.run(app).await,
            What::Rollback(command) => command.run(app).await,
            What::Delete(command) => command.run(app).await,
        }
    }
}
