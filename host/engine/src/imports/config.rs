//! `wasi:config` in all its drafts: one function under several names.

use std::collections::BTreeMap;

use wasmtime::component::Linker;
use wasmtime::{Result, StoreContextMut};

use self::generated::wasi::config::store::Error;
use crate::ctx::Ctx;

mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit/deps/wasi-config-0.2.0-rc.1",
        world: "imports",
    });
}

/// They differ in their names only.
const NAMES: [&str; 4] = [
    "wasi:config/store@0.2.0-rc.1",
    "wasi:config/store@0.2.0-draft-2024-09-27",
    "wasi:config/store@0.2.0-draft",
    "wasi:config/runtime@0.2.0-draft",
];

pub(super) fn add(linker: &mut Linker<Ctx>) -> Result<()> {
    for name in NAMES {
        let mut instance = linker.instance(name)?;
        instance.func_wrap("get", |ctx: StoreContextMut<'_, Ctx>, (key,): (String,)| {
            Ok((Ok::<_, Error>(settings(&ctx).get(&key).cloned()),))
        })?;
        instance.func_wrap("get-all", |ctx: StoreContextMut<'_, Ctx>, (): ()| {
            let all = settings(&ctx).iter().map(|(key, value)| (key.clone(), value.clone()));
            Ok((Ok::<_, Error>(all.collect::<Vec<_>>()),))
        })?;
    }
    Ok(())
}

fn settings<'a>(ctx: &'a StoreContextMut<'_, Ctx>) -> &'a BTreeMap<String, String> {
    &ctx.data().call.shared.config
}
