//! Compiles, links, limits and calls WebAssembly components. The only crate that names wasmtime.
//!
//! An [`Engine`] finds out how guests run best on the machine it is on, compiles components once, and starts [`Actor`]s: a
//! component joined with exactly what its links grant. What lies behind a link, and where, is not known here: the engine
//! asks a [`Linked`] for it. Nothing in this crate talks to a network.
//!
//! Where to start reading: [`Actor`] for what a call goes through, [`Live`] for the turns of a stateful one, `imports` for what a guest finds, `compile` for how bytes
//! become code, `profile` for how the machine decides.
//!
//! What holds here: a guest reaches nothing that was not granted; a call ends at its deadline, or when its caller drops it;
//! a call over a limit is refused at once; bytes from outside never panic; machine code is loaded only if this host made it, or
//! somebody whom it believes vouches for it.

mod actor;
#[cfg(feature = "compiler")]
mod aot;
mod compile;
mod compiled;
mod config;
mod ctx;
mod engine;
mod epoch;
mod fault;
mod gate;
mod handles;
mod imports;
mod limits;
mod linked;
mod live;
mod log;
mod profile;
mod served;
mod shape;
mod start_error;
mod values;

pub use actor::{Actor, ActorOptions, ActorStats, Drained, Live};
#[cfg(feature = "compiler")]
pub use aot::{Precompiled, precompile};
pub use compile::{LoadError, Loads};
pub use compiled::Compiled;
pub use config::EngineConfig;
pub use engine::{Engine, EngineError};
pub use lattice_core::stateful::{Cause, Cells, Effects, Image, PeerSend, Refusal, ReminderChange, Saved, StopReason};
pub use linked::{
    Granted, Grants, Linked, LogLevel, LogLine, LogSource, Need, Origin, OutgoingCall, PeerCall, TurnRef, Within,
};
pub use live::{Turn, WakeError, Waking};
pub use profile::{
    AddressLimit, Compilation, FailedProfile, Machine, Profile, ProfileChoice, ProfileReport, UnknownProfile, Why,
};
pub use served::InterfaceClass;
pub use shape::{FunctionSig, InterfaceUse, Shape};
pub use start_error::{Import, ImportProblem, ImportProblemKind, StartError};
pub use values::{Args, DecodeError, EncodeError, Signature, TextError, TextFormat, TypeMismatch, Values};

/// The engine that machine code is for: the version of wasmtime, whose code no other version takes, and the revision of our own
/// settings that code depends on.
pub const ENGINE: &str = "wasmtime-48.1";
