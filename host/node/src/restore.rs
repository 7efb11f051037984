//! Running again what this host ran before it was restarted.

use std::sync::Arc;
use std::time::Duration;

use lattice_control::{ActorStart, ProgressSink, ProviderStart};
use lattice_core::presence::Scheduling;
use tracing::{info, warn};

use crate::actors::Occasion;
use crate::shared::Shared;

/// Tries for each thing. What does not start by then, the controller sees to.
const TRIES: u32 = 3;
const BETWEEN_TRIES: Duration = Duration::from_secs(2);

/// Starts what applications had this host run, with what is on its own disk. Whatever it has been told meanwhile counts more.
pub(crate) async fn restore(shared: Arc<Shared>) {
    let kept = shared.orders.kept();
    if kept.scheduling == Scheduling::Evacuating || (kept.actors.is_empty() && kept.providers.is_empty()) {
        return;
    }
    info!(
        actors = kept.actors.len(),
        providers = kept.providers.len(),
        "running again what ran before"
    );
    for spec in kept.providers.into_values() {
        let name = spec.name.clone();
        let start = || async {
            let request = ProviderStart { spec: spec.clone() };
            shared.start_provider(request, &ProgressSink::ignored()).await.map(drop)
        };
        if let Err(error) = insist(start).await {
            warn!(provider = %name, %error, "not running again");
        }
    }
    for actor in kept.actors.into_values() {
        let name = actor.spec.name.clone();
        let start = || async {
            let request = ActorStart::new(actor.spec.clone(), actor.replicas);
            shared
                .start_actor(request, Occasion::Restart, &ProgressSink::ignored())
                .await
                .map(drop)
        };
        if let Err(error) = insist(start).await {
            warn!(actor = %name, %error, "not running again");
        }
    }
}

async fn insist<E, F: Future<Output = Result<(), E>>>(mut start: impl FnMut() -> F) -> Result<(), E> {
    let mut tries = 1;
    loop {
        match start().await {
            Err(_) if tries < TRIES => tries += 1,
            outcome => return outcome,
        }
        tokio::time::sleep(BETWEEN_TRIES).await;
    }
}
