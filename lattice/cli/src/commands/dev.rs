//! `lattice dev`

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use clap::Args;

use crate::{
    app::App,
    args::pair,
    dev::{self, AtEnd, DevName, DevPlan, Origin, Recipe, Wishes},
    failure::Failure,
};

/// A manifest of this name in the folder is taken by itself.
const MANIFEST: &str = "lattice.yaml";

/// Builds the component in a folder and runs it on the lattice, again whenever its source changes; Ctrl-C ends both
#[derive(Args, Debug)]
pub(crate) struct Dev {
    /// The folder with the source
    #[arg(default_value = ".")]
    path: PathBuf,
    /// What builds it, by `sh -c` in the folder, instead of Cargo
    #[arg(long, value_name = "COMMAND")]
    build: Option<String>,
    /// The file that comes of it, as seen from the folder; a Cargo package's is known. Alone: somebody else builds it, and it is watched
    #[arg(long, value_name = "FILE")]
    component: Option<PathBuf>,
    /// What to apply, instead of what the component's imports and exports ask for; `lattice.yaml` in the folder is taken by itself
    #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "address", "config", "subjects"])]
    manifest: Option<PathBuf>,
    /// What to call the actor, instead of what the package or the folder is called
    #[arg(long)]
    name: Option<DevName>,
    /// Where its HTTP server listens, instead of a free port of this machine
    #[arg(long, value_name = "IP:PORT")]
    address: Option<SocketAddr>,
    /// What `wasi:config` tells it; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    config: Vec<(String, String)>,
    /// A subject whose messages it handles, instead of `NAME` and `NAME.>`; may be repeated
    #[arg(long = "subscribe", value_name = "SUBJECT")]
    subjects: Vec<String>,
    /// A file or folder of this name is not watched; may be repeated
    #[arg(long = "ignore", value_name = "NAME")]
    ignored: Vec<String>,
    /// Leaves it running in the end
    #[arg(long)]
    keep: bool,
}

impl Dev {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        let plan = self.plan().await?;
        dev::run(app, plan).await
    }

    /// From what was typed to what is done.
    async fn plan(self) -> Result<DevPlan> {
        let folder = folder(&self.path)?;
        let manifest = self.find_manifest(&folder)?;
        let recipe = Recipe::find(&folder, self.build, self.component, manifest.is_some()).await?;
        let origin = match (manifest, &recipe.component) {
            (Some(file), _) => Origin::Manifest(file),
            (None, Some(component)) => Origin::Derived {
                component: component.clone(),
                wishes: Wishes {
                    name: self.name.map_or_else(|| name(&recipe.name), Ok)?,
                    address: address(self.address)?,
                    config: self.config.into_iter().collect(),
                    subjects: self.subjects,
                },
            },
            (None, None) => unreachable!("without a manifest a recipe names its component"),
        };
        Ok(DevPlan {
            folder,
            recipe,
            origin,
            ignored: self.ignored,
            at_end: if self.keep { AtEnd::Keep } else { AtEnd::Delete },
        })
    }

    /// The manifest that was named, or the one that lies in the folder.
    fn find_manifest(&self, folder: &Path) -> Result<Option<PathBuf>> {
        if let Some(file) = &self.manifest {
            let full = file.canonicalize();
            let full = full.map_err(|_| Failure::not_found(format!("there is no file {}", file.display())))?;
            return Ok(Some(full));
        }
        let file = folder.join(MANIFEST);
        if !file.is_file() {
            return Ok(None);
        }
        let says_otherwise =
            self.name.is_some() || self.address.is_some() || !self.config.is_empty() || !self.subjects.is_empty();
        if says_otherwise {
            return Err(Failure::usage(format!("{} says what runs", file.display()))
                .help("write names, addresses, config and subjects there")
                .into());
        }
        Ok(Some(file))
    }
}

fn folder(path: &Path) -> Result<PathBuf> {
    let folder = path.canonicalize().ok().filter(|folder| folder.is_dir());
    folder.ok_or_else(|| Failure::not_found(format!("there is no folder {}", path.display())).into())
}

fn name(text: &str) -> Result<DevName> {
    let name = DevName::from_text(text);
    name.ok_or_else(|| {
        Failure::usage(format!("`{text}` gives no name for an actor"))
            .help("say what to call it: --name NAME")
            .into()
    })
}

/// The address that was said, or a free one of this machine, looked for once so that it stays the same from one build to the next.
fn address(said: Option<SocketAddr>) -> Result<SocketAddr> {
    let address = said.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, 0).into());
    if address.port() != 0 {
        return Ok(address);
    }
    let free = TcpListener::bind(address).and_then(|listener| listener.local_addr());
    free.with_context(|| format!("no port of {} is free", address.ip()))
}
