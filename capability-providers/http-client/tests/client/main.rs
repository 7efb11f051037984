//! The HTTP client against servers that the test writes byte by byte.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod exchange;
mod failures;
mod support;
mod tls;
