//! What an actor may know of the turn it is in, and the reminders it sets.

use std::time::Duration;

use crate::Identity;
use crate::generated::actor::lattice::actor::{context, reminders};

/// Who this is.
pub fn me() -> Identity {
    context::self_()
}

/// Which ownership of the actor this is. It grows with every one: a number to fence off outside what an earlier one may still do.
pub fn epoch() -> u64 {
    context::epoch()
}

/// Names the message that is being served: the same when it is served again because an answer was lost. A good idempotency key.
pub fn turn_id() -> String {
    context::turn_id()
}

/// The stateful actor that sent the message, if one did.
pub fn sender() -> Option<Identity> {
    context::sender()
}

/// How long the caller waits yet.
pub fn deadline() -> Duration {
    Duration::from_millis(context::deadline_ms())
}

/// What time it is, in milliseconds since 1970. The same for the whole turn.
pub fn now_ms() -> u64 {
    context::now_ms()
}

/// Sets a reminder, or sets it anew: `after` from now, then `every` so often if that is given. It survives moves and the loss of hosts.
pub fn remind(name: &str, after: Duration, every: Option<Duration>, payload: &[u8]) {
    reminders::set(name, millis(after), every.map(millis), payload);
}

/// Takes a reminder back.
pub fn forget(name: &str) {
    reminders::cancel(name);
}

/// A time beyond what fits is never: half a billion years will do.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
