//! All stateful actors of one name on this host, as the runtime sees them.

use std::sync::Arc;

use async_trait::async_trait;
use lattice_core::{ActorName, ActorSpec, Digest, Limits, SiteName, Stateful};
use lattice_engine::Actor;
use lattice_stateful::{Instance, Kind, WakeError, Waking};

use super::instance::LiveInstance;
use crate::failures::Failures;

/// A component, joined with its links, that makes live instances.
pub(crate) struct EngineKind {
    engine: Actor,
    name: ActorName,
    component: Digest,
    limits: Limits,
    policy: Stateful,
    /// The site where its records are, if not in the hub.
    home: Option<SiteName>,
    failures: Arc<Failures>,
}

impl EngineKind {
    /// What the engine and the spec say of a stateful actor; none for one that is not.
    pub(crate) fn of(engine: &Actor, spec: &ActorSpec, failures: &Arc<Failures>) -> Option<Arc<Self>> {
        engine.is_stateful().then(|| {
            Arc::new(Self {
                engine: engine.clone(),
                name: spec.name.clone(),
                component: spec.digest,
                limits: spec.limits.clone(),
                policy: spec.kind.stateful().copied().unwrap_or_default(),
                home: spec.home(),
                failures: Arc::clone(failures),
            })
        })
    }

    pub(crate) fn name(&self) -> &ActorName {
        &self.name
    }

    pub(crate) fn home(&self) -> Option<&SiteName> {
        self.home.as_ref()
    }
}

#[async_trait]
impl Kind for EngineKind {
    fn component(&self) -> Digest {
        self.component
    }

    fn policy(&self) -> &Stateful {
        &self.policy
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn reaches_out(&self) -> bool {
        self.engine.reaches_out()
    }

    async fn wake(&self, waking: Waking) -> Result<Box<dyn Instance>, WakeError> {
        let waking = lattice_engine::Waking {
            actor: waking.actor,
            epoch: waking.epoch,
            cause: waking.cause,
            from_version: waking.from_version.map(|digest| digest.to_string()),
            image: waking.image,
            cells: waking.cells,
            state_bytes_max: self.policy.state_bytes_max,
            deadline: waking.deadline,
            trace: None,
        };
        match self.engine.wake(waking).await {
            Ok(live) => Ok(Box::new(LiveInstance::new(
                live,
                self.name.clone(),
                self.limits.body_bytes_max,
                Arc::clone(&self.failures),
            ))),
            Err(lattice_engine::WakeError::Refused(refusal)) => Err(WakeError::Refused(refusal)),
            Err(lattice_engine::WakeError::Failed(fault)) => Err(WakeError::Failed(fault)),
        }
    }
}
