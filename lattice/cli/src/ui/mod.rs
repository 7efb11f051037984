//! `lattice ui`: a page about the lattice, served to a browser on this machine, and kept up to date while it is open.
//!
//! Everything that is shown comes from elsewhere: [`Sources`]. Nothing can be changed through it.

// What is told.
mod journal;
mod news;
mod recent;
mod told;

// How it is served.
mod access;
mod answer;
mod assets;
mod jaeger;
mod server;
mod stream;

#[cfg(test)]
mod testing;

pub(crate) use access::{Access, Listen};
pub(crate) use jaeger::Jaeger;
pub(crate) use journal::Journal;
pub(crate) use news::News;
pub(crate) use recent::RecentTraces;
pub(crate) use server::{Server, Sources};
