//! One host of `lattice up`: its folder, its identity, the command that runs it.

use std::path::{Path, PathBuf};

use anyhow::Result;
use lattice_core::{HostId, Labels, MemberId, OperatorId};
use nkeys::KeyPair;
use tokio::process::Command;

use super::{
    observe::Observed,
    plan::{HostPlan, UpPlan},
};
use crate::{
    files::{self, Privacy},
    permissions,
    session::now,
    trust_root::{TrustRoot, load_or_create_key},
};

/// A host that can be started.
pub(crate) struct PreparedHost {
    /// Its identity.
    pub(crate) id: HostId,
    name: String,
    labels: Labels,
    folder: PathBuf,
    creds: PathBuf,
    bundle: PathBuf,
    controller: PathBuf,
    operator: OperatorId,
    observed: Option<Observed>,
}

/// Makes what a host needs: its key, its token with the labels it may have, its NATS credentials.
pub(crate) fn prepare(
    plan: &UpPlan,
    host: &HostPlan,
    root: &TrustRoot,
    observed: Option<Observed>,
) -> Result<PreparedHost> {
    let folder = plan.home.host(host.name.as_str());
    files::create_private_dir(&folder)?;
    let key = load_or_create_key(&folder.join("host.seed"), KeyPair::new_server)?;
    let id: HostId = key.public_key().parse()?;
    let member = MemberId::from(&id);
    let creds = plan.home.credentials().join(format!("host-{}.creds", host.name));
    let allowed = |_: &_| permissions::leading_host(&plan.lattice, &member, &plan.messaging);
    let user = root.write_credentials(&creds, &format!("host {}", host.name), allowed, now())?;
    let token = root.enrol_host(&id, host.labels.clone(), user, now())?;
    files::write_atomically(&folder.join("host.jwt"), token.as_bytes(), Privacy::Secret)?;
    Ok(PreparedHost {
        id,
        name: host.name.to_string(),
        labels: host.labels.clone(),
        folder,
        creds,
        bundle: root.bundle_file(),
        controller: root.seed_file("controller"),
        operator: root.operator()?,
        observed,
    })
}

impl PreparedHost {
    /// The command that runs the host. Nothing of our own environment that is meant for hosts reaches it: what it is told here
    /// is all.
    pub(crate) fn command(&self, program: &Path, plan: &UpPlan, url: &str) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("LATTICE_")) {
            command.env_remove(name);
        }
        command.args([
            "--lattice",
            plan.lattice.as_str(),
            "--nats-url",
            url,
            "--name",
            &self.name,
        ]);
        command.args(["--operator", self.operator.as_str()]);
        command
            .arg("--nats-creds")
            .arg(&self.creds)
            .arg("--data-dir")
            .arg(&self.folder);
        command.arg("--trust-bundle").arg(&self.bundle);
        command.arg("--controller-seed").arg(&self.controller);
        command.args(["--grace", &format!("{}ms", plan.grace.as_millis().max(1))]);
        for (key, value) in self.labels.iter() {
            command.arg("--label").arg(format!("{key}={value}"));
        }
        if let Some(observed) = self.observed {
            command.args(["--metrics-address", &observed.metrics.to_string()]);
            if let Some(collector) = observed.collector {
                collector.tell(&mut command);
            }
        }
        if let Some(log) = &plan.log {
            command.args(["--log", log]);
        }
        command
    }
}
