//! Stateful actors: one live instance per key, at most one in the lattice that counts.

mod address;
mod key;
mod policy;

pub use address::{CallAddress, Lane, MalformedAddress};
pub use key::{ActorKey, KeyedActor};
pub use policy::{Durability, Stateful};
