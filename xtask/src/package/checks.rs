//! Looks at a package as an administrator would: does it unpack, does lintian mind, does systemd take its unit?

use crate::machine::Machine;
use crate::shell;
use crate::workspace::Workspace;
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::Command;

/// What `systemd-analyze security` may give the units at most, of 100.
const EXPOSURE_MAX: u32 = 20;
/// What lintian says of things that matter to us only as warnings: the package is not for Debian's archive.
const SUPPRESSED: &str = "no-changelog,bad-distribution-in-changes-file,malformed-contact,invalid-maintainer-address,\
    initial-upload-closes-no-bugs,statically-linked-binary,maintainer-script-calls-systemctl";
/// What a host's package has to hold.
const NEEDED: &[&str] = &[
    "./usr/bin/lattice-host",
    "./usr/bin/lattice",
    "./lib/systemd/system/lattice-host.service",
    "./etc/lattice/host.toml",
    "./etc/lattice/credentials/",
    "./usr/share/man/man1/lattice.1.gz",
    "./usr/share/man/man8/lattice-host.8.gz",
    "./usr/share/bash-completion/completions/lattice",
];

/// Checks a package with whatever there is on this machine to check it.
pub(super) fn package(workspace: &Workspace, deb: &Path) -> Result<()> {
    let machine = Machine::look();
    let has = |program: &str| {
        let found = !shell::on_path(program, &machine.path).is_empty();
        if !found {
            shell::say(program, "not here: what it would say is not known");
        }
        found
    };
    if has("dpkg-deb") {
        let listed = shell::stdout_of(Command::new("dpkg-deb").arg("--contents").arg(deb))?;
        for needed in NEEDED {
            ensure!(
                listed
                    .lines()
                    .any(|line| line.split_whitespace().last() == Some(needed)),
                "{} holds no {needed}",
                deb.display()
            );
        }
    }
    if has("lintian") {
        let mut lintian = Command::new("lintian");
        lintian.args(["--fail-on", "error", "--suppress-tags", SUPPRESSED]);
        // Of root it asks whether that is meant.
        lintian.args(["--allow-root", "--no-cfg"]).arg(deb);
        shell::run(&mut lintian)?;
    }
    if has("systemd-analyze") {
        for unit in ["lattice-host.service", "lattice-nats-leaf.service"] {
            unit_holds(&workspace.root.join("deploy/systemd").join(unit))?;
        }
    }
    Ok(())
}

/// Has systemd read a unit and judge how much it lets a service do.
fn unit_holds(unit: &Path) -> Result<()> {
    let (_, told) = shell::anything_from(Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(unit))
        .context("start systemd-analyze")?;
    // Where the package is not installed, the program it names is not there.
    let mistakes: Vec<&str> = told
        .lines()
        .filter(|line| line.contains(&*unit.file_name().unwrap_or_default().to_string_lossy()))
        .filter(|line| !line.contains("is not executable"))
        .collect();
    ensure!(
        mistakes.is_empty(),
        "systemd does not take the unit:\n{}",
        mistakes.join("\n")
    );
    let mut security = Command::new("systemd-analyze");
    security.args([
        "security",
        "--no-pager",
        "--offline=yes",
        &format!("--threshold={EXPOSURE_MAX}"),
    ]);
    let (status, told) = shell::anything_from(security.arg(unit)).context("start systemd-analyze")?;
    let verdict = told
        .lines()
        .rfind(|line| line.contains("exposure level"))
        .unwrap_or_default();
    shell::say("systemd", verdict.trim_start_matches(['→', ' ']));
    ensure!(
        status.success(),
        "{} lets its service do too much:\n{told}",
        unit.display()
    );
    Ok(())
}
