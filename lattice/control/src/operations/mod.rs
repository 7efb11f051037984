//! Work that takes several commands: placing replicas over hosts, moving an actor. Each decides first, purely, then acts.

mod place;
mod plan;
mod relocate;
mod revise;
mod seen;

use lattice_core::MemberId;
use serde::Serialize;

pub use place::{Place, Placed};
pub use plan::{Action, plan};
pub use relocate::{Component, Relocate, Relocated};
pub use revise::{APP_LINK_LIFETIME, AppSigner, Revised};

use crate::{progress::Progress, verbs::MemberSummary};

/// Replicas of an actor on one host.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Placement {
    /// What people call the host.
    pub host: String,
    /// The host.
    pub member: MemberId,
    /// How many replicas.
    pub replicas: u32,
}

impl Placement {
    fn on(host: &MemberSummary, replicas: u32) -> Self {
        Self {
            host: host.name.clone(),
            member: host.member.clone(),
            replicas,
        }
    }
}

/// Hears how far an operation is: who is at work, and what it says.
pub type Tell<'a> = &'a (dyn Fn(&str, Progress) + Send + Sync);
