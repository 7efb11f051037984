//! The `lattice` program as people use it: run as a process, judged by its output and exit code.

mod actors;
mod aot;
mod apps;
mod dev;
mod fixture;
mod images;
mod invitations;
mod keys;
mod links;
mod new;
mod offline;
mod telling;
mod tracing;
mod tree;
mod ui;
