//! `lattice host install`

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::{
    app::App,
    failure::{Exit, Failure},
    host_setup::installing::{Change, PACKAGED_UNIT, Run, wanted},
    output::{Column, Document, Table, note},
};

/// Writes the systemd unit and settings for a host on this machine, where our package is not installed; says what to do next
#[derive(Args, Debug)]
pub(super) struct Install {
    /// The root below which files are written
    #[arg(long, value_name = "FOLDER", default_value = "/")]
    root: PathBuf,
    /// The lattice-host to run [default: the one beside this program]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Only says what would be written
    #[arg(long)]
    dry_run: bool,
}

const COLUMNS: &[Column] = &[Column::always("FILE"), Column::always("CHANGE")];

#[derive(Serialize)]
struct Installed {
    file: PathBuf,
    change: Change,
}

impl Install {
    pub(super) fn run(self, app: &App) -> Result<()> {
        let packaged = ["", "usr/"].map(|usr| self.root.join(usr).join(PACKAGED_UNIT));
        if let Some(unit) = packaged.iter().find(|unit| unit.exists()) {
            return Err(Failure::new(Exit::Conflict, "the package `lattice` is installed here")
                .because(format!("{} is its unit", unit.display()))
                .help("go on with `lattice host enroll`")
                .into());
        }
        let program = self.program()?;
        let run = if self.dry_run { Run::Dry } else { Run::Real };
        let mut installed = Vec::new();
        for file in wanted(&program) {
            let (file, change) = file.install(&self.root, run).map_err(|error| {
                Failure::new(Exit::Denied, format!("{} cannot be installed", file.path))
                    .because(format!("{error:#}"))
                    .help("run it as root, or below another folder with --root")
            })?;
            installed.push(Installed { file, change });
        }
        let mut table = Table::new(COLUMNS);
        for one in &installed {
            table.row([one.file.display().to_string(), word(one.change).to_owned()]);
        }
        let names = installed
            .iter()
            .map(|one| format!("file/{}", one.file.display()))
            .collect();
        app.print(&Document::list(
            "FileList",
            &installed,
            table,
            names,
            "nothing to install",
        )?)?;
        if run == Run::Dry {
            note("nothing was written");
            return Ok(());
        }
        note(
            "next, as root:\n  \
             systemd-sysusers                       # makes the user `lattice`\n  \
             systemctl daemon-reload\n  \
             lattice host enroll INVITATION         # from `lattice host invite`, where the issuer's key is\n  \
             systemctl enable --now lattice-host",
        );
        Ok(())
    }

    fn program(&self) -> Result<PathBuf> {
        if let Some(program) = &self.program {
            // It may be meant for another root: whether it is there is not asked.
            return runnable(program);
        }
        let beside = std::env::current_exe()?.with_file_name("lattice-host");
        if beside.is_file() {
            return runnable(&beside);
        }
        Err(Failure::not_found("there is no lattice-host to run")
            .because(format!("{} is not there", beside.display()))
            .help("name it with --program")
            .into())
    }
}

/// Where the unit's service cannot look.
const HIDDEN: [&str; 4] = ["/home", "/root", "/run/user", "/tmp"];

/// Whether the unit can run it.
fn runnable(program: &Path) -> Result<PathBuf> {
    if HIDDEN.iter().any(|hidden| program.starts_with(hidden)) {
        return Err(
            Failure::usage(format!("{} cannot be run by the unit", program.display()))
                .because("it hides home folders and /tmp from the host")
                .help("put lattice-host into /usr/local/bin, and name it with --program")
                .into(),
        );
    }
    if program.is_absolute() && !program.to_string_lossy().contains(char::is_whitespace) {
        return Ok(program.to_owned());
    }
    Err(
        Failure::usage(format!("{} cannot be run by systemd", program.display()))
            .because("a unit names its program by an absolute path without spaces")
            .into(),
    )
}

fn word(change: Change) -> &'static str {
    match change {
        Change::Written => "written",
        Change::Replaced => "replaced",
        Change::Unchanged => "unchanged",
        Change::Kept => "kept as it is",
    }
}
