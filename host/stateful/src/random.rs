//! Numbers that nobody else draws.

/// One of 2^64, never 0.
pub(crate) fn number() -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *uuid::Uuid::new_v4().as_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h]).max(1)
}
