//! The NATS server of `lattice up`: its configuration, its ports.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use lattice_core::{LatticeId, token::nats::ServerTrust};
use serde::Deserialize;
use tokio::process::Command;

use super::programs::NatsServer;
use crate::files::{self, Privacy};

/// The JetStream domain of the server, for those who reach it through a leaf node.
pub(crate) const HUB_DOMAIN: &str = "hub";

/// The folder of the server: configuration, store, ports.
#[derive(Clone, Debug)]
pub(crate) struct NatsFolder {
    root: PathBuf,
}

impl NatsFolder {
    /// Makes the folder.
    pub(crate) fn create(root: PathBuf) -> Result<Self> {
        files::create_private_dir(&root)?;
        Ok(Self { root })
    }

    fn config(&self) -> PathBuf {
        self.root.join("server.conf")
    }

    fn store(&self) -> PathBuf {
        self.root.join("store")
    }

    fn ports(&self) -> PathBuf {
        self.root.join("ports")
    }

    /// Writes the configuration.
    pub(crate) fn write_config(
        &self,
        lattice: &LatticeId,
        leafs: Option<SocketAddr>,
        trust: &ServerTrust,
    ) -> Result<()> {
        let text = config(lattice, &self.store(), leafs, trust);
        files::write_atomically(&self.config(), text.as_bytes(), Privacy::Secret)
    }

    /// Forgets the ports of earlier runs, and makes room for those of the next.
    pub(crate) fn clear_ports(&self) -> Result<()> {
        match std::fs::remove_dir_all(self.ports()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot empty {}", self.ports().display()));
            }
            _ => {}
        }
        files::create_private_dir(&self.ports())
    }

    /// The command that starts the server. `None` takes a free port.
    pub(crate) fn command(&self, server: &NatsServer, listen: &str, port: Option<u16>) -> Command {
        let mut command = Command::new(&server.path);
        command
            .arg("--config")
            .arg(self.config())
            .arg("--ports_file_dir")
            .arg(self.ports());
        command
            .args(["--addr", listen, "--port"])
            .arg(port.map_or_else(|| "-1".to_owned(), |port| port.to_string()));
        command
    }

    /// Where the server listens, once it has said so.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        let files = std::fs::read_dir(self.ports()).ok()?;
        let ports = files
            .flatten()
            .find(|file| file.path().extension().is_some_and(|ext| ext == "ports"))?;
        parse_ports(&std::fs::read_to_string(ports.path()).ok()?)
    }
}

/// The server's configuration. Embedded, so that a lattice needs no other file than its own.
fn config(lattice: &LatticeId, store: &Path, leafs: Option<SocketAddr>, trust: &ServerTrust) -> String {
    let mut text = format!("server_name: lattice-{lattice}\n");
    // An acknowledged write must survive the power cut: by default the server syncs only every two minutes.
    let store = serde_json::Value::from(store.to_string_lossy());
    let _ = writeln!(
        text,
        "jetstream {{\n  store_dir: {store}\n  sync_interval: always\n  domain: {HUB_DOMAIN}\n}}"
    );
    if let Some(listen) = leafs {
        // A site that is cut off is noticed after three unanswered pings.
        let _ = writeln!(text, "ping_interval: 5s\nleafnodes {{ listen: \"{listen}\" }}");
    }
    text.push_str(&trust.config());
    text
}

/// What the server writes into its ports file: URLs by purpose. The file may be half written; then there is no answer yet.
fn parse_ports(text: &str) -> Option<SocketAddr> {
    #[derive(Deserialize)]
    struct Ports {
        nats: Vec<String>,
    }
    let ports: Ports = serde_json::from_str(text).ok()?;
    ports
        .nats
        .iter()
        .find_map(|url| url.strip_prefix("nats://")?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_names_store_sync_and_accounts() {
        let account = || nkeys::KeyPair::new_account().public_key().parse().expect("an account");
        let (system_account, app): (_, lattice_core::AccountId) = (account(), account());
        let accounts = vec![(app.clone(), "a.b.c".into())];
        let trust = ServerTrust {
            operator_token: "op.to.ken".into(),
            system_account,
            accounts,
        };
        let text = config(
            &"shop".parse().expect("a lattice id"),
            Path::new("/x y/\"store"),
            Some(SocketAddr::from(([10, 0, 0, 1], 7422))),
            &trust,
        );
        assert!(text.starts_with("server_name: lattice-shop\n"));
        assert!(
            text.contains("store_dir: \"/x y/\\\"store\"\n  sync_interval: always\n"),
            "{text}"
        );
        assert!(text.contains("leafnodes { listen: \"10.0.0.1:7422\" }"), "{text}");
        assert!(text.contains("operator: op.to.ken") && text.contains(&format!("{app}: a.b.c")));
    }

    #[test]
    fn a_half_written_ports_file_is_no_answer_yet() {
        assert_eq!(parse_ports("{\"nats\":[\"nats://127.0.0.1:40"), None);
        assert_eq!(parse_ports(""), None);
        let address = parse_ports("{\"nats\":[\"nats://127.0.0.1:4055\"]}");
        assert_eq!(address, "127.0.0.1:4055".parse().ok());
    }
}
