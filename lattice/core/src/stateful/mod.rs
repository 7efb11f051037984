//! Stateful actors: one live instance per key, at most one in the lattice that counts.

mod address;
pub mod blob;
mod homes;
mod key;
mod life;
mod policy;

pub use address::{CHAIN_MAX, CallAddress, Lane, MalformedAddress, derived_id};
pub use homes::homes;
pub use key::{ActorKey, KeyedActor};
pub use life::{Cause, Cells, Effects, Image, PeerSend, Refusal, ReminderChange, Saved, StopReason};
pub use policy::{Durability, Stateful};
