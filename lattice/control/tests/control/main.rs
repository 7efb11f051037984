//! The control interface over a real nats-server: hosts here are stand-ins that remember what they were told.

mod authority;
mod commands;
mod fixture;
mod links;
mod placing;
mod roll_call;
