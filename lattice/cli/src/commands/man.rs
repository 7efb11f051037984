//! `lattice man`

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, CommandFactory};

use crate::{args::Cli, files};

/// Writes the manual pages, one for each command, into a folder
#[derive(Args, Debug)]
pub(crate) struct Man {
    /// The folder
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
}

impl Man {
    pub(crate) fn run(self) -> Result<()> {
        files::create_dir(&self.out)?;
        clap_mangen::generate_to(Cli::command(), &self.out)
            .with_context(|| format!("cannot write manual pages into {}", self.out.display()))
    }
}
