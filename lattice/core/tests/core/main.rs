//! Everything about `lattice-core` that is told from outside: tokens, trust, links, presence, wire bytes.

mod aot;
mod commands;
mod garbage;
mod golden;
mod images;
mod link_model;
mod link_table;
mod members;
mod nats;
mod presence;
mod round_trips;
mod support;
mod tokens;
mod trust;
