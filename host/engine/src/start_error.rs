//! Why an actor could not be started: all reasons at once.

use std::fmt;

use lattice_core::{ActorName, VersionedInterface};

use crate::served::InterfaceClass;

/// Says why an actor was not started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Imports that nothing satisfies.
    #[error("actor `{actor}` cannot be started: {}", list(.problems))]
    Imports {
        /// The actor.
        actor: ActorName,
        /// One for each import in question.
        problems: Vec<ImportProblem>,
    },
    /// The imports are there by name, but not of the type that the component expects, or the like.
    #[error("actor `{actor}` cannot be started: {problem}")]
    Incompatible {
        /// The actor.
        actor: ActorName,
        /// What the linker says.
        problem: String,
    },
    /// Instances are to serve several calls at a time, and the component cannot.
    #[error("actor `{0}` cannot serve calls concurrently in one instance: its component is not asynchronous")]
    NotConcurrent(ActorName),
}

/// An import that cannot be satisfied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportProblem {
    /// The import; for one outside any interface, its name.
    pub import: Import,
    /// What is wrong with it.
    pub kind: ImportProblemKind,
}

/// What a component asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Import {
    /// An interface.
    Interface(VersionedInterface),
    /// Something by another name.
    Other(String),
}

/// What is wrong with an import.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImportProblemKind {
    /// No link grants it. A link from this actor, to a provider or an actor by its class, would help.
    Unlinked(InterfaceClass),
    /// There is a link, but it does not grant this function.
    FunctionNotGranted {
        /// Which function.
        function: String,
    },
    /// The host serves the interface in other versions only. The component must be built against one of them.
    OtherVersion {
        /// Those, the newest last.
        served: Vec<VersionedInterface>,
    },
    /// A call to another actor cannot carry this type.
    Unsupported {
        /// The function that uses it; `None` when the interface itself defines it.
        function: Option<String>,
        /// `resource`, `stream`, ...
        what: String,
    },
    /// It is not part of an interface, and links name interfaces.
    NotAnInterface,
}

impl ImportProblem {
    /// The interface to make a link for, if a link is what is missing.
    #[must_use]
    pub fn missing_link(&self) -> Option<(&VersionedInterface, InterfaceClass)> {
        match (&self.import, &self.kind) {
            (Import::Interface(interface), ImportProblemKind::Unlinked(class)) => Some((interface, *class)),
            _ => None,
        }
    }
}

impl fmt::Display for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interface(interface) => interface.fmt(f),
            Self::Other(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for ImportProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "import `{}` ", self.import)?;
        match &self.kind {
            ImportProblemKind::Unlinked(InterfaceClass::Bridge) => {
                f.write_str("has no link to an actor that exports it")
            }
            ImportProblemKind::Unlinked(_) => f.write_str("has no link to a provider"),
            ImportProblemKind::FunctionNotGranted { function } => {
                write!(f, "is linked, but the link does not grant `{function}`")
            }
            ImportProblemKind::OtherVersion { served } => {
                let served: Vec<_> = served.iter().map(ToString::to_string).collect();
                write!(
                    f,
                    "is not served in this version; this host has {}",
                    served.join(" and ")
                )
            }
            ImportProblemKind::Unsupported {
                function: Some(function),
                what,
            } => {
                write!(f, "cannot be linked to an actor: `{function}` uses a {what}")
            }
            ImportProblemKind::Unsupported { function: None, what } => {
                write!(f, "cannot be linked to an actor: it defines the {what}")
            }
            ImportProblemKind::NotAnInterface => f.write_str("is not part of an interface, so no link can satisfy it"),
        }
    }
}

fn list(problems: &[ImportProblem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
