//! `lattice completion`

use anyhow::Result;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::{args::Cli, output::write_stdout};

/// Prints a script that completes commands and flags in your shell
#[derive(Args, Debug)]
#[command(after_help = "bash: lattice completion bash > ~/.local/share/bash-completion/completions/lattice")]
pub(crate) struct Completion {
    /// Your shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completion {
    pub(crate) fn run(self) -> Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "lattice", &mut script);
        write_stdout(&String::from_utf8(script)?)
    }
}
