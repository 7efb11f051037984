//! Capabilities carried over a real nats-server between two members, each with credentials of its own.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod http;
mod keyed;
mod keyvalue;
mod lifecycle;
mod messaging;
mod support;
