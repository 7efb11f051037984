//! Where the CLI keeps what it must remember: contexts, development trust roots, running lattices.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use etcetera::BaseStrategy;
use lattice_core::LatticeId;

/// The state root: `$LATTICE_HOME`, else `lattice` in the user's data folder.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    root: PathBuf,
}

impl Home {
    /// Finds the state root. Creates nothing.
    pub(crate) fn find(from_environment: Option<PathBuf>) -> Result<Self> {
        let root = match from_environment {
            Some(root) => std::path::absolute(&root)
                .with_context(|| format!("LATTICE_HOME={} is not a usable path", root.display()))?,
            None => etcetera::choose_base_strategy()
                .context("cannot find your data folder: set LATTICE_HOME to a folder for Lattice's files")?
                .data_dir()
                .join("lattice"),
        };
        Ok(Self { root })
    }

    /// The folder itself.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The context files.
    pub(crate) fn contexts(&self) -> PathBuf {
        self.root.join("contexts")
    }

    /// Names the context in use.
    pub(crate) fn current_context(&self) -> PathBuf {
        self.root.join("current-context")
    }

    /// What `lattice up` keeps for one lattice.
    pub(crate) fn lattice(&self, lattice: &LatticeId) -> LatticeHome {
        LatticeHome {
            root: self.root.join("lattices").join(lattice.to_string()),
        }
    }
}

/// What `lattice up` keeps for one lattice.
#[derive(Clone, Debug)]
pub(crate) struct LatticeHome {
    root: PathBuf,
}

impl LatticeHome {
    /// The folder itself.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// What runs now: processes, ports.
    pub(crate) fn run_record(&self) -> PathBuf {
        self.root.join("run.json")
    }

    /// What the processes say when nobody watches.
    pub(crate) fn log(&self) -> PathBuf {
        self.root.join("up.log")
    }

    /// The development trust root.
    pub(crate) fn trust(&self) -> PathBuf {
        self.root.join("trust")
    }

    /// The nats-server's folder.
    pub(crate) fn nats(&self) -> PathBuf {
        self.root.join("nats")
    }

    /// NATS credentials files.
    pub(crate) fn credentials(&self) -> PathBuf {
        self.root.join("creds")
    }

    /// One host's folder.
    pub(crate) fn host(&self, name: &str) -> PathBuf {
        self.root.join("hosts").join(name)
    }
}
