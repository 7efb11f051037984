//! What went wrong in a guest, told as a fault that names who is to blame.

use lattice_core::{Blame, Fault, FaultKind, VersionedInterface};
use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::limits::MemoryLimit;

/// Functions of the backtrace that are named in a fault. The log has all of them.
const FRAMES_SHOWN: usize = 3;

/// A fault on its way through a guest: raised by a host function, to be returned to whoever called the guest.
#[derive(Debug)]
pub(crate) struct Raised(Fault);

impl Raised {
    /// A call that the guest made failed. The guest had begun by then, so whatever the callee says of repeating the call
    /// no longer holds for the guest's own.
    pub(crate) fn by_call(interface: &VersionedInterface, function: &str, fault: &Fault) -> Self {
        let kind = if fault.kind.is_safe_to_retry() {
            FaultKind::Backend
        } else {
            fault.kind
        };
        let message = format!(
            "the call of {interface}.{function} failed: {}: {}",
            fault.kind, fault.message
        );
        Self(Fault::new(kind, message).blaming(fault.blame))
    }

    pub(crate) fn deadline() -> Self {
        Self(deadline_passed())
    }

    /// The guest did what it must not.
    pub(crate) fn misuse(message: impl Into<String>) -> Self {
        Self(Fault::new(FaultKind::Trap, message))
    }

    /// The guest has, or gives, more than it may.
    pub(crate) fn too_large(message: impl Into<String>) -> Self {
        Self(Fault::new(FaultKind::TooLarge, message).blaming(Blame::Guest))
    }
}

impl From<Fault> for Raised {
    fn from(fault: Fault) -> Self {
        Self(fault)
    }
}

impl std::fmt::Display for Raised {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Raised {}

pub(crate) fn deadline_passed() -> Fault {
    Fault::new(
        FaultKind::DeadlineExceeded,
        "the deadline passed while the guest ran, and it was interrupted",
    )
}

pub(crate) fn actor_stopped() -> Fault {
    Fault::new(FaultKind::Cancelled, "the actor was stopped").blaming(Blame::Host)
}

/// Explains an error that came out of wasmtime while a guest was made or ran.
pub(crate) fn explain(error: &wasmtime::Error, memory: Option<&MemoryLimit>) -> Fault {
    if let Some(Raised(fault)) = error.downcast_ref::<Raised>() {
        return fault.clone();
    }
    if let Some(limit) = error.downcast_ref::<PoolConcurrencyLimitError>() {
        return Fault::new(
            FaultKind::Overloaded,
            format!("this host runs as many instances as it can: {limit}"),
        );
    }
    if let Some((wanted, max)) = memory.and_then(|memory| Some((memory.refused()?, memory.max()))) {
        let message = format!(
            "the guest wanted {} of memory, its limit is {}",
            size(wanted),
            size(max)
        );
        return Fault::new(FaultKind::LimitMemory, message);
    }
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        return Fault::new(
            FaultKind::Trap,
            format!("the guest exited with status {} in the middle of a call", exit.0),
        );
    }
    let place = place(error);
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => deadline_passed(),
        Some(trap) => Fault::new(FaultKind::Trap, format!("{trap}{place}")),
        None if place.is_empty() => Fault::internal(format!("{error:#}")),
        None => Fault::new(FaultKind::Trap, format!("{}{place}", error.root_cause())).blaming(Blame::Guest),
    }
}

/// `in a <- b <- c`, innermost first.
fn place(error: &wasmtime::Error) -> String {
    let Some(trace) = error.downcast_ref::<WasmBacktrace>() else {
        return String::new();
    };
    let names: Vec<_> = trace
        .frames()
        .iter()
        .take(FRAMES_SHOWN)
        .map(|frame| {
            frame
                .func_name()
                .map_or_else(|| format!("function {}", frame.func_index()), ToOwned::to_owned)
        })
        .collect();
    if names.is_empty() {
        String::new()
    } else {
        format!(" in {}", names.join(" <- "))
    }
}

fn size(bytes: usize) -> String {
    match bytes {
        0..0x10_0000 => format!("{} KiB", bytes.div_ceil(1 << 10)),
        _ => format!("{} MiB", bytes.div_ceil(1 << 20)),
    }
}

/// Explains an error that the guest answered an HTTP request with, instead of a response.
pub(crate) fn explain_answer(error: &wasmtime::Error) -> Fault {
    match error.downcast_ref::<Raised>() {
        Some(Raised(fault)) => fault.clone(),
        None => Fault::new(
            FaultKind::Trap,
            format!("the guest answered with an error: {}", error.root_cause()),
        ),
    }
}
