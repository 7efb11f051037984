//! `lattice site`

mod add;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::app::App;

/// Makes ready a site: a place behind a link that may be cut, with a NATS server of its own
#[derive(Args, Debug)]
pub(crate) struct Site {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Add(add::Add),
}

impl Site {
    pub(crate) fn run(self, app: &App) -> Result<()> {
        match self.action {
            Action::Add(add) => add.run(app),
        }
    }
}
