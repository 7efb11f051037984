//! `lattice bundle`

mod load;
mod save;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::app::App;

/// Carries components, with their signatures, to machines without a network: one file, an OCI image layout in a tar
#[derive(Args, Debug)]
pub(crate) struct Bundle {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Save(save::Save),
    Load(load::Load),
}

impl Bundle {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        match self.action {
            Action::Save(save) => save.run(app).await,
            Action::Load(load) => load.run(app).await,
        }
    }
}
