//! Somebody with stolen NATS credentials and a trust root of his own, who brings a host to the site while nobody there can ask outside.

use super::Stage;
use super::namespaces::Namespaces;
use super::site::{self, Process};
use crate::lattice::Lattice;
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What he calls his host.
pub(super) const NAME: &str = "intruder";
/// How long the hosts of the site may take to notice it.
const NOTICED_WITHIN: Duration = Duration::from_secs(10);
/// What they say then.
const NOT_BELIEVED: &str = "the heartbeats of a member are not believed";

/// His host, enrolled by himself.
pub(super) struct Intruder {
    home: PathBuf,
}

impl Intruder {
    /// Makes him a lattice of the same name with keys of his own, steals the key of the NATS account, and enrols a host.
    pub(super) fn prepare(stage: &Stage, net: &Namespaces, home: &Path) -> Result<Self> {
        let own = home.join("stranger");
        let mut lattice = Lattice::new(&stage.programs, &stage.environment, &own).within(&net.hub);
        lattice.up(&[])?;
        lattice.down()?;
        let file = own.join("contexts/local.json");
        let text = std::fs::read_to_string(&file).context("read the stranger's context")?;
        let mut context: Value = serde_json::from_str(&text).context("the stranger's context is no JSON")?;
        context["keys"]["natsAccount"] = home
            .join("hub/lattices/default/trust/nats-account.seed")
            .to_str()
            .context("the temporary folder's path is not Unicode")?
            .into();
        std::fs::write(&file, context.to_string()).context("write the stranger's context")?;
        site::enrol(&lattice, &own, NAME)?;
        let bundle = own.join("lattices/default/trust/bundle.jwt");
        std::fs::copy(bundle, own.join(NAME).join("data/trust.jwt")).context("give the host its own trust bundle")?;
        Ok(Self { home: own })
    }

    /// Starts his host at the site.
    pub(super) fn start(&self, stage: &Stage, net: &Namespaces) -> Result<Process> {
        site::start_host(stage, net, &self.home, NAME)
    }

    /// What a host of the site says of it, once it does.
    pub(super) fn until_refused(&self, host: &Process) -> Option<String> {
        let begun = Instant::now();
        loop {
            let log = host.log();
            let said = log
                .lines()
                .find_map(|line| line.find(NOT_BELIEVED).map(|at| line[at..].to_owned()));
            if said.is_some() || begun.elapsed() > NOTICED_WITHIN {
                return said;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}
