//! Applications: what people want to run, where, and how it may change.
//!
//! An [`Application`] is what a manifest means once every image is a digest. It is stored as a signed [`Revision`]; the controller
//! compares it with what runs. Nothing in it says what *is*.

mod check;
mod placement;
mod revision;
mod update;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::check::{Flaw, check};
pub use self::placement::{Placement, Scale, Share};
pub use self::revision::{
    APP_LIFETIME, AppClaims, Cause, Fallback, REVISION_BYTES_MAX, Revision, RevisionError, StoredRevision,
    VerifiedRevision,
};
pub use self::update::{Failure, Probe, UpdateStrategy};
use crate::actor::ActorSpec;
use crate::config::ConfigMap;
use crate::id::{ActorName, AppName, LatticeId, ProviderName};
use crate::link::{LinkClaims, LinkId};
use crate::provider::ProviderSpec;

/// What one manifest declares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// Its name.
    pub name: AppName,
    /// The version its author gives it. Shown, never compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What it is, in the author's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its actors.
    #[serde(default)]
    pub actors: Vec<DesiredActor>,
    /// Its providers. One that another application declares in the same words is shared with it.
    #[serde(default)]
    pub providers: Vec<DesiredProvider>,
    /// Its links.
    #[serde(default)]
    pub links: Vec<DesiredLink>,
}

/// An actor that shall run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DesiredActor {
    /// What to run. Its `app` is the application's name.
    pub spec: ActorSpec,
    /// How many replicas, and where.
    #[serde(default)]
    pub placement: Placement,
    /// How it changes to another spec.
    #[serde(default)]
    pub update: UpdateStrategy,
}

/// A provider that shall run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DesiredProvider {
    /// What to run. It is `managed`.
    pub spec: ProviderSpec,
    /// On how many hosts, and which. At most once on each.
    #[serde(default)]
    pub placement: Placement,
}

/// A link that shall be in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DesiredLink {
    /// What it grants. Generation, config digest and application are decided when it is signed; here they are 0 and absent.
    pub claims: LinkClaims,
    /// Its config.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub config: BTreeMap<String, String>,
}

impl Application {
    /// An application with nothing in it.
    pub fn empty(name: AppName) -> Self {
        Self {
            name,
            version: None,
            description: None,
            actors: Vec::new(),
            providers: Vec::new(),
            links: Vec::new(),
        }
    }

    /// The actor of that name.
    pub fn actor(&self, name: &ActorName) -> Option<&DesiredActor> {
        self.actors.iter().find(|actor| actor.spec.name == *name)
    }

    /// The actor of that name, to change it.
    pub fn actor_mut(&mut self, name: &ActorName) -> Option<&mut DesiredActor> {
        self.actors.iter_mut().find(|actor| actor.spec.name == *name)
    }

    /// The provider of that name.
    pub fn provider(&self, name: &ProviderName) -> Option<&DesiredProvider> {
        self.providers.iter().find(|provider| provider.spec.name == *name)
    }
}

impl DesiredLink {
    /// A link as a manifest declares it.
    pub fn new(claims: LinkClaims, config: BTreeMap<String, String>) -> Self {
        let claims = LinkClaims {
            generation: 0,
            config_digest: None,
            app: None,
            ..claims
        };
        Self { claims, config }
    }

    /// The id it has in a lattice.
    pub fn id(&self, lattice: &LatticeId) -> LinkId {
        self.claims.id(lattice)
    }

    /// Its config, as it is stored.
    pub fn config_map(&self) -> ConfigMap {
        ConfigMap::from(self.config.clone())
    }
}
