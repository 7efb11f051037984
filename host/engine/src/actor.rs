//! A running actor: a component, joined with its links, called under its limits.

mod body;
mod crowd;
mod entry;
mod http;
mod instance;
mod leash;
mod live;
mod reuse;

use std::collections::BTreeMap;
use std::fmt;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bytes::Bytes;
use lattice_capability::{BrokerMessage, CallContext};
use lattice_core::{ActorName, Fault, FaultKind, Limits, Party, Reuse, VersionedInterface};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::crowd::Crowd;
use self::entry::Entries;
use self::instance::{Instance, Mold};
pub use self::live::Live;
use self::reuse::Warm;
use crate::compiled::{Compiled, ExportedFunction};
use crate::ctx::Shared;
use crate::epoch::TickerHandle;
use crate::fault::{actor_stopped, deadline_passed};
use crate::gate::{Gate, NotAdmitted, Permit};
use crate::imports::{self, LinkError};
use crate::linked::{Grants, Linked, Origin};
use crate::log::LogSink;
use crate::start_error::StartError;
use crate::values::{Args, Values};

/// What an actor is started with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ActorOptions {
    /// Its name.
    pub name: ActorName,
    /// What one replica may use.
    pub limits: Limits,
    /// Whether instances serve more than one invocation.
    pub reuse: Reuse,
    /// What `wasi:config` tells it.
    pub config: BTreeMap<String, String>,
    /// How many times the limits it may use on this host.
    pub replicas: u32,
}

impl ActorOptions {
    /// One replica with default limits and a fresh instance per invocation.
    #[must_use]
    pub fn new(name: ActorName) -> Self {
        Self {
            name,
            limits: Limits::default(),
            reuse: Reuse::default(),
            config: BTreeMap::new(),
            replicas: 1,
        }
    }
}

/// A running actor. Cheap to clone; the last clone that is dropped ends what still runs.
#[derive(Clone)]
pub struct Actor(Arc<Inner>);

struct Inner {
    compiled: Arc<Compiled>,
    shared: Arc<Shared>,
    mold: Arc<Mold>,
    entries: Arc<Entries>,
    source: Source,
    gate: Gate,
    ticker: TickerHandle,
    /// Cancels every call.
    stop: CancellationToken,
    /// Work that outlives the call it began in: guests that finish after their answer, and shared instances.
    tasks: TaskTracker,
    counts: Counts,
}

/// Where the instance for a call comes from.
enum Source {
    Fresh,
    Warm(Warm),
    Crowd(Crowd),
}

#[derive(Default)]
struct Counts {
    calls: AtomicU64,
    faults: AtomicU64,
    overloaded: AtomicU64,
    instances: AtomicU64,
}

/// Numbers about an actor on this host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ActorStats {
    /// Calls that run now.
    pub in_flight: usize,
    /// Calls that wait for a place.
    pub waiting: usize,
    /// Calls that may run at a time.
    pub capacity: usize,
    /// Calls that were admitted since the start.
    pub calls: u64,
    /// Of those, calls that ended in a fault.
    pub faults: u64,
    /// Calls that were refused as overloaded.
    pub overloaded: u64,
    /// Instances that were made since the start.
    pub instances: u64,
}

/// How an actor came to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Calls that were cut off because they did not end in time.
    pub aborted: usize,
}

impl Actor {
    pub(crate) fn start(
        compiled: Arc<Compiled>,
        options: ActorOptions,
        grants: &dyn Grants,
        linked: Arc<dyn Linked>,
        ticker: TickerHandle,
    ) -> Result<Self, StartError> {
        let name = options.name.clone();
        let pre = imports::link(&compiled, grants).map_err(|error| match error {
            LinkError::Imports(problems) => StartError::Imports {
                actor: name.clone(),
                problems,
            },
            LinkError::Incompatible(problem) => StartError::Incompatible {
                actor: name.clone(),
                problem,
            },
        })?;
        let entries = Entries::of(&pre, &compiled).map_err(|problem| StartError::Incompatible {
            actor: name.clone(),
            problem,
        })?;
        let entries = Arc::new(entries);
        let shared = Arc::new(Shared {
            party: Party::Actor(options.name.clone()),
            log: Arc::new(LogSink::new(Arc::clone(&linked))),
            name: options.name,
            limits: options.limits,
            config: options.config,
            sends_by_client: imports::sends_by_client(compiled.shape()),
            linked,
        });
        let source = match options.reuse {
            // Its instances are not taken from here: each lives for one key.
            _ if entries.stateful.is_some() => Source::Fresh,
            Reuse::Fresh => Source::Fresh,
            Reuse::Invocations(max) => Source::Warm(Warm::new(max)),
            Reuse::Concurrent { .. } if !compiled.flavor().is_concurrent() => {
                return Err(StartError::NotConcurrent(name));
            }
            Reuse::Concurrent {
                max_in_flight,
                max_invocations,
            } => Source::Crowd(Crowd::new(max_in_flight, max_invocations)),
        };
        let (capacity, queue) = places(&shared.limits, options.replicas);
        let inner = Arc::new(Inner {
            mold: Arc::new(Mold::new(pre, Arc::clone(&shared))),
            compiled,
            shared,
            entries,
            source,
            gate: Gate::new(capacity, queue),
            ticker,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            counts: Counts::default(),
        });
        if let Source::Warm(_) = inner.source {
            inner
                .tasks
                .spawn(reuse::tidy(Arc::downgrade(&inner), inner.stop.clone()));
        }
        Ok(Self(inner))
    }

    /// The actor's name.
    #[must_use]
    pub fn name(&self) -> &ActorName {
        &self.0.shared.name
    }

    /// The component it runs.
    #[must_use]
    pub fn compiled(&self) -> &Arc<Compiled> {
        &self.0.compiled
    }

    /// Hands a broker's message to the actor. The inner result is the actor's own word on it.
    ///
    /// # Errors
    ///
    /// A [`Fault`] when the actor could not take the message, or died of it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future interrupts the guest.
    pub async fn message(&self, message: BrokerMessage, call: &CallContext) -> Result<Result<(), String>, Fault> {
        self.0.has_no_keys()?;
        let Some(entry) = &self.0.entries.message else {
            return Err(self.0.takes_no_messages());
        };
        let origin = self.0.origin(call);
        match &self.0.source {
            Source::Crowd(crowd) => crowd.message(&self.0, origin, message).await,
            _ => {
                self.0
                    .run(origin, async |instance| instance.message(entry, message).await)
                    .await
            }
        }
    }

    /// Calls a function that the actor exports.
    ///
    /// # Errors
    ///
    /// [`FaultKind::NotFound`] when it exports no such function, [`FaultKind::BadArguments`] when its type is another than
    /// the caller's, and whatever happens to the guest.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future interrupts the guest.
    pub async fn call(
        &self,
        interface: &VersionedInterface,
        function: &str,
        args: Args<'_>,
        call: &CallContext,
    ) -> Result<Values, Fault> {
        self.0.has_no_keys()?;
        let export = self.0.export(interface, function)?;
        export.check_caller(args.signature())?;
        self.0.call_export(export, args, self.0.origin(call)).await
    }

    /// Calls a function with arguments from the wire, and returns the results for the wire.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call); [`FaultKind::BadArguments`] also for bytes that do not fit the type.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future interrupts the guest.
    pub async fn call_encoded(
        &self,
        interface: &VersionedInterface,
        function: &str,
        args: &[u8],
        call: &CallContext,
    ) -> Result<Bytes, Fault> {
        self.0.has_no_keys()?;
        let export = self.0.export(interface, function)?;
        let values = Values::decode_params(&export.signature, args)
            .map_err(|error| Fault::new(FaultKind::BadArguments, format!("{}: {error}", export.signature)))?;
        let args = Args::new(values, export.signature.clone());
        let results = self.0.call_export(export, args, self.0.origin(call)).await?;
        results.encode().map_err(|error| Fault::internal(error.to_string()))
    }

    /// Calls a function with arguments that a person typed, in WAVE or JSON, and returns the results in the same notation.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call); [`FaultKind::BadArguments`] also for a text that is neither.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future interrupts the guest.
    pub async fn call_text(
        &self,
        interface: &VersionedInterface,
        function: &str,
        args: &str,
        call: &CallContext,
    ) -> Result<String, Fault> {
        self.0.has_no_keys()?;
        let export = self.0.export(interface, function)?;
        let (values, format) = Values::parse_params(&export.signature, args)
            .map_err(|error| Fault::new(FaultKind::BadArguments, error.to_string()))?;
        let args = Args::new(values, export.signature.clone());
        let results = self.0.call_export(export, args, self.0.origin(call)).await?;
        Ok(results.results_text(format))
    }

    /// Changes how many calls may run at a time, to `replicas` times the limit. Calls that run go on.
    pub fn set_replicas(&self, replicas: u32) {
        let (capacity, queue) = places(&self.0.shared.limits, replicas);
        self.0.gate.resize(capacity, queue);
    }

    /// Numbers about the actor.
    #[must_use]
    pub fn stats(&self) -> ActorStats {
        let (gate, counts) = (&self.0.gate, &self.0.counts);
        ActorStats {
            in_flight: gate.in_flight(),
            waiting: gate.waiting(),
            capacity: gate.capacity(),
            calls: counts.calls.load(Relaxed),
            faults: counts.faults.load(Relaxed),
            overloaded: counts.overloaded.load(Relaxed),
            instances: counts.instances.load(Relaxed),
        }
    }

    /// Takes no more calls, gives those that run `grace` to end, then interrupts the rest.
    pub async fn drain(&self, grace: Duration) -> Drained {
        self.0.gate.close();
        let emptied = tokio::time::timeout(grace, self.0.gate.emptied()).await;
        let aborted = if emptied.is_ok() { 0 } else { self.0.gate.in_flight() };
        self.0.stop.cancel();
        self.0.gate.emptied().await;
        self.0.source.clear();
        self.0.tasks.close();
        self.0.tasks.wait().await;
        Drained { aborted }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Source {
    fn clear(&self) {
        match self {
            Self::Fresh => {}
            Self::Warm(warm) => warm.clear(),
            Self::Crowd(crowd) => crowd.clear(),
        }
    }
}

impl Inner {
    async fn call_export(
        self: &Arc<Self>,
        export: &ExportedFunction,
        args: Args<'_>,
        origin: Origin,
    ) -> Result<Values, Fault> {
        match &self.source {
            Source::Crowd(crowd) => crowd.call(self, origin, export, args).await,
            _ => {
                self.run(origin, async |instance| instance.call(export, args.vals()).await)
                    .await
            }
        }
    }

    fn export(&self, interface: &VersionedInterface, function: &str) -> Result<&ExportedFunction, Fault> {
        let Some(exported) = self.compiled.export(&interface.id, interface.version.as_ref()) else {
            return Err(self.not_found(&format!("does not export {interface}")));
        };
        let Some(function) = exported.function(function) else {
            return Err(self.not_found(&format!(
                "exports {} without a function `{function}`",
                exported.interface
            )));
        };
        match function.unsupported {
            None => Ok(function),
            Some(what) => Err(Fault::new(
                FaultKind::BadArguments,
                format!(
                    "`{}` cannot be called from outside: it uses a {what}",
                    function.signature.name()
                ),
            )),
        }
    }

    /// Refuses a call that names no key where one has to be named.
    fn has_no_keys(&self) -> Result<(), Fault> {
        if self.entries.stateful.is_none() {
            return Ok(());
        }
        let message = format!("actor `{}` is stateful: name a key", self.shared.name);
        Err(Fault::new(FaultKind::BadArguments, message))
    }

    fn takes_no_messages(&self) -> Fault {
        self.not_found("takes no messages: it does not export wasmcloud:messaging/handler@0.2.0")
    }

    fn not_found(&self, what: &str) -> Fault {
        Fault::new(FaultKind::NotFound, format!("actor `{}` {what}", self.shared.name))
    }

    /// The context of the call, its deadline cut to the actor's own.
    fn origin(&self, call: &CallContext) -> Origin {
        let own = Instant::now() + self.shared.limits.deadline();
        Origin {
            deadline: call.deadline.min(own),
            invocation: call.invocation,
            trace: call.trace.clone(),
            turn: None,
        }
    }

    async fn enter(&self, origin: &Origin) -> Result<Permit, Fault> {
        let admitted = self.gate.enter(origin.deadline).await;
        if admitted.is_ok() {
            self.counts.calls.fetch_add(1, Relaxed);
        }
        admitted.map_err(|refusal| {
            let name = &self.shared.name;
            match refusal {
                NotAdmitted::Full { in_flight, waiting } => {
                    self.counts.overloaded.fetch_add(1, Relaxed);
                    let message = format!("actor `{name}` serves {in_flight} calls and {waiting} wait");
                    Fault::new(FaultKind::Overloaded, message)
                }
                NotAdmitted::DeadlinePassed => {
                    self.counts.overloaded.fetch_add(1, Relaxed);
                    Fault::new(
                        FaultKind::Overloaded,
                        format!("actor `{name}` had no free place before the deadline"),
                    )
                }
                NotAdmitted::Closed => self.stopping(),
            }
        })
    }

    fn stopping(&self) -> Fault {
        Fault::new(
            FaultKind::Draining,
            format!("actor `{}` is stopping here", self.shared.name),
        )
    }

    /// Runs one call in an instance of its own, under the actor's limits.
    async fn run<R>(
        &self,
        origin: Origin,
        job: impl AsyncFnOnce(&mut Instance) -> wasmtime::Result<R>,
    ) -> Result<R, Fault> {
        let _permit = self.enter(&origin).await?;
        let _runs = self.ticker.guest_runs();
        let deadline = origin.deadline;
        let work = pin!(async {
            let mut instance = self.take(origin).await?;
            let outcome = job(&mut instance).await;
            self.give_back(instance, outcome)
        });
        self.counted(self.within(deadline, work).await)
    }

    /// Ends the work at the deadline, or when the actor is stopped. It is not polled again then, and whoever has it drops it, and its
    /// instance with it.
    ///
    /// It comes pinned: as a value it would be copied from frame to frame, and be most of what a call writes to memory.
    async fn within<R>(
        &self,
        deadline: Instant,
        work: Pin<&mut impl Future<Output = Result<R, Fault>>>,
    ) -> Result<R, Fault> {
        tokio::select! {
            biased;
            outcome = tokio::time::timeout_at(deadline.into(), work) => outcome.unwrap_or_else(|_| Err(deadline_passed())),
            () = self.stop.cancelled() => Err(actor_stopped()),
        }
    }

    async fn take(&self, origin: Origin) -> Result<Instance, Fault> {
        if let Source::Warm(warm) = &self.source
            && let Some(instance) = warm.take(&origin)
        {
            return Ok(instance);
        }
        self.counts.instances.fetch_add(1, Relaxed);
        self.mold.cast(origin).await
    }

    /// Keeps the instance for the next call if it is one to keep. An instance that trapped never is.
    fn give_back<R>(&self, mut instance: Instance, outcome: wasmtime::Result<R>) -> Result<R, Fault> {
        instance.end();
        match outcome {
            Ok(result) => {
                if let Source::Warm(warm) = &self.source {
                    warm.give_back(instance);
                }
                Ok(result)
            }
            Err(error) => Err(self.explain(&instance, &error)),
        }
    }

    fn explain(&self, instance: &Instance, error: &wasmtime::Error) -> Fault {
        let fault = instance.explain(error);
        tracing::debug!(actor = %self.shared.name, %fault, ?error, "a guest failed");
        fault
    }

    fn counted<R>(&self, outcome: Result<R, Fault>) -> Result<R, Fault> {
        if outcome.is_err() {
            self.counts.faults.fetch_add(1, Relaxed);
        }
        outcome
    }
}

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Actor")
            .field("name", self.name())
            .field("digest", &self.0.compiled.digest())
            .finish_non_exhaustive()
    }
}

/// Calls at a time, and calls that may wait, of all replicas together.
fn places(limits: &Limits, replicas: u32) -> (usize, usize) {
    let times = |limit: u32| usize::try_from(u64::from(limit) * u64::from(replicas)).unwrap_or(usize::MAX);
    (times(limits.concurrency), times(limits.queue()))
}
