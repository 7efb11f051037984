//! The host program as a process: started, told to stop, killed, flooded.

#![expect(clippy::unwrap_used, reason = "tests")]

mod flood;
mod kill;
mod process;
mod start;
mod watched;
