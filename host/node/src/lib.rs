//! One host: everything that runs on one machine of a lattice, started and stopped in order.
//!
//! A [`Node`] joins a lattice as a member, compiles and runs actors, carries the built-in providers, and obeys commands. It is
//! where links become calls: an actor's import leads to the link in force, the link to a provider or an actor, and that is
//! called here if it is here, elsewhere otherwise, with the same result either way.
//!
//! Where to start reading: [`Node`] for what is started in which order, `invoke` for where a call goes, `linked` for what an
//! actor's imports lead to, `receiver` for calls that come in, `actors::operations` for start, scale, replace and stop.
//!
//! What holds here: nothing is called without a link in this host's own verified table, looked up anew on every call; a call
//! that was let in is finished or told why not; others are told that an actor is gone before it is closed; no task is without
//! an owner.

mod config;
mod node;
mod shared;

// Actors and providers on this host.
mod actors;
mod artifacts;
mod providers;

// Calls.
mod grants;
mod invoke;
mod invoker;
mod limited;
mod linked;
mod meter;
mod orders;
mod receiver;
mod restore;
mod route;
mod secrets;
mod spans;
mod traced;

// Actors with state.
mod stateful;

// Commands and what is told.
mod control;
pub mod events;
mod failures;
mod gauges;
mod logs;

// Helpers.
mod backoff;
mod chain;
mod gate;
mod ids;
mod machine;
mod pulse;
mod tasks;
mod turns;

#[cfg(feature = "testing")]
pub mod testing;

pub use config::{BlobLimits, NodeConfig};
pub use lattice_controller::ControllerSettings;
pub use node::{Node, StartError, Stopped};
pub use pulse::{Pulse, Vitals};
