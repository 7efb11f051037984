//! This machine: the state folder, the programs.

use lattice_control::Check;

use crate::{
    app::App,
    up::{find_host, find_nats_server},
};

pub(super) fn examine(app: &App) -> Vec<Check> {
    vec![state_folder(app), nats_server(), host_program()]
}

fn state_folder(app: &App) -> Check {
    let root = app.home.root();
    let shown = root.display().to_string();
    if !root.exists() {
        return Check::ok("state folder", format!("{shown} will be made"));
    }
    match others_may_read(root) {
        Ok(false) => Check::ok("state folder", shown),
        Ok(true) => Check::warning(
            "state folder",
            format!("others can look into {shown}"),
            "keys are in it; they are readable to you only, but their names are not",
            format!("chmod 700 {shown}"),
        ),
        Err(error) => Check::failed(
            "state folder",
            format!("{shown}: {error}"),
            "contexts and keys cannot be kept",
            "set LATTICE_HOME to a folder of yours",
        ),
    }
}

#[cfg(unix)]
fn others_may_read(path: &std::path::Path) -> std::io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(std::fs::metadata(path)?.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn others_may_read(_: &std::path::Path) -> std::io::Result<bool> {
    Ok(false)
}

fn nats_server() -> Check {
    match find_nats_server(std::env::var_os("LATTICE_NATS_SERVER").map(Into::into)) {
        Ok(server) => Check::ok(
            "nats-server",
            format!("{} at {}", server.version, server.path.display()),
        ),
        Err(error) => as_warning("nats-server", &error, "only `lattice up` needs it"),
    }
}

fn host_program() -> Check {
    match find_host(std::env::var_os("LATTICE_HOST_BIN").map(Into::into)) {
        Ok(path) => Check::ok("lattice-host", path.display().to_string()),
        Err(error) => as_warning("lattice-host", &error, "only `lattice up` needs it"),
    }
}

fn as_warning(name: &str, error: &anyhow::Error, why: &str) -> Check {
    let failure = crate::failure::describe(error);
    Check::warning(name, failure.what, why, failure.help.unwrap_or_default())
}
