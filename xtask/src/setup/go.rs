//! Builds programs from their Go modules.

use super::tool::Go;
use crate::shell;
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const BUILD_LIMIT: Duration = Duration::from_secs(30 * 60);

/// What `go mod download -json` says of a module.
#[derive(Deserialize)]
struct Module {
    #[serde(rename = "Dir")]
    folder: PathBuf,
}

/// Fetches the module, builds one of its programs, and returns where it is. A module that replaces others cannot be installed by
/// `go install`, so that it is built where it lies.
pub(crate) fn build(workspace: &Workspace, name: &str, go: Go) -> Result<PathBuf> {
    let module = format!("{}@{}", go.module, go.version);
    shell::say(name, &format!("building {module} (minutes, once)"));
    let downloaded = shell::stdout_of(
        Command::new("go")
            .args(["mod", "download", "-json", &module])
            .current_dir(&workspace.tools),
    )?;
    let Module { folder } = serde_json::from_str(&downloaded).context("read what go says of the module")?;
    let program = workspace.tools.join("go").join(name);
    let log = workspace.logs().join(format!("go-{name}.log"));
    shell::run_quietly(&mut compile(&folder, go.package, &program), &log, BUILD_LIMIT)?;
    Ok(program)
}

fn compile(folder: &Path, package: &str, program: &Path) -> Command {
    let mut command = Command::new("go");
    command
        .args(["build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o"])
        .arg(program)
        .arg(package)
        .current_dir(folder);
    command
}
