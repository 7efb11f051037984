//! What this machine offers: facts only, no decisions.

use crate::shell;
use crate::version::Version;
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Command;

/// Facts that decide how tools can be installed here.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    /// Name and version of the operating system, as it calls itself.
    pub(crate) os: String,
    pub(crate) apt: Apt,
    pub(crate) python: Option<Python>,
    pub(crate) rustup: bool,
    pub(crate) go: bool,
    /// The `PATH` we were started with.
    pub(crate) path: OsString,
}

/// Whether Debian's package manager can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Apt {
    Usable,
    /// It is there, but only root may install with it.
    NotRoot,
    Missing,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Python {
    pub(crate) program: PathBuf,
    pub(crate) version: Version,
}

impl Machine {
    /// Looks around.
    pub(crate) fn look() -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        Self {
            os: os_name(),
            apt: apt(&path),
            python: python(&path),
            rustup: !shell::on_path("rustup", &path).is_empty(),
            go: !shell::on_path("go", &path).is_empty(),
            path,
        }
    }
}

fn apt(path: &OsString) -> Apt {
    if shell::on_path("apt-get", path).is_empty() {
        return Apt::Missing;
    }
    // Who owns our own process is who we are; there is apt only where there is /proc.
    match std::fs::metadata("/proc/self") {
        Ok(meta) if meta.uid() == 0 => Apt::Usable,
        _ => Apt::NotRoot,
    }
}

fn python(path: &OsString) -> Option<Python> {
    shell::on_path("python3", path).into_iter().find_map(|program| {
        let (status, text) = shell::anything_from(Command::new(&program).arg("--version"))?;
        let version = Version::find(&text).filter(|_| status.success())?;
        Some(Python { program, version })
    })
}

fn os_name() -> String {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.map_or_else(
        || std::env::consts::OS.to_owned(),
        |name| name.trim_matches('"').to_owned(),
    )
}
