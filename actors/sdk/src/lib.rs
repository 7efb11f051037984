//! Stateful actors in Rust: an actor is a struct, and what it is asked are methods.
//!
//! There is one live instance for each key (`cart/alice`, `cart/bob`), and it serves one message at a time. What a message changed is
//! kept before its answer leaves, so the methods of an actor change fields and answer; where the actor lives and how it gets from
//! one host to another is not their business.
//!
//! ```no_run
//! use lattice_actor::{Activation, HandleHttp, Method, Request, Response, StatefulActor};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Visits {
//!     count: u64,
//! }
//!
//! impl StatefulActor for Visits {
//!     fn wake(_: &Activation) -> Self {
//!         Self { count: 0 }
//!     }
//! }
//!
//! impl HandleHttp for Visits {
//!     fn http(&mut self, request: Request) -> Response {
//!         if request.method == Method::Post {
//!             self.count += 1;
//!         }
//!         Response::text(200, format!("{} visits\n", self.count))
//!     }
//! }
//!
//! lattice_actor::export!(Visits: http);
//! ```
//!
//! An actor exports what it names in [`export!`] and imports what it calls, both of which tell the host what to expect of it.
//!
//! Nothing here panics on what comes from outside, and neither should an actor: a panic costs the turn and the instance.

mod actor;
mod export;
mod home;
mod http;
mod image;
mod text;
mod turn;

/// For [`export!`] only.
#[doc(hidden)]
pub mod generated;

pub use actor::{HandleHttp, HandleMessages, HandlePeers, HandleReminders, Reminder, StatefulActor};
pub use generated::actor::lattice::actor::types::{Activation, Cause, Fault, Identity, Image, StopReason};
pub use generated::messages::wasmcloud::messaging::types::BrokerMessage;
pub use http::{Method, Request, Response};
pub use text::{percent_decode, percent_encode};
pub use turn::{deadline, epoch, forget, me, now_ms, remind, sender, turn_id};

/// Cells of state, kept by the host: for state that is large, of which a turn changes little. What a turn writes is stored with it.
pub use generated::actor::lattice::actor::state as cells;

/// Other stateful actors, as far as links grant them. `call` waits for an answer; `send` leaves when the turn is stored, and is tried until
/// it was taken.
pub use generated::actor::lattice::actor::peers;

#[doc(hidden)]
pub mod private {
    pub use crate::export::Exported;
    pub use crate::home::{Home, Housed};
}
