//! When a host stops, its stateful actors go on elsewhere.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use lattice_core::{ActorName, KeyedActor, MemberId, TraceContext};
use lattice_stateful::{MoveOrder, Runtime};
use lattice_telemetry::{SpanKind, Status};
use tracing::{info, warn};

use crate::shared::Shared;

/// Actors that move at a time.
const AT_A_TIME: usize = 16;
/// The longest pause of one that has to go anyway.
const PAUSE_MAX: Duration = Duration::from_secs(5);

impl Shared {
    /// Moves every live stateful actor, or those of one name, to the host it would be woken on without this one. What cannot go comes to rest, and is woken
    /// there when somebody calls it. Ends at `until`.
    pub(crate) async fn evacuate_stateful(
        &self,
        name: Option<&ActorName>,
        until: Instant,
        part_of: Option<&TraceContext>,
    ) {
        let awake = |runtime: &'_ Runtime| runtime.live().into_iter();
        let mut live: Vec<_> = self.stateful.runtimes().flat_map(awake).collect();
        live.retain(|actor| name.is_none_or(|name| actor.name == *name));
        if live.is_empty() {
            return;
        }
        info!(actors = live.len(), "moving stateful actors to other hosts");
        let span = self.tracer.always("evacuate", SpanKind::Internal, part_of);
        let moves = futures::stream::iter(live).map(async |actor| {
            let runtime = self.stateful.runtime(&actor.name);
            let (Some(to), Some(runtime)) = (self.home_without_me(&actor), runtime) else {
                return false;
            };
            let order = MoveOrder {
                actor,
                to,
                by: self.stopped_by.get().cloned(),
                pause_max: PAUSE_MAX,
                progress: Arc::new(|_| ()),
                trace: span.handle(),
            };
            self.move_timed(runtime, order).await.is_ok()
        });
        let moved = moves
            .buffer_unordered(AT_A_TIME)
            .filter(|moved| std::future::ready(*moved))
            .count();
        let status = match tokio::time::timeout_at(until.into(), moved).await {
            Ok(moved) => {
                info!(moved, "stateful actors moved");
                Status::Ok
            }
            Err(_) => {
                warn!("not all stateful actors could be moved in time; the others are put to rest");
                Status::error("timeout", "not all stateful actors could be moved in time")
            }
        };
        span.end(status, Vec::new);
    }

    fn home_without_me(&self, actor: &KeyedActor) -> Option<MemberId> {
        let mut hosts = self.takers(actor);
        hosts.retain(|host| host != self.member.id());
        lattice_core::stateful::homes(actor, hosts).into_iter().next()
    }
}
