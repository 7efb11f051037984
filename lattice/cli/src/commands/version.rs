//! `lattice version`

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::{app::App, output::Document, session::Session};

/// Shows the version of this program, and of the hosts it reaches
#[derive(Args, Debug)]
pub(crate) struct Version {
    /// Only of this program
    #[arg(long)]
    client: bool,
}

/// How long hosts have to tell theirs: the command must work without any lattice.
const HOSTS_WITHIN: Duration = Duration::from_secs(3);

#[derive(Serialize)]
struct Versions {
    client: &'static str,
    hosts: Vec<HostVersion>,
}

#[derive(Serialize)]
struct HostVersion {
    name: String,
    version: String,
}

impl Version {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        let hosts = if self.client { Vec::new() } else { hosts(app).await };
        let client = env!("CARGO_PKG_VERSION");
        let mut text = format!("lattice {client}\n");
        for host in &hosts {
            text.push_str(&format!("host {} {}\n", host.name, host.version));
        }
        app.print(&Document::single(
            "Version",
            format!("lattice/{client}"),
            &Versions { client, hosts },
            text,
        )?)
    }
}

/// The hosts' versions; none when there is no lattice to ask.
async fn hosts(app: &App) -> Vec<HostVersion> {
    let asking = async {
        let session: Session = app.connect().await?;
        session.hosts().await
    };
    let hosts = match tokio::time::timeout(HOSTS_WITHIN, asking).await {
        Ok(Ok(hosts)) => hosts,
        _ => Vec::new(),
    };
    hosts
        .into_iter()
        .map(|host| HostVersion {
            name: host.name,
            version: host.version,
        })
        .collect()
}
