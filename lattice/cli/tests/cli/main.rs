//! The `lattice` program as people use it: run as a process, judged by its output and exit code.

mod actors;
mod apps;
mod dev;
mod fixture;
mod keys;
mod links;
mod offline;
mod telling;
mod tracing;
mod tree;
mod ui;
