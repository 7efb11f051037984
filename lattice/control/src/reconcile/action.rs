//! What the controller can do.

use std::{sync::Arc, time::Duration};

use lattice_core::{
    ActorName, ActorSpec, AppName, Fingerprint, HostId, LinkId, Party, ProviderName, ProviderSpec, application::Probe,
};

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Put a signed link, or the end of one, where everybody sees it.
    PutLink {
        /// Which.
        id: LinkId,
        /// In which generation.
        generation: u64,
        /// Its token.
        token: Arc<str>,
    },
    /// Run an actor on a host; where another version of it runs, in its place.
    StartActor {
        /// Where.
        host: HostId,
        /// What.
        spec: Arc<ActorSpec>,
        /// How many.
        replicas: u32,
        /// What it has to answer before it counts as ready.
        probe: Option<Probe>,
        /// How long the host may take.
        within: Duration,
        /// How long a version that it takes the place of may finish what it does.
        drain: Duration,
    },
    /// Change the number of replicas on a host.
    ScaleActor {
        /// Where.
        host: HostId,
        /// Which.
        actor: ActorName,
        /// How many.
        replicas: u32,
    },
    /// Take an actor from a host.
    StopActor {
        /// Where.
        host: HostId,
        /// Which.
        actor: ActorName,
        /// How long it may finish what it does.
        drain: Duration,
    },
    /// Run a provider on a host.
    StartProvider {
        /// Where.
        host: HostId,
        /// What.
        spec: Arc<ProviderSpec>,
    },
    /// Take a provider from a host.
    StopProvider {
        /// Where.
        host: HostId,
        /// Which.
        provider: ProviderName,
    },
    /// Go back to the revision before.
    RollBack {
        /// Of which application.
        app: AppName,
        /// The revision that did not become ready.
        revision: u64,
        /// Why.
        reason: String,
    },
}

/// What an action is about. There is one action at a time about each.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// An actor or provider on a host.
    OnHost(HostId, Party),
    /// A link.
    Link(LinkId),
    /// An application as a whole.
    App(AppName),
}

impl Action {
    /// What it is about.
    pub fn target(&self) -> Target {
        match self {
            Self::PutLink { id, .. } => Target::Link(id.clone()),
            Self::StartActor { host, spec, .. } => Target::OnHost(host.clone(), spec.name.clone().into()),
            Self::ScaleActor { host, actor, .. } | Self::StopActor { host, actor, .. } => {
                Target::OnHost(host.clone(), actor.clone().into())
            }
            Self::StartProvider { host, spec } => Target::OnHost(host.clone(), spec.name.clone().into()),
            Self::StopProvider { host, provider } => Target::OnHost(host.clone(), provider.clone().into()),
            Self::RollBack { app, .. } => Target::App(app.clone()),
        }
    }

    /// What will be there once it is done: in which version, and how many replicas; of a link, its generation.
    pub(crate) fn expects(&self) -> (Option<Fingerprint>, u64) {
        match self {
            Self::StartActor { spec, replicas, .. } => (Some(spec.fingerprint()), u64::from(*replicas)),
            Self::ScaleActor { replicas, .. } => (None, u64::from(*replicas)),
            Self::StartProvider { spec, .. } => (Some(spec.fingerprint()), 1),
            Self::StopActor { .. } | Self::StopProvider { .. } | Self::RollBack { .. } => (None, 0),
            Self::PutLink { generation, .. } => (None, *generation),
        }
    }
}
