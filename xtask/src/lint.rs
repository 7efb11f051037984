//! What a reviewer's machine would complain about: formatting and clippy, warnings denied, for hosts and guests.

use crate::shell;
use crate::workspace::{self, Workspace};
use anyhow::{Context, Result};

/// `cargo xtask lint`.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let cargo = || {
        let mut cargo = workspace::cargo();
        cargo.current_dir(&workspace.root);
        cargo
    };
    for (part, subcommand) in [("rustfmt", "fmt"), ("clippy", "clippy")] {
        shell::stdout_of(cargo().args([subcommand, "--version"]))
            .with_context(|| format!("{part} is missing: run `rustup component add {part}`"))?;
    }
    shell::run(cargo().args(["fmt", "--all", "--check"]))?;
    shell::run(
        cargo()
            .args(["fmt", "--all", "--check"])
            .current_dir(workspace.actors()),
    )?;
    shell::run(cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}
