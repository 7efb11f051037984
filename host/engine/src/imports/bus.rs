//! `wasmcloud:bus/lattice`: the guest chooses among its links of one interface.

use lattice_core::{InterfaceId, LinkLabel};
use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime::{Result, StoreContextMut};

use crate::ctx::Ctx;

/// An interface that the guest named. Whether it is one is looked at when it is used.
pub(crate) struct TargetInterface(String);

/// Version 1 cannot say that there is no such link; a call through it will.
const V1: &str = "wasmcloud:bus/lattice@1.0.0";
const V2: &str = "wasmcloud:bus/lattice@2.0.1";

pub(super) fn add(linker: &mut Linker<Ctx>) -> Result<()> {
    for name in [V1, V2] {
        let mut lattice = linker.instance(name)?;
        lattice.resource(
            "call-target-interface",
            ResourceType::host::<TargetInterface>(),
            |mut ctx, handle| {
                ctx.data_mut()
                    .table
                    .delete(Resource::<TargetInterface>::new_own(handle))?;
                Ok(())
            },
        )?;
        lattice.func_wrap(
            "[constructor]call-target-interface",
            |mut ctx: StoreContextMut<'_, Ctx>, (namespace, package, interface): (String, String, String)| {
                let target = TargetInterface(format!("{namespace}:{package}/{interface}"));
                Ok((ctx.data_mut().table.push(target)?,))
            },
        )?;
    }
    linker.instance(V1)?.func_wrap(
        "set-link-name",
        |mut ctx: StoreContextMut<'_, Ctx>, (name, targets): Choice| {
            if let Err(problem) = choose(ctx.data_mut(), &name, targets)? {
                ctx.data()
                    .call
                    .log(crate::linked::LogLevel::Warn, "wasmcloud:bus", &problem);
            }
            Ok(())
        },
    )?;
    linker.instance(V2)?.func_wrap(
        "set-link-name",
        |mut ctx: StoreContextMut<'_, Ctx>, (name, targets): Choice| Ok((choose(ctx.data_mut(), &name, targets)?,)),
    )
}

type Choice = (String, Vec<Resource<TargetInterface>>);

/// Applies the choice to all targets, or to none if there is no link for one of them.
fn choose(ctx: &mut Ctx, name: &str, targets: Vec<Resource<TargetInterface>>) -> Result<Result<(), String>> {
    // The guest gave the handles away, so they are gone whatever comes of it.
    let targets = targets
        .into_iter()
        .map(|target| Ok(ctx.table.delete(target)?.0))
        .collect::<Result<Vec<String>>>()?;
    Ok(choose_named(ctx, name, &targets))
}

fn choose_named(ctx: &mut Ctx, name: &str, targets: &[String]) -> Result<(), String> {
    let label: LinkLabel = name.parse().map_err(|error| format!("{error}"))?;
    let interfaces = targets
        .iter()
        .map(|target| {
            let interface: InterfaceId = target.parse().map_err(|error| format!("{error}"))?;
            if ctx.call.shared.linked.has_link(&interface, &label) {
                Ok(interface)
            } else {
                Err(format!("there is no link named `{label}` for `{interface}`"))
            }
        })
        .collect::<Result<Vec<_>, _>>()?;
    for interface in interfaces {
        ctx.call.choose(interface, label.clone());
    }
    Ok(())
}
