//! A plan as settings of wasmtime.

use lattice_core::aot::CodeArch;
#[cfg(feature = "compiler")]
use lattice_core::aot::{CodeShape, CodeTarget};
use lattice_core::token::CodeFlavor;
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, Memory, MemoryType, PoolingAllocationConfig, Result, Store,
};

use super::plan::{Plan, Shape};
use super::{Compilation, Profile};

/// Whether guests of an engine may use the component model's asynchrony.
///
/// The bookkeeping for it costs every call a third more, so components that do not use it run without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Flavor {
    /// One call at a time in an instance: WASI 0.2.
    Sequential,
    /// The same for instances that stay, as those of stateful actors: they come from no pool, which has few places and is for guests that
    /// come and go.
    Resident,
    /// Several at a time: WASI 0.3.
    Concurrent,
}

impl Flavor {
    /// Whether guests may use asynchrony.
    pub(crate) fn is_concurrent(self) -> bool {
        self == Self::Concurrent
    }
}

impl From<CodeFlavor> for Flavor {
    fn from(flavor: CodeFlavor) -> Self {
        match flavor {
            CodeFlavor::Sequential => Self::Sequential,
            CodeFlavor::Resident => Self::Resident,
            CodeFlavor::Concurrent => Self::Concurrent,
        }
    }
}

impl From<Flavor> for CodeFlavor {
    fn from(flavor: Flavor) -> Self {
        match flavor {
            Flavor::Sequential => Self::Sequential,
            Flavor::Resident => Self::Resident,
            Flavor::Concurrent => Self::Concurrent,
        }
    }
}

/// The stack a guest may use. Interpreters of Python and JavaScript that are compiled to WebAssembly recurse deeply.
const GUEST_STACK_BYTES: usize = 1 << 20;
/// What host functions need on top, since they run on the guest's stack.
const HOST_STACK_BYTES: usize = 1 << 20;
const HOST_STACK_BYTES_SMALL: usize = 512 << 10;

pub(super) fn engine(plan: &Plan, flavor: Flavor, compilation: Compilation) -> Result<Engine> {
    let mut config = config(plan.shape, flavor)?;
    if plan.profile == Profile::Pulley {
        config.target(CodeArch::interpreter().triple())?;
    }
    #[cfg(feature = "compiler")]
    config.enable_compiler(compilation == Compilation::Here);
    #[cfg(not(feature = "compiler"))]
    let _ = compilation;
    let engine = Engine::new(&config)?;
    // On-demand memory is reserved when an instance is made: find out now whether that works.
    let mut store = Store::new(&engine, ());
    Memory::new(&mut store, MemoryType::new(1, None))?;
    Ok(engine)
}

/// An engine that compiles for another machine, and runs nothing. Processor features beyond what each such machine has are not
/// made use of.
#[cfg(feature = "compiler")]
pub(crate) fn for_target(target: CodeTarget, flavor: Flavor) -> Result<Engine> {
    let shape = match target.shape() {
        // How many places there are is of no consequence to the code.
        CodeShape::Server => Shape::Pool { slots: 1 },
        CodeShape::Edge64 => Shape::OnDemand,
    };
    let mut config = config(shape, flavor)?;
    config.target(target.arch().triple())?;
    config.parallel_compilation(true);
    Engine::new(&config)
}

/// What engines of both kinds have in common: all that code depends on. A change here is a new [`ENGINE`](crate::ENGINE).
fn config(shape: Shape, flavor: Flavor) -> Result<Config> {
    let mut config = Config::new();
    config.epoch_interruption(true);
    config.concurrency_support(flavor.is_concurrent());
    config.max_wasm_stack(GUEST_STACK_BYTES);
    config.async_stack_size(GUEST_STACK_BYTES + HOST_STACK_BYTES);
    let shape = match flavor {
        Flavor::Resident => Shape::OnDemand,
        Flavor::Sequential | Flavor::Concurrent => shape,
    };
    match shape {
        Shape::Pool { slots } => {
            config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(slots)));
        }
        Shape::OnDemand => {
            config.async_stack_size(GUEST_STACK_BYTES + HOST_STACK_BYTES_SMALL);
            config.memory_reservation(16 << 20);
            config.memory_reservation_for_growth(1 << 20);
            config.memory_guard_size(64 << 10);
            config.guard_before_linear_memory(false);
            config.memory_may_move(true);
            #[cfg(feature = "compiler")]
            config.parallel_compilation(false);
        }
    }
    Ok(config)
}

/// Only address space is reserved; memory comes with the guests that use it.
fn pool(slots: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots);
    pool.total_memories(slots);
    pool.total_stacks(slots);
    // Components bring several core instances and tables each: adapters, shims, and their parts if composed.
    pool.total_core_instances(slots.saturating_mul(20));
    pool.total_tables(slots.saturating_mul(4));
    pool.max_tables_per_module(16);
    pool.max_memories_per_module(16);
    pool.table_elements(100_000);
    pool.max_core_instance_size(16 << 20);
    pool.max_component_instance_size(16 << 20);
    // What a guest wrote to is cleared for the next one in place, up to this much, which saves it most of its page faults and
    // every other core an interruption. The kernel says which pages those are since Linux 6.7; before, all are cleared.
    pool.pagemap_scan(Enabled::Auto);
    pool.linear_memory_keep_resident(match PoolingAllocationConfig::is_pagemap_scan_available() {
        true => 2 << 20,
        false => 256 << 10,
    });
    pool.table_keep_resident(16 << 10);
    pool.max_unused_warm_slots(32);
    pool
}
