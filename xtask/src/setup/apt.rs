//! Installs Debian packages.

use crate::shell;
use crate::workspace::Workspace;
use anyhow::Result;
use std::process::Command;
use std::sync::Once;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20 * 60);

/// The package lists are fetched once per run: on a fresh machine there may be none.
static UPDATE: Once = Once::new();

/// Installs packages. The caller has checked that we may.
pub(crate) fn install(workspace: &Workspace, packages: &[&str]) -> Result<()> {
    UPDATE.call_once(|| {
        shell::say("apt-get", "update");
        // Old lists may still do; if they do not, the installation fails and says so.
        if let Err(error) = shell::run_quietly(apt_get().arg("update"), &workspace.logs().join("apt-update.log"), LIMIT)
        {
            shell::say(
                "apt-get",
                &format!("update failed, going on with the lists there are: {error:#}"),
            );
        }
    });
    shell::say("apt-get", &format!("install {}", packages.join(" ")));
    let log = workspace
        .logs()
        .join(format!("apt-{}.log", packages.first().unwrap_or(&"nothing")));
    // Nothing that a person installed is ever taken away to make room.
    let options = ["install", "--yes", "--no-install-recommends", "--no-remove"];
    shell::run_quietly(apt_get().args(options).args(packages), &log, LIMIT)
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    // Another apt may be at work on a machine that has just started.
    command
        .args(["-o", "DPkg::Lock::Timeout=300"])
        .env("DEBIAN_FRONTEND", "noninteractive");
    command
}
