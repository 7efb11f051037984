//! `lattice start`

mod actor;
mod provider;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::app::App;

/// Starts an actor or a provider; returns when it serves
#[derive(Args, Debug)]
pub(crate) struct Start {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Actor(actor::StartActor),
    Provider(provider::StartProvider),
}

impl Start {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        match self.what {
            What::Actor(actor) => actor.run(app).await,
            What::Provider(provider) => provider.run(app).await,
        }
    }
}
