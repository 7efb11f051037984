//! The messaging provider on NATS.
//!
//! It works in two directions, each with a link of its own.
//!
//! **From an actor** (`wasmcloud:messaging/consumer`): the actor publishes and asks. Link configuration:
//!
//! | key | default | meaning |
//! |---|---|---|
//! | `publish` | none | subjects that the actor may publish to or ask, comma-separated, with NATS wildcards |
//!
//! Answers to `_INBOX` subjects are always allowed: nobody knows one who was not asked.
//!
//! **To an actor** (`wasmcloud:messaging/handler`): the provider subscribes and hands messages over. Link configuration:
//!
//! | key | default | meaning |
//! |---|---|---|
//! | `subscriptions` | (required) | `subject` or `subject\|queue`, comma-separated, with NATS wildcards |
//! | `concurrency` | `64` | messages in the actor's hands at a time on this host; with 1 they are handled in order |
//! | `waiting` | `1024` | messages that wait beyond those; one more is refused, and answered so if it asks for an answer |
//! | `timeout` | `30s` | longest a message may take, waiting included |
//!
//! One token of a subscription may be `{key}`: `devices.{key}.telemetry` hears `devices.*.telemetry` and hands each message to the stateful
//! actor that the token names. A message whose token cannot be a key is refused, and answered so if it asks for an answer.
//!
//! The queue group is the actor's name unless the link names another, so that of all hosts that run the provider one hands a
//! message over. A message that nobody took up (the actor is overloaded, or moving) is tried again until its time is over. When
//! handling fails and the message asks for an answer, the answer has the headers `Nats-Service-Error` and
//! `Nats-Service-Error-Code`.
//!
//! The subjects of the lattice and of NATS itself (`lat.>`, `$JS.>`, `$KV.>`, `$SYS.>`, ...) are never open to actors, whatever
//! a link says.
//!
//! Provider configuration: `url`, `credentials` and `domain` as in [`provider_sdk::broker`]; said nothing, it works on the NATS
//! system of the lattice.

mod config;
mod consumer;
mod delivery;
mod heard;
mod intake;
mod provider;
pub mod subjects;

pub use provider::{KIND, NatsMessaging};
