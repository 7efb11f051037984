//! What a token asks a lattice to believe.

use std::collections::BTreeSet;

use super::bundle::Role;
use crate::id::{Labels, Party, ProviderName, Verb};
use crate::interface::InterfacePattern;
use crate::time::UnixSeconds;

/// What a token wants to be believed about.
#[derive(Clone, Copy, Debug)]
pub enum Ask<'a> {
    /// A link.
    Link {
        /// Who may call.
        source: &'a Party,
        /// What.
        interface: &'a InterfacePattern,
        /// Whom.
        target: &'a Party,
    },
    /// The end of a link.
    Unlink {
        /// Who might call.
        source: &'a Party,
        /// What.
        interface: &'a InterfacePattern,
    },
    /// A host with these labels.
    Host {
        /// Its labels.
        labels: &'a Labels,
    },
    /// A stand-alone provider of these names.
    Provider {
        /// Its names.
        names: &'a BTreeSet<ProviderName>,
    },
    /// A command.
    Command {
        /// Which.
        verb: &'a Verb,
    },
    /// A component.
    Image,
    /// Code compiled elsewhere.
    Aot,
}

impl Ask<'_> {
    /// The role it takes to sign that.
    pub const fn role(&self) -> Role {
        match self {
            Self::Link { .. } | Self::Unlink { .. } => Role::Link,
            Self::Host { .. } | Self::Provider { .. } => Role::Host,
            Self::Command { .. } => Role::Control,
            Self::Image => Role::Image,
            Self::Aot => Role::Aot,
        }
    }
}

/// Where a token comes from, as far as revocation cares.
#[derive(Clone, Copy, Debug)]
pub struct Provenance<'a> {
    /// When it was made.
    pub issued_at: UnixSeconds,
    /// Its id.
    pub token_id: &'a str,
    /// What it is about; for members, their key.
    pub subject: &'a str,
}

/// Whether a bundle past its time will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// No: the token is new here.
    Required,
    /// Yes: it was believed before the bundle expired, and a member that is offline goes on with what it knew.
    MayBeStale,
}
