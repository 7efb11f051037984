//! Two network namespaces and the cable between them, which can be pulled.

use crate::shell;
use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::process::{Command, Stdio};

/// The address of the hub on the cable.
pub(super) const HUB: &str = "10.213.77.1";
const SITE: &str = "10.213.77.2";

/// The hub's namespace and the site's; gone when this is dropped.
pub(super) struct Namespaces {
    pub(super) hub: String,
    pub(super) site: String,
    cable: String,
}

/// Says whether namespaces can be made here, and what it takes if not.
pub(super) fn check() -> Result<()> {
    let made = Command::new("ip")
        .args(["netns", "list"])
        .stdin(Stdio::null())
        .output()
        .context("cannot run `ip`: install iproute2")?;
    let id = Command::new("id").arg("-u").output().context("ask who this is")?;
    if !made.status.success() || String::from_utf8_lossy(&id.stdout).trim() != "0" {
        bail!("network namespaces are made by root alone: run this as root");
    }
    Ok(())
}

impl Namespaces {
    /// Makes both, and the cable.
    pub(super) fn create() -> Result<Self> {
        let id = std::process::id() % 100_000;
        let made = Self {
            hub: format!("lat-hub-{id}"),
            site: format!("lat-site-{id}"),
            cable: format!("lh{id}"),
        };
        let far = format!("ls{id}");
        ip(&["netns", "add", &made.hub])?;
        ip(&["netns", "add", &made.site])?;
        ip(&["link", "add", &made.cable, "type", "veth", "peer", "name", &far])?;
        for (namespace, end, address) in [(&made.hub, &made.cable, HUB), (&made.site, &far, SITE)] {
            ip(&["link", "set", end, "netns", namespace])?;
            ip(&["-n", namespace, "addr", "add", &format!("{address}/24"), "dev", end])?;
            ip(&["-n", namespace, "link", "set", end, "up"])?;
            ip(&["-n", namespace, "link", "set", "lo", "up"])?;
        }
        Ok(made)
    }

    /// Pulls the cable: nothing is told that the other side is gone.
    pub(super) fn cut(&self) -> Result<()> {
        ip(&["-n", &self.hub, "link", "set", &self.cable, "down"])
    }

    /// Plugs it in again.
    pub(super) fn heal(&self) -> Result<()> {
        ip(&["-n", &self.hub, "link", "set", &self.cable, "up"])
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        for namespace in [&self.hub, &self.site] {
            // One that was never made is as good as gone.
            let _ = Command::new("ip")
                .args(["netns", "del", namespace])
                .stderr(Stdio::null())
                .status();
        }
    }
}

/// A program in a namespace.
pub(super) fn command(namespace: &str, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace]).arg(program);
    command
}

fn ip(words: &[&str]) -> Result<()> {
    let output = Command::new("ip")
        .args(words)
        .stdin(Stdio::null())
        .output()
        .context("cannot run `ip`")?;
    if !output.status.success() {
        bail!(
            "`ip {}` failed: {}",
            words.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    shell::say("ip", &words.join(" "));
    Ok(())
}
