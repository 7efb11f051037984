//! One live store with a component in it.

use std::sync::Arc;

use lattice_capability::BrokerMessage;
use lattice_core::{Fault, Limits};
use wasmtime::component::{InstancePre, Val};
use wasmtime::{Store, UpdateDeadline};

use super::entry::MessageEntry;
use crate::compiled::ExportedFunction;
use crate::ctx::{Ctx, Shared};
use crate::fault::{Raised, explain};
use crate::linked::Origin;
use crate::live::LiveState;
use crate::values::Values;

/// Makes instances, all alike.
pub(super) struct Mold {
    pre: InstancePre<Ctx>,
    shared: Arc<Shared>,
}

/// An instance, ready to be called.
pub(super) struct Instance {
    pub(super) store: Store<Ctx>,
    pub(super) instance: wasmtime::component::Instance,
    /// Calls it has begun to serve.
    pub(super) served: u32,
}

/// The most that a call of a host function may copy out of a guest, whatever the guest's own memory.
const HOSTCALL_BYTES_MAX: usize = 512 << 20;

/// What a call of a host function may copy out of a guest. A byte of a list is a value of some 40 bytes on its way to another
/// actor, so that an actor with the usual limit may pass on 12 MiB at a time; wasmtime's own default stops short of that.
fn hostcall_bytes(limits: &Limits) -> usize {
    usize::try_from(limits.memory_bytes.saturating_mul(4))
        .map_or(HOSTCALL_BYTES_MAX, |bytes| bytes.min(HOSTCALL_BYTES_MAX))
}

impl Mold {
    pub(super) fn new(pre: InstancePre<Ctx>, shared: Arc<Shared>) -> Self {
        Self { pre, shared }
    }

    /// Makes an instance for a call.
    pub(super) async fn cast(&self, origin: Origin) -> Result<Instance, Fault> {
        self.cast_as(origin, None).await
    }

    /// Makes an instance that is a stateful actor, if it is to be one.
    pub(super) async fn cast_as(&self, origin: Origin, live: Option<Box<LiveState>>) -> Result<Instance, Fault> {
        let mut store = Store::new(self.pre.engine(), Ctx::new(Arc::clone(&self.shared), origin, live));
        store.limiter(|ctx| &mut ctx.memory);
        store.set_hostcall_fuel(hostcall_bytes(&self.shared.limits));
        store.set_epoch_deadline(1);
        // Each tick the guest gives way to others. Whoever waits for it sees to the deadline then; it is looked at here as
        // well, for guests that run where nobody waits.
        store.epoch_deadline_callback(|ctx| {
            if ctx.data().call.is_past_deadline() {
                return Err(Raised::deadline().into());
            }
            Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
        });
        match self.pre.instantiate_async(&mut store).await {
            Ok(instance) => Ok(Instance {
                store,
                instance,
                served: 1,
            }),
            Err(error) => Err(explain(&error, Some(&store.data().memory))),
        }
    }
}

impl Instance {
    /// Prepares a used instance for its next call.
    pub(super) fn begin(&mut self, origin: Origin) {
        self.served += 1;
        self.store.data_mut().begin(origin);
        self.store.set_epoch_deadline(1);
    }

    /// Ends a call.
    pub(super) fn end(&mut self) {
        self.store.data().end();
    }

    pub(super) fn explain(&self, error: &wasmtime::Error) -> Fault {
        explain(error, Some(&self.store.data().memory))
    }

    pub(super) async fn call(&mut self, export: &ExportedFunction, args: &[Val]) -> wasmtime::Result<Values> {
        let func = self
            .instance
            .get_func(&mut self.store, export.index)
            .ok_or_else(|| wasmtime::format_err!("the component lost an export"))?;
        let mut results = vec![Val::Bool(false); export.signature.result_types().len()];
        func.call_async(&mut self.store, args, &mut results).await?;
        Ok(Values::new(results))
    }

    pub(super) async fn message(
        &mut self,
        entry: &MessageEntry,
        message: BrokerMessage,
    ) -> wasmtime::Result<Result<(), String>> {
        entry
            .load(&mut self.store, &self.instance)?
            .call(&mut self.store, message)
            .await
    }
}
