//! One actor on this host.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use lattice_capability::{BrokerMessage, CallContext, HttpBody};
use lattice_control::{ActorState, ActorStatus};
use lattice_core::presence::ActorPlacement;
use lattice_core::{ActorSpec, Fault, Fingerprint, UnixSeconds, VersionedInterface};
use lattice_engine::{Actor, ActorStats, Args, Compiled, Values};

use crate::failures::Failures;
use crate::gate::Gate;
use crate::route::Load;
use crate::stateful::EngineKind;

/// How long what is cut off may take to let go. It is interrupted at once; only a starved machine needs longer.
const CUT_OFF_PATIENCE: Duration = Duration::from_secs(5);

/// An actor that serves on this host, or finishes what it has.
pub(crate) struct Hosted {
    /// What this host was asked to run. Limits and config are fixed; the number of replicas is not part of it.
    pub(crate) spec: ActorSpec,
    fingerprint: Fingerprint,
    engine: Actor,
    /// What wakes its actors, if it is stateful.
    kind: Option<Arc<EngineKind>>,
    gate: Gate,
    /// Told to others as gone; calls that come in all the same are still served, until the gate is closed.
    leaving: AtomicBool,
    replicas: AtomicU32,
    ready_since: UnixSeconds,
    failures: Arc<Failures>,
}

/// How a drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Drained {
    /// Calls that were still in flight at the end of the grace period, and were cut off.
    pub(crate) cancelled: usize,
}

/// One call's way in. While it lives, the call counts as in flight.
pub(crate) struct Entry {
    hosted: Arc<Hosted>,
}

impl Hosted {
    pub(crate) fn new(spec: ActorSpec, engine: Actor, replicas: u32, failures: Arc<Failures>) -> Self {
        Self {
            fingerprint: spec.fingerprint(),
            kind: EngineKind::of(&engine, &spec, &failures),
            spec,
            engine,
            gate: Gate::default(),
            leaving: AtomicBool::new(false),
            replicas: AtomicU32::new(replicas),
            ready_since: UnixSeconds::from(SystemTime::now()),
            failures,
        }
    }

    /// The component it runs.
    pub(crate) fn compiled(&self) -> &Arc<Compiled> {
        self.engine.compiled()
    }

    /// What wakes its actors, if it is stateful.
    pub(crate) fn kind(&self) -> Option<&Arc<EngineKind>> {
        self.kind.as_ref()
    }

    /// Lets a call in; `None` when the actor is on its way out.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<Entry> {
        self.gate.enter().then(|| Entry {
            hosted: Arc::clone(self),
        })
    }

    /// Runs this many replicas from now on: calls at a time, and calls that may wait, grow and shrink with it.
    pub(crate) fn scale(&self, replicas: u32) {
        self.replicas.store(replicas, Ordering::Release);
        self.engine.set_replicas(replicas);
    }

    pub(crate) fn replicas(&self) -> u32 {
        self.replicas.load(Ordering::Acquire)
    }

    /// How busy it is: one more call would wait when it has no room.
    pub(crate) fn load(&self) -> Load {
        let stats = self.engine.stats();
        Load {
            in_flight: stats.in_flight + stats.waiting,
            capacity: stats.capacity,
        }
    }

    /// Its numbers.
    pub(crate) fn stats(&self) -> ActorStats {
        self.engine.stats()
    }

    /// From the next heartbeat on, others are told to go elsewhere.
    pub(crate) fn set_leaving(&self) {
        self.leaving.store(true, Ordering::Release);
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Acquire)
    }

    /// Takes nothing new, waits up to `grace` for what is in flight, then cuts it off.
    pub(crate) async fn drain(&self, grace: Duration) -> Drained {
        let until = Instant::now() + grace;
        self.set_leaving();
        self.gate.close();
        // First those on their way in or waiting for a place: closing the engine's own gate would turn the waiting away.
        let _ = tokio::time::timeout(grace, self.gate.emptied()).await;
        if self.kind.is_some() {
            // Its actors have been put to rest, or go on in another component; one that refused that keeps this one alive.
            return Drained { cancelled: 0 };
        }
        let left = until.saturating_duration_since(Instant::now());
        let ended = tokio::time::timeout(left + CUT_OFF_PATIENCE, self.engine.drain(left)).await;
        Drained {
            cancelled: ended.map_or_else(|_| self.engine.stats().in_flight, |drained| drained.aborted),
        }
    }

    /// Whether nothing runs, waits, or streams its answer.
    pub(crate) fn is_idle(&self) -> bool {
        let stats = self.engine.stats();
        self.gate.inside() == 0 && stats.in_flight == 0 && stats.waiting == 0
    }

    /// What heartbeats say of it. An actor that drains stays in them, with no replicas: calls that it makes until its end are
    /// checked against its being here.
    pub(crate) fn placement(&self) -> ActorPlacement {
        let load = self.load();
        let replicas = if self.is_leaving() { 0 } else { self.replicas() };
        ActorPlacement {
            name: self.spec.name.clone(),
            digest: self.spec.digest,
            replicas,
            in_flight: u32::try_from(load.in_flight).unwrap_or(u32::MAX),
            capacity: u32::try_from(load.capacity).unwrap_or(u32::MAX),
            fingerprint: Some(self.fingerprint),
            app: self.spec.app.clone(),
        }
    }

    /// What the control interface tells of it.
    pub(crate) fn status(&self) -> ActorStatus {
        let (load, stats) = (self.load(), self.engine.stats());
        ActorStatus {
            spec: self.spec.clone(),
            state: if self.is_leaving() {
                ActorState::Draining
            } else {
                ActorState::Ready
            },
            replicas: self.replicas(),
            in_flight: load.in_flight as u64,
            capacity: load.capacity as u64,
            served: stats.calls.saturating_sub(stats.faults),
            failed: stats.faults,
            ready_since: Some(self.ready_since),
            awake: None,
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.hosted.gate.leave();
    }
}

impl Entry {
    /// Hands an HTTP request to the actor. The request is untouched when nobody was let in.
    pub(crate) async fn http(
        self,
        request: http::Request<HttpBody>,
        ctx: CallContext,
    ) -> Result<http::Response<HttpBody>, Fault> {
        let answered = self.hosted.engine.http(request, ctx).await;
        self.noted(answered)
    }

    /// Hands a message to the actor.
    pub(crate) async fn message(self, message: BrokerMessage, ctx: &CallContext) -> Result<Result<(), String>, Fault> {
        let handled = self.hosted.engine.message(message, ctx).await;
        self.noted(handled)
    }

    /// Calls a function of the actor, with arguments that never left this process.
    pub(crate) async fn call(
        self,
        interface: &VersionedInterface,
        function: &str,
        args: Args<'_>,
        ctx: &CallContext,
    ) -> Result<Values, Fault> {
        let called = self.hosted.engine.call(interface, function, args, ctx).await;
        self.noted(called)
    }

    /// Calls a function of the actor, with arguments from the wire.
    pub(crate) async fn call_encoded(
        self,
        interface: &VersionedInterface,
        function: &str,
        args: &[u8],
        ctx: &CallContext,
    ) -> Result<Bytes, Fault> {
        let called = self.hosted.engine.call_encoded(interface, function, args, ctx).await;
        self.noted(called)
    }

    /// Calls a function of the actor, with arguments that a person typed.
    pub(crate) async fn call_text(
        self,
        interface: &VersionedInterface,
        function: &str,
        args: &str,
        ctx: &CallContext,
    ) -> Result<String, Fault> {
        let called = self.hosted.engine.call_text(interface, function, args, ctx).await;
        self.noted(called)
    }

    /// What a call came to, once it was noted if the actor failed.
    fn noted<T>(&self, outcome: Result<T, Fault>) -> Result<T, Fault> {
        self.hosted.failures.noted(&self.hosted.spec.name, outcome)
    }

    /// The longest body that the actor takes.
    pub(crate) fn body_bytes_max(&self) -> usize {
        usize::try_from(self.hosted.spec.limits.body_bytes_max).unwrap_or(usize::MAX)
    }
}
