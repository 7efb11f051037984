//! Makes the packages, by nfpm.

use super::architecture::Architecture;
use super::files;
use crate::shell;
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the packages of one architecture are made from.
pub(super) struct Package<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) nfpm: &'a Path,
    pub(super) files: &'a Path,
    pub(super) out: &'a Path,
    pub(super) architecture: Architecture,
}

impl Package<'_> {
    /// Makes the package with host and command line, and gives back its file.
    pub(super) fn build(&self, programs: &Path) -> Result<PathBuf> {
        self.make("nfpm.yaml", "lattice", programs, Path::new(""))
    }

    /// Makes the package with the NATS leaf.
    pub(super) fn build_leaf(&self, programs: &Path, nats_server: &Path) -> Result<PathBuf> {
        self.make("nfpm-leaf.yaml", "lattice-nats-leaf", programs, nats_server)
    }

    fn make(&self, config: &str, name: &str, programs: &Path, nats_server: &Path) -> Result<PathBuf> {
        let (version, arch) = (env!("CARGO_PKG_VERSION"), self.architecture);
        let deb = self.out.join(format!("{name}_{version}-1_{arch}.deb"));
        let glibc = glibc_needed(&programs.join("lattice-host"))?.max(glibc_needed(&programs.join("lattice"))?);
        let mut nfpm = Command::new(self.nfpm);
        nfpm.current_dir(&self.workspace.root)
            .args(["package", "--packager", "deb", "--config"])
            .arg(Path::new("deploy/debian").join(config))
            .arg("--target")
            .arg(&deb)
            .env("DEB_ARCH", arch.to_string())
            .env("DEB_VERSION", version)
            .env("DEB_GLIBC", format!("{}.{}", glibc.0, glibc.1))
            // The same commit makes the same package.
            .env("SOURCE_DATE_EPOCH", files::commit(self.workspace, "%ct")?)
            .env("DEB_PROGRAMS", programs)
            .env("DEB_FILES", self.files)
            .env("DEB_NATS_SERVER", nats_server);
        shell::run(&mut nfpm)?;
        let bytes = std::fs::metadata(&deb)
            .with_context(|| format!("find {}", deb.display()))?
            .len();
        let (shown, mib) = (self.workspace.shown(&deb), bytes as f64 / f64::from(1 << 20));
        shell::say("package", &format!("{shown}, {mib:.1} MiB"));
        Ok(deb)
    }
}

/// The C library that a program needs at least: the highest version among its symbols.
fn glibc_needed(program: &Path) -> Result<(u32, u32)> {
    let bytes = std::fs::read(program).with_context(|| format!("read {}", program.display()))?;
    Ok(highest_glibc(&bytes))
}

fn highest_glibc(program: &[u8]) -> (u32, u32) {
    const PREFIX: &[u8] = b"GLIBC_";
    let version = |bytes: &[u8]| {
        let end = bytes.iter().position(|byte| *byte == 0)?;
        let text = std::str::from_utf8(bytes.get(..end.min(16))?).ok()?;
        let mut numbers = text.split('.').map(str::parse::<u32>);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    };
    let names = program
        .windows(PREFIX.len())
        .enumerate()
        .filter(|(_, window)| *window == PREFIX);
    names
        .filter_map(|(at, _)| version(&program[at + PREFIX.len()..]))
        .max()
        // What every machine has that runs any of this.
        .unwrap_or((2, 17))
}

#[cfg(test)]
mod tests {
    use super::highest_glibc;

    #[test]
    fn the_highest_version_of_the_c_library_counts() {
        let program = b"\0GLIBC_2.17\0memcpy\0GLIBC_2.34\0GLIBC_2.4\0GLIBC_PRIVATE\0GLIBC_";
        assert_eq!(highest_glibc(program), (2, 34));
        assert_eq!(highest_glibc(b"nothing"), (2, 17));
    }
}
