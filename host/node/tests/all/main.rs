//! Hosts of a lattice in one process, over a real nats-server, running real guests.

#![expect(clippy::unwrap_used, reason = "tests")]

mod aot;
mod apps;
mod calls;
mod commands;
mod drain;
mod edge;
mod events;
mod faults;
mod guests;
mod images;
mod limits;
mod links;
mod logs;
mod messaging;
mod metrics;
mod recent;
mod serving;
mod stateful;
mod streams;
mod support;
mod traces;
