//! Having hosts fetch ahead what they may have to run.

use std::{sync::Mutex, time::Duration};

use anyhow::Result;
use futures::{StreamExt as _, stream};
use lattice_control::{ActorFetch, MemberSummary};
use lattice_core::{Application, application::DesiredActor, presence::Scheduling};

use crate::{output::Narrator, session::Session};

/// Hosts that are asked at a time.
const AT_A_TIME: usize = 16;

/// Has each host that may run an actor fetch and compile its component. One that cannot is told of and left behind: it fetches when it
/// has to.
pub(crate) async fn prefetch(
    session: &Session,
    application: &Application,
    within: Duration,
    narrator: &mut Narrator,
) -> Result<()> {
    let hosts = session.hosts().await?;
    let asked = application.actors.iter().flat_map(|actor| {
        let candidates = hosts.iter().filter(|host| may_run(host, actor));
        candidates.map(|host| (host, actor.spec.clone()))
    });
    let shared = Mutex::new(&mut *narrator);
    let lock = || shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (client, lock) = (&session.client, &lock);
    let failed: Vec<String> = stream::iter(asked)
        .map(|(host, spec)| async move {
            let name = spec.name.clone();
            let tell = |progress| lock().progress(&host.name, &progress);
            let fetched = client.send(host, &ActorFetch { spec }, within, tell).await;
            fetched
                .err()
                .map(|error| format!("{} has not got `{name}`: {error}", host.name))
        })
        .buffer_unordered(AT_A_TIME)
        .filter_map(async |failed| failed)
        .collect()
        .await;
    for failed in failed {
        narrator.remark(&failed);
    }
    Ok(())
}

/// Whether an actor may be placed on a host: now, or when others are lost.
fn may_run(host: &MemberSummary, actor: &DesiredActor) -> bool {
    let (labels, groups) = (&host.labels, &actor.placement.spread);
    let in_a_group = groups.is_empty() || groups.iter().any(|group| labels.matches(&group.labels));
    host.scheduling == Scheduling::Open && labels.matches(&actor.spec.placement) && in_a_group
}
