//! What one instance carries: its view of the world, and the call it serves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use lattice_capability::{CallContext, HttpError, KeyValue, KvError, Messaging, OutgoingHttp};
use lattice_core::{ActorKey, ActorName, Fault, FaultKind, InterfaceId, Limits, LinkId, LinkLabel, Party};
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::fault::Raised;
use crate::limits::MemoryLimit;
use crate::linked::{Granted, Linked, LogLevel, LogLine, LogSource, Need, Origin, Within};
use crate::live::LiveState;
use crate::log::{LogSink, LogStream};

/// Handles a guest may hold of ours: buckets, requests, bodies. Each costs the host memory.
pub(crate) const HANDLES_MAX: usize = 10_000;

/// What all instances of an actor share.
pub(crate) struct Shared {
    pub(crate) name: ActorName,
    pub(crate) party: Party,
    pub(crate) limits: Limits,
    pub(crate) config: BTreeMap<String, String>,
    /// Whether it sends HTTP requests by WASI 0.3.
    pub(crate) sends_by_client: bool,
    pub(crate) linked: Arc<dyn Linked>,
    pub(crate) log: Arc<LogSink>,
}

/// The data of a store.
pub(crate) struct Ctx {
    pub(crate) table: ResourceTable,
    pub(crate) memory: MemoryLimit,
    pub(crate) call: Call,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    stdout: LogStream,
    stderr: LogStream,
}

/// The invocation that an instance serves now.
pub(crate) struct Call {
    pub(crate) shared: Arc<Shared>,
    pub(crate) origin: Origin,
    /// The stateful actor that the instance is.
    pub(crate) live: Option<Box<LiveState>>,
    /// Labels that the guest chose for interfaces; `default` for all others.
    chosen: Vec<(InterfaceId, LinkLabel)>,
    default_label: LinkLabel,
    /// Keys that the guest chose for interfaces.
    keys: Vec<(InterfaceId, ActorKey)>,
    /// Calls that went to actors with keys.
    keyed_calls: u32,
    /// What time it is, once it was told: it stays the same for the whole call.
    now_ms: Option<u64>,
}

impl Ctx {
    pub(crate) fn new(shared: Arc<Shared>, origin: Origin, live: Option<Box<LiveState>>) -> Self {
        let key = live.as_ref().map(|live| &live.actor.key);
        let (stdout, stderr) = (LogStream::stdout(&shared.log, key), LogStream::stderr(&shared.log, key));
        let trace = origin.trace.as_ref().map(|span| span.context().trace_id());
        stdout.serve(trace);
        stderr.serve(trace);
        let mut table = ResourceTable::new();
        table.set_max_capacity(HANDLES_MAX);
        Self {
            table,
            memory: MemoryLimit::new(&shared.limits),
            call: Call {
                shared,
                origin,
                live,
                chosen: Vec::new(),
                default_label: LinkLabel::default(),
                keys: Vec::new(),
                keyed_calls: 0,
                now_ms: None,
            },
            wasi: WasiCtx::builder().stdout(stdout.clone()).stderr(stderr.clone()).build(),
            http: WasiHttpCtx::new(),
            stdout,
            stderr,
        }
    }

    /// Makes the next invocation of a reused instance the current one.
    pub(crate) fn begin(&mut self, origin: Origin) {
        let trace = origin.trace.as_ref().map(|span| span.context().trace_id());
        self.stdout.serve(trace);
        self.stderr.serve(trace);
        self.call.origin = origin;
        self.call.chosen.clear();
        self.call.keys.clear();
        self.call.keyed_calls = 0;
        self.call.now_ms = None;
        self.memory.begin();
    }

    /// Emits what the guest wrote without ending the line.
    pub(crate) fn end(&self) {
        self.stdout.finish();
        self.stderr.finish();
    }
}

impl Call {
    /// Logs a line for the guest.
    pub(crate) fn log(&self, level: LogLevel, context: &str, message: &str) {
        self.shared.log.line(LogLine {
            level,
            source: LogSource::Logging,
            context,
            message,
            within: Within {
                key: self.live.as_ref().map(|live| &live.actor.key),
                trace: self.origin.trace.as_ref().map(|span| span.context().trace_id()),
            },
        });
    }

    /// The label that the guest chose for an interface.
    pub(crate) fn label(&self, interface: &InterfaceId) -> &LinkLabel {
        let chosen = self.chosen.iter().find(|(known, _)| known == interface);
        chosen.map_or(&self.default_label, |(_, label)| label)
    }

    /// Takes on another call beside those that run: what the guest asks of the host from now on counts as its part.
    pub(crate) fn join(&mut self, origin: Origin) {
        let deadline = self.origin.deadline.max(origin.deadline);
        self.origin = Origin { deadline, ..origin };
        self.now_ms = None;
    }

    pub(crate) fn choose(&mut self, interface: InterfaceId, label: LinkLabel) {
        self.chosen.retain(|(known, _)| *known != interface);
        self.chosen.push((interface, label));
    }

    /// Directs calls of an interface to the actor with this key, until the call that is served ends.
    pub(crate) fn direct(&mut self, interface: InterfaceId, key: ActorKey) {
        self.keys.retain(|(known, _)| *known != interface);
        self.keys.push((interface, key));
    }

    /// The key that the guest chose for an interface.
    pub(crate) fn key(&self, interface: &InterfaceId) -> Option<&ActorKey> {
        let chosen = self.keys.iter().find(|(known, _)| known == interface);
        chosen.map(|(_, key)| key)
    }

    /// Numbers a call to an actor with a key.
    pub(crate) fn count_keyed(&mut self) -> u32 {
        let nth = self.keyed_calls;
        self.keyed_calls = nth.saturating_add(1);
        nth
    }

    /// Fixes what time it is for the call that is served.
    pub(crate) fn set_now(&mut self, now_ms: u64) {
        self.now_ms = Some(now_ms);
    }

    /// What time it is, in milliseconds since 1970.
    pub(crate) fn now_ms(&mut self) -> u64 {
        *self.now_ms.get_or_insert_with(|| {
            let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
        })
    }

    /// The stateful actor that the instance is, or the end of a guest that is none. `what` is what only a stateful actor does.
    pub(crate) fn stateful(&mut self, what: &str) -> Result<&mut LiveState, Raised> {
        let name = &self.shared.name;
        self.live
            .as_deref_mut()
            .ok_or_else(|| Raised::misuse(format!("only a stateful actor {what}, and `{name}` is none")))
    }

    /// Lets the guest call or send something now, or ends it. An actor that is woken, saved or put to rest may not.
    pub(crate) fn may_reach_out(&self) -> Result<(), Raised> {
        self.live.as_ref().map_or(Ok(()), |live| live.may_reach_out())
    }

    pub(crate) fn keyvalue(&self, need: Need<'_>) -> Result<(Arc<dyn KeyValue>, CallContext), KvError> {
        let granted = self.shared.linked.keyvalue(need).map_err(|fault| match fault.kind {
            FaultKind::Denied => KvError::AccessDenied,
            _ => KvError::Other(fault.to_string()),
        })?;
        Ok(self.with_context(granted))
    }

    pub(crate) fn messaging(&self, need: Need<'_>) -> Result<(Arc<dyn Messaging>, CallContext), Fault> {
        Ok(self.with_context(self.shared.linked.messaging(need)?))
    }

    pub(crate) fn outgoing_http(&self, need: Need<'_>) -> Result<(Arc<dyn OutgoingHttp>, CallContext), HttpError> {
        let granted = self
            .shared
            .linked
            .outgoing_http(need)
            .map_err(|fault| match fault.kind {
                FaultKind::Denied => HttpError::RequestDenied,
                FaultKind::NoResponders | FaultKind::Unreachable => HttpError::DestinationUnavailable,
                _ => HttpError::Internal(fault.to_string()),
            })?;
        Ok(self.with_context(granted))
    }

    fn with_context<T: ?Sized>(&self, granted: Granted<T>) -> (Arc<T>, CallContext) {
        (granted.capability, self.context(granted.link))
    }

    fn context(&self, link: LinkId) -> CallContext {
        let Origin {
            deadline,
            invocation,
            trace,
            turn: _,
        } = self.origin.clone();
        CallContext {
            deadline,
            source: self.shared.party.clone(),
            link,
            invocation,
            trace,
        }
    }

    pub(crate) fn is_past_deadline(&self) -> bool {
        self.origin.deadline <= Instant::now()
    }
}

impl WasiView for Ctx {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for Ctx {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.call,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}
