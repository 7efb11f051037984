//! The baseline of calls between actors: the same two components under wasmtime alone, joined by the least that joins them.
//!
//! A fresh instance of the callee serves each call, as it does under Lattice by default.

use anyhow::{Context, Result, anyhow};
use wasmtime::component::{Component, InstancePre, Linker, ResourceTable, Val};
use wasmtime::{Config, Enabled, Engine, PoolingAllocationConfig, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

/// The interface the two speak.
const PONG: &str = "example:ping-pong/pong@0.1.0";
/// The function of it that is measured.
const PING: &str = "ping";

struct State {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

/// A caller (`test-relay`) whose import is served by a callee (`pong`).
pub(crate) struct Bare {
    engine: Engine,
    relay: InstancePre<State>,
}

impl Bare {
    /// Compiles and links the two.
    pub(crate) fn new(relay: &[u8], pong: &[u8]) -> Result<Self> {
        // Tuned as our own engine is, so that what is compared is what comes on top of it.
        let mut pool = PoolingAllocationConfig::new();
        pool.pagemap_scan(Enabled::Auto).linear_memory_keep_resident(2 << 20);
        let mut config = Config::new();
        config.epoch_interruption(true).allocation_strategy(pool);
        let engine = Engine::new(&config).map_err(lift)?;
        let callee = callee(&engine, pong)?;
        let mut linker = linker(&engine)?;
        let target = engine.clone();
        linker
            .instance(PONG)
            .map_err(lift)?
            .func_new_async(PING, move |_, _, params, results| {
                let (engine, callee) = (target.clone(), callee.clone());
                Box::new(async move { serve(&engine, &callee, params, results).await })
            })
            .map_err(lift)?;
        // The relay never plays a whole round, but imports the function.
        linker
            .instance(PONG)
            .map_err(lift)?
            .func_new_async("play", |_, _, _, _| {
                Box::new(async { Err(wasmtime::format_err!("not measured")) })
            })
            .map_err(lift)?;
        let relay = Component::new(&engine, relay).map_err(lift)?;
        let relay = linker.instantiate_pre(&relay).map_err(lift)?;
        Ok(Self { engine, relay })
    }

    /// Lets the relay make `calls` calls with messages of `message_bytes`; returns how many came back right.
    pub(crate) async fn many(&self, calls: u32, message_bytes: u32) -> Result<u32> {
        let mut store = store(&self.engine);
        let instance = self.relay.instantiate_async(&mut store).await.map_err(lift)?;
        let interface = instance
            .get_export_index(&mut store, None, "test:relay/relay@0.1.0")
            .context("no relay interface")?;
        let many = instance
            .get_export_index(&mut store, Some(&interface), "many")
            .context("no function `many`")?;
        let many = instance.get_func(&mut store, many).context("`many` is no function")?;
        let mut results = [Val::U32(0)];
        many.call_async(&mut store, &[Val::U32(calls), Val::U32(message_bytes)], &mut results)
            .await
            .map_err(lift)?;
        match results {
            [Val::U32(right)] => Ok(right),
            other => Err(anyhow!("`many` returned {other:?}")),
        }
    }
}

async fn serve(
    engine: &Engine,
    callee: &InstancePre<State>,
    params: &[Val],
    results: &mut [Val],
) -> wasmtime::Result<()> {
    let mut store = store(engine);
    let instance = callee.instantiate_async(&mut store).await?;
    let interface = instance.get_export_index(&mut store, None, PONG);
    let ping = interface.and_then(|interface| instance.get_export_index(&mut store, Some(&interface), PING));
    let ping = ping.and_then(|ping| instance.get_func(&mut store, ping));
    let Some(ping) = ping else {
        wasmtime::bail!("pong exports no `{PING}`")
    };
    ping.call_async(&mut store, params, results).await
}

fn callee(engine: &Engine, pong: &[u8]) -> Result<InstancePre<State>> {
    let mut linker = linker(engine)?;
    let mut config = linker.instance("wasi:config/store@0.2.0-rc.1").map_err(lift)?;
    let nothing = |_: wasmtime::StoreContextMut<'_, State>,
                   _: wasmtime::component::types::ComponentFunc,
                   _: &[Val],
                   _: &mut [Val]| { Err(wasmtime::format_err!("not measured")) };
    config.func_new("get", nothing).map_err(lift)?;
    config.func_new("get-all", nothing).map_err(lift)?;
    let component = Component::new(engine, pong).map_err(lift)?;
    linker.instantiate_pre(&component).map_err(lift)
}

fn linker(engine: &Engine) -> Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(lift)?;
    Ok(linker)
}

fn store(engine: &Engine) -> Store<State> {
    let state = State {
        wasi: WasiCtx::builder().build(),
        table: ResourceTable::new(),
    };
    let mut store = Store::new(engine, state);
    store.set_epoch_deadline(u64::MAX / 2);
    store
}

#[expect(clippy::needless_pass_by_value, reason = "passed to map_err")]
fn lift(error: wasmtime::Error) -> anyhow::Error {
    anyhow!("{error:?}")
}
