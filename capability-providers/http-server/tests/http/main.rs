//! The HTTP server over real sockets, with an actor of the test's own behind it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod bodies;
mod faults;
mod keys;
mod lifecycle;
mod limits;
mod precedence;
mod routing;
mod support;
