//! Which keys of a trust root go into which Secret.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::api::Api;
use crate::files::{self, Privacy};

/// All of it, the operator's key too: for nobody who runs.
const ROOT: &str = "root";
/// What everybody may know: whom to trust.
const TRUST: &str = "trust";

/// What else there is, and in which Secret: its key there, and the root's file.
const SHARES: [(&str, &[(&str, &str)]); 4] = [
    (
        TRUST,
        &[
            ("operators", "operators"),
            ("trust.jwt", "bundle.jwt"),
            ("nats.conf", "nats.conf"),
        ],
    ),
    // For what enrols the pods of hosts.
    (
        "enrol",
        &[
            ("issuer.seed", "enroller.seed"),
            ("nats-account.seed", "nats-account.seed"),
        ],
    ),
    // For hosts that may lead.
    ("controller", &[("controller.seed", "controller.seed")]),
    // For what creates the lattice's state.
    ("cli", &[("cli.creds", "cli.creds")]),
];

/// The Secrets of one trust root.
pub(crate) struct RootSecrets {
    api: Api,
    prefix: String,
}

impl RootSecrets {
    /// Names them `prefix-root`, `prefix-trust` and so on.
    pub(crate) fn new(api: Api, prefix: &str) -> Self {
        Self {
            api,
            prefix: prefix.to_owned(),
        }
    }

    /// Puts the root into a folder, as far as there is one. False when there was one and somebody took it away, which is
    /// what one does with an operator's key: then there is nothing to be made here, and the folder has what was left.
    pub(crate) async fn fetch(&self, folder: &Path) -> Result<bool> {
        if let Some(root) = self.api.secret(&self.name(ROOT)).await? {
            for (name, bytes) in &root.data {
                files::write_atomically(&folder.join(name), bytes, Privacy::Secret)?;
            }
            return Ok(true);
        }
        let mut left = false;
        for (share, files) in SHARES {
            let Some(secret) = self.api.secret(&self.name(share)).await? else {
                continue;
            };
            left |= share == TRUST;
            for (key, file) in files {
                if let Some(bytes) = secret.data.get(*key) {
                    files::write_atomically(&folder.join(file), bytes, Privacy::Secret)?;
                }
            }
        }
        Ok(!left)
    }

    /// Stores what is in the folder, the root first: whatever happens then, the rest follows from it.
    pub(crate) async fn store(&self, folder: &Path) -> Result<()> {
        let mut root = Vec::new();
        for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let name = entry?.file_name();
            let name = name.to_str().context("a file of the root has a strange name")?;
            root.push((name.to_owned(), name.to_owned()));
        }
        self.put(ROOT, folder, &root).await?;
        for (share, files) in SHARES {
            let files: Vec<_> = files
                .iter()
                .map(|&(key, file)| (key.to_owned(), file.to_owned()))
                .collect();
            self.put(share, folder, &files).await?;
        }
        Ok(())
    }

    async fn put(&self, share: &str, folder: &Path, files: &[(String, String)]) -> Result<()> {
        let name = self.name(share);
        let known = self.api.secret(&name).await?;
        let mut secret = known.clone().unwrap_or_default();
        for (key, file) in files {
            let path = folder.join(file);
            let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            secret.data.insert(key.clone(), bytes);
        }
        if known.is_some_and(|known| known.data == secret.data) {
            return Ok(());
        }
        self.api.put_secret(&name, &secret).await
    }

    fn name(&self, share: &str) -> String {
        format!("{}-{share}", self.prefix)
    }
}
