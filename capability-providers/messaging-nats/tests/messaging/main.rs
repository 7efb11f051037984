//! The messaging provider on a real nats-server, with an actor of the test's own.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod deliver;
mod publish;
mod support;
