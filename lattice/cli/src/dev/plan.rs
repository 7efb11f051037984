//! What `lattice dev` was asked for, checked.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use super::{name::DevName, recipe::Recipe};

/// What to build, run and watch.
#[derive(Clone, Debug)]
pub(crate) struct DevPlan {
    /// The folder with the source, in full.
    pub(crate) folder: PathBuf,
    /// How the component is made.
    pub(crate) recipe: Recipe,
    /// Where the application comes from.
    pub(crate) origin: Origin,
    /// Names of files and folders that are not watched, beside those that nobody wants watched.
    pub(crate) ignored: Vec<String>,
    /// What becomes of the application in the end.
    pub(crate) at_end: AtEnd,
}

/// Where the application comes from.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// Somebody wrote it down in this file.
    Manifest(PathBuf),
    /// It is what this component needs.
    Derived {
        /// The component.
        component: PathBuf,
        /// What was said about it.
        wishes: Wishes,
    },
}

/// What was said about an application that is derived.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Wishes {
    /// What to call the actor.
    pub(crate) name: DevName,
    /// Where its HTTP server listens, if it needs one. Decided once, so that the URL stays the same.
    pub(crate) address: SocketAddr,
    /// What `wasi:config` tells it.
    pub(crate) config: BTreeMap<String, String>,
    /// The subjects it hears, if it handles messages. Empty: those below its own name.
    pub(crate) subjects: Vec<String>,
}

/// What becomes of the application in the end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum AtEnd {
    /// It is deleted.
    Delete,
    /// It goes on.
    Keep,
}
