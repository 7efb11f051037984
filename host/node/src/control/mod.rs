//! The control interface of this host: what each verb does here. Commands arrive authorised.

mod doctor;
pub(crate) mod errors;
mod health;
mod inspect;
mod inventory;
mod links;
mod ordered;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use lattice_capability::CallContext;
use lattice_control::{
    ActorFetch, ActorFetched, ActorInspect, ActorScale, ActorShape, ActorStart, ActorStarted, ActorStatus, ActorStop,
    ActorStopped, AppsProgress, AppsProgressReply, Call, CallReply, ControlError, Doctor, DoctorReport, Handler,
    HostSchedule, HostStop, HostStopping, Inventory, InventoryReply, KeyedFind, KeyedFound, KeyedList, KeyedListed,
    KeyedMove, KeyedMoved, Links, LinksReply, Logs, LogsReply, MemberSummary, Ping, Placements, PlacementsReply,
    ProgressSink, ProviderStart, ProviderStarted, ProviderStop, ProviderStopped, Traces, TracesReply, Traffic,
    TrafficReply, Verb,
};
use lattice_core::{LinkId, LinkLabel, Party, VersionedInterface};

use self::ordered::Ordered;
use crate::actors::Occasion;
use crate::events::{names, tell_ordered};
use crate::shared::Shared;

/// Carries out commands on one node.
pub(crate) struct NodeHandler {
    shared: Arc<Shared>,
}

impl NodeHandler {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

#[async_trait]
impl Handler for NodeHandler {
    async fn ping(&self, _request: Ping) -> Result<MemberSummary, ControlError> {
        Ok(inventory::summary(&self.shared))
    }

    async fn inventory(&self, _request: Inventory) -> Result<InventoryReply, ControlError> {
        Ok(inventory::inventory(&self.shared))
    }

    async fn links(&self, request: Links) -> Result<LinksReply, ControlError> {
        Ok(links::view(&self.shared, &request).await)
    }

    async fn placements(&self, request: Placements) -> Result<PlacementsReply, ControlError> {
        Ok(inventory::placements(&self.shared, &request.party))
    }

    async fn doctor(&self, _request: Doctor) -> Result<DoctorReport, ControlError> {
        Ok(health::check(&self.shared).await)
    }

    async fn apps_progress(&self, request: AppsProgress) -> Result<AppsProgressReply, ControlError> {
        let controller = self.shared.controller.get();
        Ok(controller
            .map(|controller| controller.progress(&request.apps))
            .unwrap_or_default())
    }

    async fn logs(&self, request: Logs) -> Result<LogsReply, ControlError> {
        let runs = self.shared.actors.get(&request.actor).is_some();
        Ok(self.shared.logs.read(&request, runs))
    }

    async fn traces(&self, request: Traces) -> Result<TracesReply, ControlError> {
        let name = inventory::name(&self.shared);
        Ok(TracesReply::of(name, &self.shared.recent, &request.wanted))
    }

    async fn traffic(&self, _: Traffic) -> Result<TrafficReply, ControlError> {
        Ok(TrafficReply::of(&self.shared.instruments))
    }

    async fn host_schedule(
        &self,
        request: HostSchedule,
        progress: ProgressSink,
    ) -> Result<MemberSummary, ControlError> {
        self.shared.orders.set_scheduling(request.scheduling);
        self.shared.tell_others().await;
        let data = serde_json::json!({ "scheduling": request.scheduling });
        let about = format!("host/{}", self.shared.member.id());
        tell_ordered(&self.shared.events, &progress, names::HOST_SCHEDULING, about, data);
        Ok(inventory::summary(&self.shared))
    }

    async fn host_stop(&self, request: HostStop, progress: ProgressSink) -> Result<HostStopping, ControlError> {
        progress.step("draining this host");
        if let Some(by) = progress.by() {
            // Whoever was first has it drained; the others wait for the same drain.
            let _ = self.shared.stopped_by.set(by.to_string());
        }
        // Drained in a task of its own: whoever ordered it may hang up, the host is on its way out all the same.
        let (shared, grace) = (Arc::clone(&self.shared), Duration::from_millis(request.drain_ms));
        let trace = progress.trace().cloned();
        let drained = self.shared.tasks.spawn_with("stop the host", async move {
            let cut_off = shared.drain(grace, trace.as_ref()).await;
            shared.ended.send_replace(true);
            cut_off
        });
        let cut_off = drained
            .await
            .map_err(|error| ControlError::internal(format!("the drain broke off: {error}")))?;
        Ok(HostStopping {
            cancelled: cut_off as u64,
        })
    }

    async fn actor_start(&self, request: ActorStart, progress: ProgressSink) -> Result<ActorStarted, ControlError> {
        let (ordered, progress) = Ordered::begin(&self.shared.tracer, Verb::ActorStart, &progress);
        let about = format!("actor/{}", request.spec.name);
        ordered.end(
            &about,
            self.shared.start_actor(request, Occasion::Command, &progress).await,
        )
    }

    async fn actor_scale(&self, request: ActorScale, progress: ProgressSink) -> Result<ActorStatus, ControlError> {
        let (ordered, progress) = Ordered::begin(&self.shared.tracer, Verb::ActorScale, &progress);
        let about = format!("actor/{}", request.actor);
        ordered.end(&about, self.shared.scale_actor(&request, &progress).await)
    }

    async fn actor_stop(&self, request: ActorStop, progress: ProgressSink) -> Result<ActorStopped, ControlError> {
        let (ordered, progress) = Ordered::begin(&self.shared.tracer, Verb::ActorStop, &progress);
        let about = format!("actor/{}", request.actor);
        ordered.end(&about, self.shared.stop_actor(&request, &progress).await)
    }

    async fn actor_fetch(&self, request: ActorFetch, progress: ProgressSink) -> Result<ActorFetched, ControlError> {
        self.shared.fetch_actor(&request, &progress).await
    }

    async fn actor_inspect(&self, request: ActorInspect, progress: ProgressSink) -> Result<ActorShape, ControlError> {
        inspect::inspect(&self.shared, &request.target, &progress).await
    }

    async fn provider_start(
        &self,
        request: ProviderStart,
        progress: ProgressSink,
    ) -> Result<ProviderStarted, ControlError> {
        let (ordered, progress) = Ordered::begin(&self.shared.tracer, Verb::ProviderStart, &progress);
        let about = format!("provider/{}", request.spec.name);
        ordered.end(&about, self.shared.start_provider(request, &progress).await)
    }

    async fn provider_stop(
        &self,
        request: ProviderStop,
        progress: ProgressSink,
    ) -> Result<ProviderStopped, ControlError> {
        let (ordered, progress) = Ordered::begin(&self.shared.tracer, Verb::ProviderStop, &progress);
        let about = format!("provider/{}", request.provider);
        ordered.end(&about, self.shared.stop_provider(&request, &progress).await)
    }

    async fn call(&self, request: Call, progress: ProgressSink) -> Result<CallReply, ControlError> {
        progress.step(format!("calling `{}`", request.actor));
        let interface: VersionedInterface = request.interface.parse().map_err(|_| {
            let help = format!("`lattice inspect {}` shows what it exports", request.actor);
            ControlError::invalid(format!("`{}` is not an interface", request.interface)).with_help(help)
        })?;
        if let Some(key) = &request.key {
            return self.shared.keyed_call(&request, key, interface).await;
        }
        let entry =
            self.shared.actors.enter(&request.actor).ok_or_else(|| {
                ControlError::not_found(format!("actor `{}` does not run on this host", request.actor))
            })?;
        let started = Instant::now();
        let context = by_hand(&self.shared, &request, &interface, started);
        let result = entry
            .call_text(&interface, &request.function, &request.arguments, &context)
            .await
            .map_err(|fault| errors::from_call(&request.actor, &fault))?;
        Ok(CallReply {
            result,
            took_us: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
            moved_to: None,
        })
    }

    async fn keyed_find(&self, request: KeyedFind) -> Result<KeyedFound, ControlError> {
        self.shared.keyed_find(&request).await
    }

    async fn keyed_list(&self, request: KeyedList) -> Result<KeyedListed, ControlError> {
        Ok(self.shared.keyed_list(&request))
    }

    async fn keyed_move(&self, request: KeyedMove, progress: ProgressSink) -> Result<KeyedMoved, ControlError> {
        // In a task of its own: whoever ordered it may hang up, a move that has begun is finished.
        let shared = Arc::clone(&self.shared);
        let moving = self.shared.tasks.spawn_with("move stateful actors", async move {
            shared.keyed_move(&request, &progress).await
        });
        moving
            .await
            .unwrap_or_else(|error| Err(ControlError::internal(format!("the move broke off: {error}"))))
    }
}

/// The context of a call that no link grants: a person with a control key made it.
fn by_hand(shared: &Shared, request: &Call, interface: &VersionedInterface, now: Instant) -> CallContext {
    let source = Party::Actor(request.actor.clone());
    CallContext {
        deadline: now + Duration::from_millis(request.deadline_ms),
        link: LinkId::new(
            shared.member.lattice(),
            &source,
            &(&interface.id).into(),
            &LinkLabel::default(),
        ),
        source,
        invocation: shared.invocations.next(),
        trace: None,
    }
}
