//! The Rust toolchain that builds guests: rustup's `wasm32-wasip2`, or, where its servers cannot be reached, Debian's.
//!
//! Debian ships no compiled standard library for `wasm32-wasip2`, but it ships the compiler, the library's source and a C
//! library for WASI, from which cargo builds one.

use super::apt;
use crate::machine::{Apt, Machine};
use crate::shell;
use crate::version::Version;
use crate::workspace::{self, Workspace};
use anyhow::{Result, bail};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

pub(crate) const TARGET: &str = "wasm32-wasip2";
const DEBIAN_PACKAGES: &[&str] = &["rustc-web", "cargo-web", "rust-web-src", "wasi-libc"];
/// Debian's C library for WASI is not where rustc would look for the one that rustup brings along.
const DEBIAN_RUSTFLAGS: &str = "-L native=/usr/lib/wasm32-wasi -C link-self-contained=no";
/// What the crates that guests use ask for.
const RUSTC_OLDEST: Version = Version(1, 91, 0);
const RUSTUP_LIMIT: Duration = Duration::from_secs(5 * 60);

/// A toolchain that can build guests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum GuestRust {
    /// The toolchain we were started with has the target.
    Installed,
    Debian(Debian),
}

/// Debian's compiler with the linker of whichever toolchain has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Debian {
    pub(crate) version: Version,
    pub(crate) component_linker: PathBuf,
    /// Where the component linker finds `wasm-ld`.
    pub(crate) wasm_ld_folder: PathBuf,
}

/// What `look` found.
#[derive(Clone, Debug, Default)]
struct Facts {
    target_installed: bool,
    debian_rustc: Option<Version>,
    debian_sources: bool,
    wasi_libc: bool,
    component_linker: Option<PathBuf>,
    wasm_ld_folder: Option<PathBuf>,
}

/// What could be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    RustupTarget,
    DebianPackages(&'static [&'static str]),
}

impl GuestRust {
    /// Finds or installs a toolchain.
    pub(crate) fn ensure(workspace: &Workspace, machine: &Machine) -> Result<Self> {
        let mut tried = Vec::new();
        let mut failures = Vec::new();
        loop {
            let facts = look(machine);
            if let Some(found) = choose(&facts) {
                found.announce();
                return Ok(found);
            }
            let Some(step) = steps(&facts, machine).into_iter().find(|step| !tried.contains(step)) else {
                bail!(
                    "no Rust toolchain for {TARGET}: {}{}",
                    by_hand(machine),
                    failures.concat()
                );
            };
            tried.push(step);
            let done = match step {
                Step::RustupTarget => {
                    shell::say("rustup", &format!("target add {TARGET}"));
                    let mut rustup = Command::new("rustup");
                    rustup.args(["target", "add", TARGET]);
                    shell::run_quietly(&mut rustup, &workspace.logs().join("rustup.log"), RUSTUP_LIMIT)
                }
                Step::DebianPackages(packages) => apt::install(workspace, packages),
            };
            if let Err(error) = done {
                let first_line = format!("{error:#}").lines().next().unwrap_or_default().to_owned();
                shell::say("guest rust", &format!("that did not work: {first_line}"));
                failures.push(format!("\n  tried: {error:#}"));
            }
        }
    }

    /// A `cargo build` for guests, to be completed with what to build.
    pub(crate) fn cargo_build(&self) -> Command {
        let mut command;
        match self {
            Self::Installed => {
                command = workspace::cargo();
                command.arg("build");
            }
            Self::Debian(debian) => {
                command = Command::new("/usr/bin/cargo");
                let path = std::env::var_os("PATH").unwrap_or_default();
                command
                    .args(["build", "-Zbuild-std=std,panic_abort"])
                    .env("RUSTC", "/usr/bin/rustc")
                    .env("RUSTC_BOOTSTRAP", "1")
                    .env("CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS", DEBIAN_RUSTFLAGS)
                    .env("CARGO_TARGET_WASM32_WASIP2_LINKER", &debian.component_linker)
                    .env("PATH", join_path(&path, &debian.wasm_ld_folder));
            }
        }
        // What a person set for this machine's own builds does not fit the guests'.
        for variable in [
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_BUILD_TARGET",
            "CARGO_TARGET_DIR",
        ] {
            command.env_remove(variable);
        }
        command.args(["--release", "--target", TARGET]);
        command
    }

    fn announce(&self) {
        match self {
            Self::Installed => shell::say("guest rust", &format!("{TARGET} of the installed toolchain")),
            Self::Debian(debian) => {
                shell::say(
                    "guest rust",
                    &format!("Debian's rustc {}, standard library built from source", debian.version),
                );
            }
        }
    }
}

/// The toolchain that is ready to use, if one is.
fn choose(facts: &Facts) -> Option<GuestRust> {
    if facts.target_installed {
        return Some(GuestRust::Installed);
    }
    let version = facts.debian_rustc.filter(|version| *version >= RUSTC_OLDEST)?;
    if !facts.debian_sources || !facts.wasi_libc {
        return None;
    }
    Some(GuestRust::Debian(Debian {
        version,
        component_linker: facts.component_linker.clone()?,
        wasm_ld_folder: facts.wasm_ld_folder.clone()?,
    }))
}

/// What may help, best first.
fn steps(facts: &Facts, machine: &Machine) -> Vec<Step> {
    let mut steps = Vec::new();
    if machine.rustup {
        steps.push(Step::RustupTarget);
    }
    if machine.apt == Apt::Usable {
        steps.push(Step::DebianPackages(DEBIAN_PACKAGES));
        if facts.wasm_ld_folder.is_none() {
            steps.push(Step::DebianPackages(&["lld"]));
        }
    }
    steps
}

fn by_hand(machine: &Machine) -> String {
    let packages = DEBIAN_PACKAGES.join(" ");
    let debian = match machine.apt {
        Apt::NotRoot => format!(", or `sudo apt-get install {packages}` on Debian 12 or later"),
        Apt::Usable | Apt::Missing => String::new(),
    };
    if machine.rustup {
        format!("run `rustup target add {TARGET}`{debian}")
    } else {
        format!("install Rust with rustup, then run `rustup target add {TARGET}`{debian}")
    }
}

fn look(machine: &Machine) -> Facts {
    let ours = sysroot(Path::new("rustc"));
    let debian = Path::new("/usr/bin/rustc");
    let debian_rustc = shell::anything_from(Command::new(debian).arg("--version"))
        .filter(|(status, _)| status.success())
        .and_then(|(_, text)| Version::find(&text));
    let debians = debian_rustc.and_then(|_| sysroot(debian));
    let host_folders: Vec<PathBuf> = [&ours, &debians]
        .into_iter()
        .flatten()
        .map(|sysroot| host_programs(sysroot))
        .collect();
    let wasm_ld = shell::on_path("wasm-ld", &machine.path)
        .into_iter()
        .filter_map(|file| file.parent().map(Path::to_owned));
    Facts {
        target_installed: ours.as_deref().is_some_and(has_target),
        debian_sources: debians
            .as_deref()
            .is_some_and(|sysroot| sysroot.join("lib/rustlib/src/rust/library/std/Cargo.toml").exists()),
        debian_rustc,
        wasi_libc: Path::new("/usr/lib/wasm32-wasi/libc.a").exists(),
        component_linker: host_folders
            .iter()
            .map(|folder| folder.join("wasm-component-ld"))
            .find(|file| file.exists()),
        wasm_ld_folder: host_folders
            .iter()
            .map(|folder| folder.join("gcc-ld"))
            .find(|folder| folder.join("wasm-ld").exists())
            .or_else(|| wasm_ld.into_iter().next()),
    }
}

fn sysroot(rustc: &Path) -> Option<PathBuf> {
    let text = shell::stdout_of(Command::new(rustc).args(["--print", "sysroot"])).ok()?;
    Some(PathBuf::from(text.trim()))
}

fn has_target(sysroot: &Path) -> bool {
    let folder = sysroot.join("lib/rustlib").join(TARGET).join("lib");
    let Ok(files) = std::fs::read_dir(folder) else {
        return false;
    };
    files
        .flatten()
        .any(|file| file.file_name().to_string_lossy().starts_with("libstd-"))
}

/// The folder in which a toolchain keeps the programs it runs itself.
fn host_programs(sysroot: &Path) -> PathBuf {
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    sysroot.join("lib/rustlib").join(triple).join("bin")
}

/// Debian's programs first, `folder` last.
fn join_path(path: &OsString, folder: &Path) -> OsString {
    let folders = std::iter::once(PathBuf::from("/usr/bin"))
        .chain(std::env::split_paths(path))
        .chain([folder.to_owned()]);
    std::env::join_paths(folders).unwrap_or_else(|_| path.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn debian_facts() -> Facts {
        Facts {
            target_installed: false,
            debian_rustc: Some(Version(1, 96, 0)),
            debian_sources: true,
            wasi_libc: true,
            component_linker: Some("/ld".into()),
            wasm_ld_folder: Some("/gcc-ld".into()),
        }
    }

    fn machine(apt: Apt, rustup: bool) -> Machine {
        Machine {
            os: "Debian".into(),
            apt,
            python: None,
            rustup,
            go: false,
            path: "/usr/bin".into(),
        }
    }

    #[test]
    fn an_installed_target_wins_over_everything() {
        let facts = Facts {
            target_installed: true,
            ..debian_facts()
        };
        assert_eq!(choose(&facts), Some(GuestRust::Installed));
    }

    #[test]
    fn debians_toolchain_is_used_only_when_it_is_complete_and_recent() {
        assert!(matches!(choose(&debian_facts()), Some(GuestRust::Debian(_))));
        assert_eq!(
            choose(&Facts {
                debian_rustc: Some(Version(1, 63, 0)),
                ..debian_facts()
            }),
            None
        );
        assert_eq!(
            choose(&Facts {
                debian_sources: false,
                ..debian_facts()
            }),
            None
        );
        assert_eq!(
            choose(&Facts {
                wasi_libc: false,
                ..debian_facts()
            }),
            None
        );
        assert_eq!(
            choose(&Facts {
                component_linker: None,
                ..debian_facts()
            }),
            None
        );
        assert_eq!(
            choose(&Facts {
                wasm_ld_folder: None,
                ..debian_facts()
            }),
            None
        );
    }

    #[test]
    fn rustup_is_asked_before_debian() {
        let steps = steps(&debian_facts(), &machine(Apt::Usable, true));
        assert_eq!(steps, [Step::RustupTarget, Step::DebianPackages(DEBIAN_PACKAGES)]);
    }

    #[test]
    fn a_missing_linker_is_installed_too() {
        let facts = Facts {
            wasm_ld_folder: None,
            ..debian_facts()
        };
        assert!(steps(&facts, &machine(Apt::Usable, false)).contains(&Step::DebianPackages(&["lld"])));
    }

    #[test]
    fn a_machine_without_apt_and_rustup_is_told_what_to_install() {
        let machine = machine(Apt::Missing, false);
        assert!(steps(&Facts::default(), &machine).is_empty());
        assert!(by_hand(&machine).contains("install Rust with rustup"));
    }
}
