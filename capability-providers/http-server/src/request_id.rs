//! The `x-request-id` that ties a client's request to our logs.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue};

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id taken from a client.
const LEN_MAX: usize = 128;

/// Makes request ids: unique in the lattice for all practical purposes, and cheap enough for every request.
pub(crate) struct RequestIds {
    prefix: u64,
    next: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new() -> Self {
        // The standard library's hash keys are the operating system's random numbers.
        Self {
            prefix: RandomState::new().hash_one(0u8),
            next: AtomicU64::new(RandomState::new().hash_one(1u8)),
        }
    }

    /// Returns the client's own id if it sent a usable one, else a new one, which is also put into `headers`.
    pub(crate) fn take(&self, headers: &mut HeaderMap) -> HeaderValue {
        if let Some(id) = headers
            .get(X_REQUEST_ID)
            .filter(|id| id.len() <= LEN_MAX && id.to_str().is_ok_and(|id| !id.is_empty()))
        {
            return id.clone();
        }
        let id = self.make();
        headers.insert(X_REQUEST_ID, id.clone());
        id
    }

    fn make(&self) -> HeaderValue {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let number = (u128::from(self.prefix) << 64) | u128::from(self.next.fetch_add(1, Ordering::Relaxed));
        let text: [u8; 32] = std::array::from_fn(|at| HEX[(number >> (4 * (31 - at))) as usize & 0xf]);
        HeaderValue::from_bytes(&text).expect("hexadecimal digits are a header value")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_kept_or_made() {
        let ids = RequestIds::new();
        let mut headers = HeaderMap::new();
        let made = ids.take(&mut headers);
        assert_eq!((made.len(), headers.get(X_REQUEST_ID)), (32, Some(&made)));
        assert_eq!(ids.take(&mut headers), made);
        assert_ne!(ids.take(&mut HeaderMap::new()), made);
        headers.insert(
            X_REQUEST_ID,
            HeaderValue::from_str(&"x".repeat(4000)).expect("a header"),
        );
        assert_eq!(ids.take(&mut headers).len(), 32);
    }
}
