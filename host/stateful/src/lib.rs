//! Stateful actors on one host: who owns each, one turn at a time, stored before it is answered, moved while it runs.
//!
//! This crate knows neither WebAssembly nor how hosts reach each other: a [`Kind`] wakes actors, [`Neighbours`] carry questions. What it knows is
//! when what an actor has done counts.
//!
//! * **One record** per actor in JetStream says who owns it and holds its state, the answers it may have to repeat, the messages it still owes
//!   and its reminders. Every write names the revision it follows, so that all of a turn counts or nothing, and only for one owner.
//! * **Sessions** say which hosts are there. An actor belongs to a host during one session; ending the session of a host that does
//!   not answer is what lets others take its actors over, and is safe whatever clocks say.
//! * **The output gate** holds every answer until what it rests on is stored, or until the session vouches that nobody else can have changed it.
//! * **Calls carry ids.** Made again after a loss, a call is answered from the record instead of run twice.
//!
//! Where to start reading: `record` for what is kept, `ownership` for who may have it, `activation` for the life of one actor,
//! `moves` for how it changes hosts, `session` for why none of that needs clocks to agree.

// What is kept, and who may have it.
mod ownership;
mod record;
mod session;
mod store;

// The life of one actor.
mod activation;
mod driven;
mod moves;
mod room;
mod slot;

// All of them.
mod failover;
mod forwarding;
mod index;
mod runtime;

// What others give and hear.
mod ports;
mod timing;

// Helpers.
mod clock;
mod random;
#[cfg(feature = "sabotage")]
pub mod sabotage;

pub use moves::{MOVED, MoveError, MoveOrder, Moved, Phase, Progress};
pub use ports::{
    Answer, Call, Details, Due, Instance, Kind, Neighbours, Question, SharedKind, Turn, WakeError, Waking,
};
pub use runtime::{Runtime, RuntimeConfig, Whereabouts};
pub use store::StoreError;
pub use timing::Timing;

/// An error with all its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
