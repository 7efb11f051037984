//! The key-value provider on a real redis-server.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod process;
mod store;
