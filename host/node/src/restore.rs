//! Running again what this host ran before it was restarted.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use lattice_control::{ActorStart, ControlError, ProgressSink, ProviderStart};
use lattice_core::presence::Scheduling;
use tracing::{info, warn};

use crate::actors::Occasion;
use crate::shared::Shared;

/// The pauses between two rounds: the first, and the longest. On an edge that is cut off nobody else will try.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Starts what applications had this host run, with what is on its own disk, until all of it runs or is not to run any more. Whatever
/// this host has been told meanwhile counts more.
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
    let stopping = shared.tasks.stopping();
    let mut pause = FIRST_PAUSE;
    while !round(&shared).await && !shared.is_draining() {
        if stopping.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
            return;
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Tries everything that is kept and does not run; says whether all of it does now. All at once: what waits for a store that is cut off
/// must not hold up what needs none.
async fn round(shared: &Arc<Shared>) -> bool {
    // Asked anew each time: what was stopped since is not to run again.
    let kept = shared.orders.kept();
    let unheard = ProgressSink::ignored();
    let providers = kept.providers.into_values();
    let providers = providers.filter(|spec| shared.providers.get(&spec.name).is_none());
    let providers = providers.map(async |spec| {
        let name = spec.name.clone();
        let started = shared.start_provider(ProviderStart { spec }, &unheard);
        tell(&format!("provider/{name}"), started.await)
    });
    let actors = kept.actors.into_values();
    let actors = actors.filter(|actor| shared.actors.get(&actor.spec.name).is_none());
    let actors = actors.map(async |actor| {
        let name = actor.spec.name.clone();
        let start = ActorStart::new(actor.spec, actor.replicas);
        let started = shared.start_actor(start, Occasion::Restart, &unheard);
        tell(&format!("actor/{name}"), started.await)
    });
    let (providers, actors) = tokio::join!(join_all(providers), join_all(actors));
    providers.iter().chain(&actors).sum::<u32>() == 0
}

/// One if it failed.
fn tell<T>(what: &str, outcome: Result<T, ControlError>) -> u32 {
    match outcome {
        Ok(_) => 0,
        Err(error) => {
            warn!(what, %error, "not running again yet");
            1
        }
    }
}
