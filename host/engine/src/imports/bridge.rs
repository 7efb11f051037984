//! Functions of another actor, made up on the spot from the types that the component imports.

use std::sync::Arc;

use lattice_core::{Fault, VersionedInterface};
use tokio_util::task::AbortOnDropHandle;
use wasmtime::StoreContextMut;
use wasmtime::component::types::ComponentFunc;
use wasmtime::component::{Accessor, Linker, LinkerInstance, Val};

use crate::ctx::{Call, Ctx};
use crate::fault::Raised;
use crate::linked::OutgoingCall;
use crate::values::{Args, Signature, Values};

pub(super) fn add(
    linker: &mut Linker<Ctx>,
    name: &str,
    interface: &VersionedInterface,
    functions: &[Signature],
) -> wasmtime::Result<()> {
    let mut instance = linker.instance(name)?;
    for signature in functions {
        let import = Arc::new(Import {
            interface: interface.clone(),
            signature: signature.clone(),
        });
        if signature.is_async() {
            add_concurrent(&mut instance, import)?;
        } else {
            add_blocking(&mut instance, import)?;
        }
    }
    Ok(())
}

struct Import {
    interface: VersionedInterface,
    signature: Signature,
}

/// The guest waits for the answer, and the instance with it. The arguments are passed on without a copy.
fn add_blocking(instance: &mut LinkerInstance<'_, Ctx>, import: Arc<Import>) -> wasmtime::Result<()> {
    let name = import.signature.name().to_owned();
    instance.func_new_async(
        &name,
        move |mut ctx: StoreContextMut<'_, Ctx>, _: ComponentFunc, params, results| {
            let args = Args::borrowed(params, import.signature.clone());
            let outgoing = import.outgoing(&mut ctx.data_mut().call, args);
            let linked = Arc::clone(&ctx.data().call.shared.linked);
            let import = Arc::clone(&import);
            Box::new(async move { import.answer(linked.call(outgoing?).await, results) })
        },
    )
}

/// The guest goes on meanwhile. The call has a task of its own: the event loop that would poll it here does not bear
/// another one inside, which is what a call to an actor in the same process is.
fn add_concurrent(instance: &mut LinkerInstance<'_, Ctx>, import: Arc<Import>) -> wasmtime::Result<()> {
    let name = import.signature.name().to_owned();
    instance.func_new_concurrent(
        &name,
        move |accessor: &Accessor<Ctx>, _: ComponentFunc, params, results| {
            let args = Args::borrowed(params, import.signature.clone()).into_owned();
            let (linked, outgoing) = accessor.with(|mut ctx| {
                let call = &mut ctx.data_mut().call;
                (Arc::clone(&call.shared.linked), import.outgoing(call, args))
            });
            let import = Arc::clone(&import);
            Box::pin(async move {
                let outgoing = outgoing?;
                let task = AbortOnDropHandle::new(tokio::spawn(async move { linked.call(outgoing).await }));
                let answer = task
                    .await
                    .unwrap_or_else(|_| Err(Fault::internal("the task of the call is gone")));
                import.answer(answer, results)
            })
        },
    )
}

impl Import {
    fn outgoing<'a>(&self, call: &mut Call, args: Args<'a>) -> Result<OutgoingCall<'a>, Raised> {
        call.may_reach_out()?;
        let key = call.key(&self.interface.id).cloned();
        Ok(OutgoingCall {
            interface: self.interface.clone(),
            label: call.label(&self.interface.id).clone(),
            args,
            origin: call.origin.clone(),
            nth: if key.is_some() { call.count_keyed() } else { 0 },
            key,
        })
    }

    /// Gives the guest its results. A fault has no place in the function's own type, so it ends the invocation.
    fn answer(&self, answer: Result<Values, Fault>, results: &mut [Val]) -> wasmtime::Result<()> {
        let values = answer
            .map_err(|fault| Raised::by_call(&self.interface, self.signature.name(), &fault))?
            .into_vals();
        if values.len() != results.len() {
            let fault = Fault::internal(format!("{} results came for {}", values.len(), results.len()));
            return Err(Raised::by_call(&self.interface, self.signature.name(), &fault).into());
        }
        results
            .iter_mut()
            .zip(values)
            .for_each(|(result, value)| *result = value);
        Ok(())
    }
}
