//! Files for a machine without our package: what there should be, compared with what there is.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::Serialize;

use crate::files::{self, Privacy};

const UNIT: &str = include_str!("../../../../deploy/systemd/lattice-host.service");
const USER: &str = include_str!("../../../../deploy/systemd/lattice.sysusers");
const SETTINGS: &str = include_str!("../../../../deploy/debian/host.toml");

/// The program that the unit names as it is in the package.
const PACKAGED_PROGRAM: &str = "/usr/bin/lattice-host";
/// The package's own unit. Where that is, there is nothing to install.
pub(crate) const PACKAGED_UNIT: &str = "lib/systemd/system/lattice-host.service";

/// A file that there should be.
pub(crate) struct Wanted {
    /// Below the root.
    pub(crate) path: &'static str,
    content: String,
    keep: Keep,
}

/// What happens to a file that is there and differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keep {
    /// It is ours.
    Replace,
    /// It is the administrator's.
    Theirs,
}

/// What became of a file, or would.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Change {
    /// It was not there.
    Written,
    /// It was another.
    Replaced,
    /// It was the same.
    Unchanged,
    /// It is another, and stays.
    Kept,
}

/// Whether files are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Run {
    /// They are.
    Real,
    /// They would be.
    Dry,
}

/// The files of a host that runs `program`.
pub(crate) fn wanted(program: &Path) -> Vec<Wanted> {
    vec![
        Wanted {
            path: "etc/systemd/system/lattice-host.service",
            content: UNIT.replace(PACKAGED_PROGRAM, &program.to_string_lossy()),
            keep: Keep::Replace,
        },
        Wanted {
            path: "etc/sysusers.d/lattice.conf",
            content: USER.to_owned(),
            keep: Keep::Replace,
        },
        Wanted {
            path: "etc/lattice/host.toml",
            content: SETTINGS.to_owned(),
            keep: Keep::Theirs,
        },
    ]
}

impl Wanted {
    /// Makes it so. Doing it again changes nothing.
    pub(crate) fn install(&self, root: &Path, run: Run) -> Result<(PathBuf, Change)> {
        let path = root.join(self.path);
        let change = decide(files::read_if_there(&path)?.as_deref(), &self.content, self.keep);
        if run == Run::Real && matches!(change, Change::Written | Change::Replaced) {
            files::create_dir(path.parent().unwrap_or(root))?;
            files::write_atomically(&path, self.content.as_bytes(), Privacy::Readable)?;
        }
        Ok((path, change))
    }
}

fn decide(there: Option<&str>, wanted: &str, keep: Keep) -> Change {
    match there {
        None => Change::Written,
        Some(there) if there == wanted => Change::Unchanged,
        Some(_) if keep == Keep::Theirs => Change::Kept,
        Some(_) => Change::Replaced,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot write its files has failed")]
mod tests {
    use super::*;

    #[test]
    fn the_unit_runs_the_program_that_is_there() {
        let unit = &wanted(Path::new("/opt/lattice/lattice-host"))[0];
        assert!(
            unit.content.contains("\nExecStart=/opt/lattice/lattice-host --config "),
            "{}",
            unit.content
        );
        assert!(!unit.content.contains(PACKAGED_PROGRAM));
    }

    #[test]
    fn doing_it_again_changes_nothing_and_the_administrators_settings_stay() {
        let root = tempfile::tempdir().unwrap();
        let install = |run| -> Vec<Change> {
            let wanted = wanted(Path::new("/usr/local/bin/lattice-host"));
            wanted
                .iter()
                .map(|one| one.install(root.path(), run).unwrap().1)
                .collect()
        };
        assert_eq!(install(Run::Dry), [Change::Written; 3]);
        assert_eq!(
            std::fs::read_dir(root.path()).unwrap().count(),
            0,
            "a dry run writes nothing"
        );
        assert_eq!(install(Run::Real), [Change::Written; 3]);
        assert_eq!(install(Run::Real), [Change::Unchanged; 3]);
        std::fs::write(root.path().join("etc/lattice/host.toml"), "grace = '5s'\n").unwrap();
        std::fs::write(root.path().join("etc/systemd/system/lattice-host.service"), "old").unwrap();
        assert_eq!(install(Run::Real), [Change::Replaced, Change::Unchanged, Change::Kept]);
    }
}
