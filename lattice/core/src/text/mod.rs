//! The few texts that people write and read: durations, byte sizes, dates. Used by the CLI, manifests and messages alike.

pub mod bytes;
pub mod date;
pub mod duration;

pub use bytes::{format_bytes, parse_bytes};
pub use duration::{format_duration, parse_duration};

/// A text that is not the quantity it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}")]
pub struct ParseQuantityError {
    text: String,
    expected: &'static str,
}

/// Splits `12.5MiB` into `("12.5", "MiB")`.
fn split_unit(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(text.len());
    text.split_at(end)
}
