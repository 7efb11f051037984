//! From what is desired and what is observed to what has to be done. Pure: no I/O, no clock, no randomness.
//!
//! Level-triggered: each call to [`decide`] looks at everything anew, so that a lost event, a new leader or a command whose outcome
//! nobody heard makes no difference. What a decision must remember is in [`Memory`], and all of that may be lost at any time: it
//! only keeps the controller from asking twice.

mod action;
mod decide;
mod desired;
mod links;
mod memory;
mod observed;
mod placing;
mod providers;
mod rollout;
mod status;

pub use action::{Action, Target};
pub use decide::{Decision, decide};
pub use desired::{Desired, KnownApp, KnownLink};
pub use memory::{Blame, Memory, Outcome};
pub use observed::{Observed, ObservedActor, ObservedHost, ObservedLink, ObservedProvider};
pub use status::{ActorProgress, AppPhase, AppProgress, ProviderProgress};

#[cfg(test)]
mod tests;
