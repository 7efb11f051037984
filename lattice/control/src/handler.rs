//! What a member of the lattice does when it is told to: the server's half of the control interface.

use async_trait::async_trait;

use crate::{
    error::ControlError,
    progress::ProgressSink,
    verb::Verb,
    verbs::{
        ActorFetch, ActorFetched, ActorInspect, ActorScale, ActorShape, ActorStart, ActorStarted, ActorStatus,
        ActorStop, ActorStopped, AppsProgress, AppsProgressReply, Call, CallReply, Doctor, DoctorReport, HostSchedule,
        HostStop, HostStopping, Inventory, InventoryReply, KeyedFind, KeyedFound, KeyedList, KeyedListed, KeyedMove,
        KeyedMoved, Links, LinksReply, Logs, LogsReply, MemberSummary, Ping, Placements, PlacementsReply,
        ProviderStart, ProviderStarted, ProviderStop, ProviderStopped, Traces, TracesReply, Traffic, TrafficReply,
    },
};

/// Carries out commands. They arrive authorised: signature, role, target, freshness and replay are checked before.
///
/// A method returns when the work is done or has failed, never before. While it works it may say how far it is;
/// [`ControlServer`](crate::ControlServer) repeats the last word, so that the asker can tell slow from dead.
/// Commands run concurrently; a handler orders what must not overlap (two starts of one actor).
/// When the asker withdraws a command (Ctrl-C in `lattice call`) its future is dropped.
///
/// Reading verbs must be served by every member. Working verbs default to "unsupported", for members that run no actors.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Says who this is.
    async fn ping(&self, request: Ping) -> Result<MemberSummary, ControlError>;

    /// Says what runs here.
    async fn inventory(&self, request: Inventory) -> Result<InventoryReply, ControlError>;

    /// Says which links this member holds, and which it refused.
    async fn links(&self, request: Links) -> Result<LinksReply, ControlError>;

    /// Says where this member would send an invocation.
    async fn placements(&self, request: Placements) -> Result<PlacementsReply, ControlError>;

    /// Checks this member's health.
    async fn doctor(&self, request: Doctor) -> Result<DoctorReport, ControlError>;

    /// Says how far applications are, if this member's controller leads.
    async fn apps_progress(&self, request: AppsProgress) -> Result<AppsProgressReply, ControlError> {
        let _ = request;
        Ok(AppsProgressReply::default())
    }

    /// Says what an actor has logged here, and passes on what it logs from now on, if that is asked for.
    async fn logs(&self, request: Logs) -> Result<LogsReply, ControlError> {
        let _ = request;
        Ok(LogsReply::default())
    }

    /// Says what is kept of traces here.
    async fn traces(&self, request: Traces) -> Result<TracesReply, ControlError> {
        let _ = request;
        Ok(TracesReply::default())
    }

    /// Says how many calls came over each link whose target is served here.
    async fn traffic(&self, request: Traffic) -> Result<TrafficReply, ControlError> {
        let _ = request;
        Ok(TrafficReply::default())
    }

    /// Takes down whether more may be placed here, and tells everybody.
    async fn host_schedule(
        &self,
        request: HostSchedule,
        progress: ProgressSink,
    ) -> Result<MemberSummary, ControlError> {
        let _ = (request, progress);
        Err(ControlError::unsupported(Verb::HostSchedule.as_str()))
    }

    /// Drains and ends. The answer is sent after this returns, and the process ends after that:
    /// start the end of the process so that it leaves time for the answer.
    async fn host_stop(&self, request: HostStop, progress: ProgressSink) -> Result<HostStopping, ControlError> {
        let _ = (request, progress);
        Err(ControlError::unsupported(Verb::HostStop.as_str()))
    }

    /// Runs an actor; returns when it is ready.
    async fn actor_start(&self, request: ActorStart, progress: ProgressSink) -> Result<ActorStarted, ControlError> {
        let _ = (request, progress);
        Err(ControlError::unsupported(Verb::ActorStart.as_str()))
    }

    /// Changes how many replicas of an actor run here.
    async fn actor_scale(&self, request: ActorScale, progress: ProgressSink) -> Result<ActorStatus, ControlError> {
        let _ = (request, progress);
        Err(ControlError::unsupported(Verb::ActorScale.as_str()))
    }

    /// Drains and stops an actor.
    async fn actor_stop(&self, request: ActorStop, progress: ProgressSink) -> Result<ActorStopped, ControlError> {
        let _ = (request, progress);
        Err(ControlError::unsupported(Verb::ActorStop.as_str()))
    }

    /// Has the component of an actor ready, should it be placed here.
    async fn actor_fetch(&self, request: ActorFetch, progress: ProgressSink) -> Result<ActorFetched, ControlError> {
        let _ = (request, progress);
        Err(ControlError::unsupported(Verb::ActorFetch.as_str()))
    }

    /// Says what a component imports and exports.
    async fn actor_inspect(&self, request: ActorInspect, progress: ProgressSink) -> Result<ActorShape, ControlError> {
        let _ = (request, progress);
        Err(ControlError::unsupported(Verb::ActorInspect.as_str()))
    }

    /// Runs a provider; returns when it serves.
    async fn provider_start(
        &self,
        request: ProviderStart,
        progress: ProgressSink,
    ) -> Result<ProviderStarted, ControlError> {
        let _ = (request, progress);
        Err(ControlError::unsupported(Verb::ProviderStart.as_str()))
    }

    /// Drains and stops a provider.
    async fn provider_stop(
        &self,
        request: ProviderStop,
        progress: ProgressSink,
    ) -> Result<ProviderStopped, ControlError> {
        let _ = (request, progress);
        Err(ControlError::unsupported(Verb::ProviderStop.as_str()))
    }

    /// Says whose a stateful actor is.
    async fn keyed_find(&self, request: KeyedFind) -> Result<KeyedFound, ControlError> {
        let _ = request;
        Err(ControlError::unsupported(Verb::KeyedFind.as_str()))
    }

    /// Says which stateful actors are awake here.
    async fn keyed_list(&self, request: KeyedList) -> Result<KeyedListed, ControlError> {
        let _ = request;
        Ok(KeyedListed::default())
    }

    /// Moves stateful actors away from here; returns when they act there.
    async fn keyed_move(&self, request: KeyedMove, progress: ProgressSink) -> Result<KeyedMoved, ControlError> {
        let _ = (request, progress);
        Err(ControlError::unsupported(Verb::KeyedMove.as_str()))
    }

    /// Calls a function of an actor.
    async fn call(&self, request: Call, progress: ProgressSink) -> Result<CallReply, ControlError> {
        let _ = (request, progress);
        Err(ControlError::unsupported(Verb::Call.as_str()))
    }
}
